import type { JsonObject } from "../domain/Json.js"
import type { Points } from "../domain/Series.js"

/** Points as the store keeps them: series by their id in the store's dictionary. */
export interface Columns {
  readonly series: ReadonlyArray<number>
  /** Ms since the epoch. */
  readonly time: ReadonlyArray<number>
  readonly value: ReadonlyArray<number>
  readonly fields: ReadonlyArray<JsonObject | undefined>
}

/** First and last timestamp of points, ms since the epoch; of no points `[Infinity, -Infinity]`. */
export const timeSpan = (time: ReadonlyArray<number>): readonly [from: number, to: number] => {
  let from = Infinity
  let to = -Infinity
  for (const t of time) {
    if (t < from) from = t
    if (t > to) to = t
  }
  return [from, to]
}

const filterPoints = (columns: Columns, keep: (i: number) => boolean): Columns => {
  const series: Array<number> = []
  const time: Array<number> = []
  const value: Array<number> = []
  const fields: Array<JsonObject | undefined> = []
  for (let i = 0; i < columns.time.length; i++) {
    if (!keep(i)) continue
    series.push(columns.series[i])
    time.push(columns.time[i])
    value.push(columns.value[i])
    fields.push(columns.fields[i])
  }
  return { series, time, value, fields }
}

/** The points that are not older than `before` tells for their series, in their order. */
export const dropBefore = (columns: Columns, before: (id: number) => number | undefined): Columns =>
  filterPoints(columns, (i) => columns.time[i] >= (before(columns.series[i]) ?? -Infinity))

/** The points from an index on. */
export const pointsFrom = (points: Points, first: number): Points =>
  first === 0 ? points : {
    series: points.series.slice(first),
    time: points.time.slice(first),
    value: points.value.slice(first),
    fields: points.fields.slice(first)
  }
