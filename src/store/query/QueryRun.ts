import { Either } from "effect"
import type { JsonObject } from "../../domain/Json.js"
import type { Series } from "../../domain/Series.js"
import { BucketFold } from "./BucketFold.js"
import type { Columns } from "../Columns.js"
import { readCursor } from "./Cursor.js"
import { type DayRollup, MINUTE } from "../chunk/DayRollup.js"
import { type Aggregate, type QueryAnswer, QueryError, type StoreQuery } from "../MetricStore.js"
import { isOverflow, originalSeries } from "../Overflow.js"
import { RateFold } from "./RateFold.js"
import { RawFold } from "./RawFold.js"
import type { SeriesEntry } from "../SeriesIndex.js"
import { makeSeriesMatcher } from "./SeriesMatcher.js"

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
  /** Whether fields of the points of a series are wanted. */
  readonly wantsFields: (id: number) => boolean
  /** Points of any series; those of series that were not selected are left out. */
  readonly add: (columns: Columns) => void
  /** The first `count` points of one selected series, of those within `clip`; `fields` by their places. */
  readonly addSeries: (
    id: number,
    time: ArrayLike<number>,
    value: ArrayLike<number>,
    fields: ReadonlyArray<JsonObject | undefined> | undefined,
    count: number,
    clip?: { readonly from: number; readonly to: number }
  ) => void
  /**
   * Takes rows of a rollup of one selected series instead of its points;
   * `undefined` when the answer needs the points.
   */
  readonly addRollup: ((id: number, rollup: DayRollup, from: number, to: number) => void) | undefined
  /** Whether points of a series are told apart, so that no rollup can stand for them. */
  readonly isSearched: (id: number) => boolean
  readonly answer: () => Either.Either<QueryAnswer, QueryError>
}

const everywhere = { from: -Infinity, to: Infinity }

/** Aggregates that the minutes of a rollup give exactly. */
const rolled: ReadonlySet<Aggregate> = new Set<Aggregate>(["avg", "min", "max", "sum", "count", "last"])

interface Fold {
  /** Points after this instant would be cut anyway. */
  readonly bound: number
  readonly add: (id: number, time: number, value: number, fields: JsonObject | undefined) => void
  readonly addSeries: (
    id: number,
    time: ArrayLike<number>,
    value: ArrayLike<number>,
    count: number,
    from: number,
    to: number,
    fields: ReadonlyArray<JsonObject | undefined> | undefined
  ) => void
  readonly answer: () => Either.Either<QueryAnswer, QueryError>
}

/** Begins a query over the series that its filter selected. */
export const startQuery = (
  query: StoreQuery,
  selected: Iterable<SeriesEntry>
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
  const made = makeSeriesMatcher(query)
  if (Either.isLeft(made)) return Either.left(made.left)
  const matcher = made.right
  const { buckets, limit, to } = query
  // Growth needs the point before, also where that was given already.
  const from = cursor === undefined || buckets?.aggregate === "rate" ? query.from : Math.max(query.from, cursor.time)
  const wanted = new Map<number, Series>()
  // Overflow series of which only some points are meant, by what their fields say.
  const searched = new Map<number, string>()
  const overflowing = new Set<number>()
  for (const { id, series } of selected) {
    wanted.set(id, series)
    if (!isOverflow(series)) continue
    overflowing.add(id)
    if (!matcher.matches(series)) searched.set(id, series.metricType)
  }
  let overflow = false
  const isMeant = (metricType: string, fields: JsonObject | undefined): boolean => {
    const series = originalSeries(metricType, fields)
    if (series === undefined) return false
    // A value on which a pattern takes too long does not match.
    matcher.prepare([series])
    return matcher.matches(series)
  }
  const fold: Fold = buckets === undefined
    ? new RawFold(limit, wanted, cursor)
    : buckets.aggregate === "rate"
    ? new RateFold(limit, buckets, wanted, cursor)
    : new BucketFold(limit, buckets, buckets.aggregate, wanted, cursor)
  return Either.right({
    from,
    to: () => Math.min(to, fold.bound + 1),
    wantsFields: (id) => searched.has(id) || (buckets === undefined && query.fields !== false),
    add: (columns) => {
      for (let i = 0; i < columns.time.length; i++) {
        const time = columns.time[i]
        if (time < from || time >= to) continue
        const id = columns.series[i]
        const metricType = searched.get(id)
        if (metricType !== undefined && !isMeant(metricType, columns.fields[i])) continue
        overflow ||= overflowing.has(id)
        fold.add(id, time, columns.value[i], columns.fields[i])
      }
    },
    addSeries: (id, time, value, fields, count, clip = everywhere) => {
      if (!overflowing.has(id)) {
        return fold.addSeries(id, time, value, count, Math.max(from, clip.from), Math.min(to, clip.to), fields)
      }
      const metricType = searched.get(id)
      for (let i = 0; i < count; i++) {
        if (time[i] < from || time[i] >= to) continue
        if (metricType !== undefined && !isMeant(metricType, fields?.[i])) continue
        overflow = true
        fold.add(id, time[i], value[i], fields?.[i])
      }
    },
    addRollup: fold instanceof BucketFold && buckets !== undefined && buckets.step % MINUTE === 0 &&
        rolled.has(buckets.aggregate)
      ? (id, rollup, first, end) => fold.addRollup(id, rollup, first, end)
      : undefined,
    isSearched: (id) => overflowing.has(id),
    answer: () => Either.map(fold.answer(), (answer) => overflow ? { ...answer, overflow } : answer)
  })
}
