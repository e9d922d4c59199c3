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

/** The points that are not older than `before`, in their order. */
export const dropBefore = (columns: Columns, before: number): Columns => {
  const series: Array<number> = []
  const time: Array<number> = []
  const value: Array<number> = []
  const fields: Array<JsonObject | undefined> = []
  for (let i = 0; i < columns.time.length; i++) {
    if (columns.time[i] < before) continue
    series.push(columns.series[i])
    time.push(columns.time[i])
    value.push(columns.value[i])
    fields.push(columns.fields[i])
  }
  return { series, time, value, fields }
}

/** Notes the first instant of each series of some points. */
export const noteFirst = (first: Map<number, number>, columns: Columns): void => {
  for (let i = 0; i < columns.time.length; i++) {
    const known = first.get(columns.series[i])
    if (known === undefined || columns.time[i] < known) first.set(columns.series[i], columns.time[i])
  }
}

/** The points from an index on. */
export const pointsFrom = (points: Points, first: number): Points =>
  first === 0 ? points : {
    series: points.series.slice(first),
    time: points.time.slice(first),
    value: points.value.slice(first),
    fields: points.fields.slice(first)
  }
