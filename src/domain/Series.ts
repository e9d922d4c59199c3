import type { GenericMetric } from "./GenericMetric.js"
import { identity, seriesKey, type Tags } from "./Identity.js"
import type { JsonObject } from "./Json.js"

/** What a series measures; hints for people and other engines, no part of its identity. */
export interface SeriesHints {
  /** How its values behave, as in `gauge` or `counter`. */
  readonly kind?: string | undefined
  /** The unit of its values, as in `percent` or `bytes`. */
  readonly unit?: string | undefined
}

/** One series: the points of one origin, metric type and set of tags. */
export interface Series extends SeriesHints {
  readonly origin: string
  readonly metricType: string
  /** Sorted by name. */
  readonly tags: Tags
  /** Equal for two series exactly when they are the same series. */
  readonly key: string
}

/** Makes a {@link Series}, sorting its tags. */
export const makeSeries = (
  origin: string,
  metricType: string,
  tags: Tags,
  hints: SeriesHints = {}
): Series => {
  const sorted = identity({ metadata: tags }).tags
  return { origin, metricType, tags: sorted, key: seriesKey(origin, metricType, sorted), ...hints }
}

/** Points of any number of series, as columns of equal length. */
export interface Points {
  readonly series: ReadonlyArray<Series>
  /** Ms since the epoch. */
  readonly time: ReadonlyArray<number>
  readonly value: ReadonlyArray<number>
  /** Fields beside the value; `undefined` where there are none. */
  readonly fields: ReadonlyArray<JsonObject | undefined>
}

/** Turns metrics into points, stamping those without a timestamp with `now` (ms since the epoch). */
export const pointsOf = (metrics: ReadonlyArray<GenericMetric>, now: number): Points => {
  const series: Array<Series> = []
  const time: Array<number> = []
  const value: Array<number> = []
  const fields: Array<JsonObject | undefined> = []
  for (const metric of metrics) {
    const own = identity(metric)
    series.push({
      origin: metric.origin,
      metricType: metric.metricType,
      tags: own.tags,
      key: seriesKey(metric.origin, metric.metricType, own.tags)
    })
    time.push(metric.timestamp ?? now)
    value.push(metric.value === 0 ? 0 : metric.value)
    fields.push(own.fields)
  }
  return { series, time, value, fields }
}
