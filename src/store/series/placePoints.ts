import type { JsonObject } from "../../domain/Json.js"
import type { Points, Series } from "../../domain/Series.js"
import type { Columns } from "../Columns.js"
import { overflowFields, overflowSeries } from "./Overflow.js"
import type { SeriesIndex } from "./SeriesIndex.js"

/** Most series of one metric type, unless said otherwise. */
export const DEFAULT_MAX_SERIES = 10_000

/** Points whose series have ids. */
export interface Placed {
  readonly columns: Columns
  readonly defined: ReadonlyArray<readonly [id: number, series: Series]>
}

/** Keys of series by their metric types. */
export type KeysByType = ReadonlyMap<string, ReadonlySet<string>>

/**
 * Gives the series of points their ids; `define` makes one for a series that
 * `index` does not know, or finds it among those that are `fresh`: made a moment
 * ago, and not known there yet. Where a metric type has `most` series already,
 * points of further ones go to its overflow series.
 */
export const placePoints = (
  points: Points,
  index: SeriesIndex,
  most: number,
  define: (series: Series) => number,
  fresh: KeysByType = new Map()
): Placed => {
  const defined = new Map<string, readonly [number, Series]>()
  const definedOf = new Map<string, number>()
  let changed: Array<JsonObject | undefined> | undefined
  const isFresh = ({ key, metricType }: Series): boolean => fresh.get(metricType)?.has(key) === true
  const sizeOf = (metricType: string): number =>
    index.sizeOf(metricType) + (fresh.get(metricType)?.size ?? 0) + (definedOf.get(metricType) ?? 0)
  const identify = (series: Series): number => {
    const known = index.idOf(series.key) ?? defined.get(series.key)?.[0]
    if (known !== undefined) return known
    const id = define(series)
    defined.set(series.key, [id, series])
    if (isFresh(series)) return id
    definedOf.set(series.metricType, (definedOf.get(series.metricType) ?? 0) + 1)
    return id
  }
  const ids = points.series.map((series, i) => {
    const known = index.idOf(series.key) ?? defined.get(series.key)?.[0]
    if (known !== undefined) return known
    if (isFresh(series) || sizeOf(series.metricType) < most) return identify(series)
    changed ??= Array.from(points.fields)
    changed[i] = overflowFields(series, points.fields[i])
    return identify(overflowSeries(series.metricType))
  })
  return {
    columns: { series: ids, time: points.time, value: points.value, fields: changed ?? points.fields },
    defined: Array.from(defined.values())
  }
}
