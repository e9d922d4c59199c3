import { Either } from "effect"
import type { JsonObject } from "../domain/Json.js"
import type { Series } from "../domain/Series.js"
import { BucketFold } from "./BucketFold.js"
import type { Columns } from "./Columns.js"
import { readCursor } from "./Cursor.js"
import { type QueryAnswer, QueryError, type SeriesFilter, type StoreQuery } from "./MetricStore.js"
import { RawFold } from "./RawFold.js"

/** Whether a series is one of those that a filter means. */
export const seriesMatcher = (filter: SeriesFilter): (series: Series) => boolean => {
  const tags = Object.entries(filter.tags ?? {})
  return (series) =>
    (filter.metricType === undefined || series.metricType === filter.metricType) &&
    (filter.origin === undefined || series.origin === filter.origin) &&
    tags.every(([key, value]) => Object.hasOwn(series.tags, key) && series.tags[key] === value)
}

/**
 * A query while it runs: it is fed with points, those of one series in the
 * order of their arrival, in any number of pieces, and then asked for the answer.
 * What it holds is bounded by the limit of the query, not by what it reads.
 */
export interface QueryRun {
  /** First instant from which points are wanted, ms since the epoch: `from`, or where the cursor stands. */
  readonly from: number
  /** Points at or after this instant are not wanted. It comes down when enough older ones were found. */
  readonly to: () => number
  /** Whether fields of points are wanted. */
  readonly fields: boolean
  readonly matches: (series: Series) => boolean
  /** Points of any series. */
  readonly add: (columns: Columns) => void
  /** The first `count` points of one series that `matches`; `fields` by their places. */
  readonly addSeries: (
    id: number,
    time: ArrayLike<number>,
    value: ArrayLike<number>,
    fields: ReadonlyArray<JsonObject | undefined> | undefined,
    count: number
  ) => void
  readonly answer: () => QueryAnswer
}

/** Begins a query. `seriesOf` names the series of an id. */
export const startQuery = (
  query: StoreQuery,
  seriesOf: (id: number) => Series | undefined
): Either.Either<QueryRun, QueryError> => {
  if (!(Number.isInteger(query.limit) && query.limit >= 1)) {
    return Either.left(new QueryError({ message: "limit: expected a whole number from 1 on" }))
  }
  if (query.buckets !== undefined && !(Number.isSafeInteger(query.buckets.step) && query.buckets.step >= 1)) {
    return Either.left(new QueryError({ message: "step: expected a whole number of milliseconds from 1 on" }))
  }
  const cursor = query.cursor === undefined ? undefined : readCursor(query.cursor)
  const ours = cursor !== undefined && (cursor.series === undefined) === (query.buckets !== undefined)
  if (query.cursor !== undefined && !ours) {
    return Either.left(new QueryError({ message: "cursor: is none of this server; begin again without it" }))
  }
  const matches = seriesMatcher(query)
  const from = cursor === undefined ? query.from : Math.max(query.from, cursor.time)
  const { to } = query
  const wanted = new Map<number, Series | undefined>()
  const find = (id: number): Series | undefined => {
    if (wanted.has(id)) return wanted.get(id)
    const series = seriesOf(id)
    const found = series !== undefined && matches(series) ? series : undefined
    wanted.set(id, found)
    return found
  }
  const fold = query.buckets === undefined
    ? new RawFold(query.limit, find, cursor)
    : new BucketFold(query.limit, query.buckets, find, cursor)
  return Either.right({
    from,
    to: () => Math.min(to, fold.bound + 1),
    fields: query.buckets === undefined && query.fields !== false,
    matches,
    add: (columns) => {
      for (let i = 0; i < columns.time.length; i++) {
        const time = columns.time[i]
        if (time < from || time >= to) continue
        fold.add(columns.series[i], time, columns.value[i], columns.fields[i])
      }
    },
    addSeries: (id, time, value, fields, count) => {
      for (let i = 0; i < count; i++) {
        const at = time[i]
        if (at >= from && at < to) fold.add(id, at, value[i], fields?.[i])
      }
    },
    answer: () => fold.answer()
  })
}
