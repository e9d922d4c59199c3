import { Either } from "effect"
import { type GenericMetric, metricProblem } from "../../domain/GenericMetric.js"
import { isTimestamp } from "../../domain/Timestamp.js"
import type { SeriesDictionary, SeriesEntry } from "./SeriesDictionary.js"

/**
 * What waits of a call until it is committed: valid metrics as columns, so that
 * the objects they came in need not outlive the call. Of the columns `count`
 * rows count.
 */
export interface PackedMetrics {
  readonly count: number
  readonly series: ReadonlyArray<SeriesEntry>
  /** Ms since the epoch. */
  readonly time: ReadonlyArray<number>
  readonly value: ReadonlyArray<number>
}

/** Columns that can be filled again. */
interface Columns extends PackedMetrics {
  count: number
  readonly series: Array<SeriesEntry>
  readonly time: Array<number>
  readonly value: Array<number>
}

// Calls beyond so many at a time, and columns longer than this, are not worth keeping.
const maxSpare = 16
const longestSpare = 2_048

/**
 * Columns that calls lend and give back. They outlive a collection of young
 * garbage while they wait for their commit, so that those of every call would
 * gather in the old heap.
 */
export class SpareColumns {
  private readonly spare: Array<Columns> = []

  /** Empty columns. */
  take(): Columns {
    return this.spare.pop() ?? { count: 0, series: [], time: [], value: [] }
  }

  /** Takes back columns that nobody reads any more. */
  giveBack(columns: Columns): void {
    if (this.spare.length === maxSpare || columns.series.length > longestSpare) return
    columns.count = 0
    this.spare.push(columns)
  }
}

/** The metrics of a call, and what was refused of it. */
export interface Packing {
  readonly packed: Columns
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
      count: 1,
      series: [known ?? dictionary.resolve(metric)],
      time: [metric.timestamp ?? now],
      value: [metric.value]
    })
    : Either.left(problem)
}

/** Checks metrics and packs the valid ones into empty columns; those without a timestamp get `now`, ms since the epoch. */
export const packMetrics = (
  dictionary: SeriesDictionary,
  metrics: Iterable<GenericMetric>,
  now: number,
  packed: Columns
): Packing => {
  const { series, time, value } = packed
  let count = 0
  const rejected: Array<{ readonly index: number; readonly message: string }> = []
  let index = 0
  for (const metric of metrics) {
    const known = dictionary.find(metric)
    const problem = known !== undefined && hasValidNumbers(metric) ? undefined : metricProblem(metric)
    if (problem === undefined) {
      series[count] = known ?? dictionary.resolve(metric)
      time[count] = metric.timestamp ?? now
      value[count] = metric.value
      count++
    } else rejected.push({ index, message: problem })
    index++
  }
  packed.count = count
  return { packed, rejected }
}
