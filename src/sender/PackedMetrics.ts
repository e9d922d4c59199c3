import { Either } from "effect"
import { type GenericMetric, metricProblem } from "../domain/GenericMetric.js"
import { isTimestamp } from "../domain/Timestamp.js"
import type { SeriesDictionary, SeriesEntry } from "./SeriesDictionary.js"

/**
 * What waits of a call until it is committed: valid metrics as columns, so that
 * the objects they came in need not outlive the call.
 */
export interface PackedMetrics {
  readonly series: ReadonlyArray<SeriesEntry>
  /** Ms since the epoch. */
  readonly time: ReadonlyArray<number>
  readonly value: ReadonlyArray<number>
}

/** The metrics of a call, and what was refused of it. */
export interface Packing {
  readonly packed: PackedMetrics
  readonly rejected: ReadonlyArray<{ readonly index: number; readonly message: string }>
}

const hasValidNumbers = ({ timestamp, value }: GenericMetric): boolean =>
  Number.isFinite(value) && (timestamp === undefined || isTimestamp(timestamp))

/** Checks one metric and packs it, or says what is wrong with it; without a timestamp it gets `now`, ms since the epoch. */
export const packMetric = (
  dictionary: SeriesDictionary,
  metric: GenericMetric,
  now: number
): Either.Either<PackedMetrics, string> => {
  const known = dictionary.find(metric)
  const problem = known !== undefined && hasValidNumbers(metric) ? undefined : metricProblem(metric)
  return problem === undefined
    ? Either.right({
      series: [known ?? dictionary.resolve(metric)],
      time: [metric.timestamp ?? now],
      value: [metric.value]
    })
    : Either.left(problem)
}

/** Checks metrics and packs the valid ones; those without a timestamp get `now`, ms since the epoch. */
export const packMetrics = (dictionary: SeriesDictionary, metrics: Iterable<GenericMetric>, now: number): Packing => {
  const series: Array<SeriesEntry> = []
  const time: Array<number> = []
  const value: Array<number> = []
  const rejected: Array<{ readonly index: number; readonly message: string }> = []
  let index = 0
  for (const metric of metrics) {
    const known = dictionary.find(metric)
    const problem = known !== undefined && hasValidNumbers(metric) ? undefined : metricProblem(metric)
    if (problem === undefined) {
      series.push(known ?? dictionary.resolve(metric))
      time.push(metric.timestamp ?? now)
      value.push(metric.value)
    } else rejected.push({ index, message: problem })
    index++
  }
  return { packed: { series, time, value }, rejected }
}
