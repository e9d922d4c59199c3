import { Either } from "effect"
import type { Aggregate } from "../../domain/Aggregate.js"
import type { JsonObject } from "../../domain/Json.js"
import type { Series } from "../../domain/Series.js"
import { type DayRollup, MINUTE } from "../chunk/DayRollup.js"
import type { Columns } from "../Columns.js"
import { QueryError, type StoreQuery } from "../MetricStore.js"
import { isOverflow, originalSeries } from "../series/Overflow.js"
import { type Answering, BucketFold } from "./BucketFold.js"
import { ColumnRoom } from "./ColumnRoom.js"
import { readCursor } from "./Cursor.js"
import { RateFold } from "./RateFold.js"
import { RawFold } from "./RawFold.js"
import { learnHere, makeSeriesMatcher } from "./SeriesMatcher.js"

/**
 * A query while it runs: it is fed with points, those of one series and instant in
 * the order of their arrival, in any number of pieces, and then asked for the answer.
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
  /** Bytes that it holds, about. */
  readonly held: () => number
  /** Puts the answer together, in slices of about 5 ms; to be asked once. */
  readonly answer: () => Answering
}

const everywhere = { from: -Infinity, to: Infinity }

/** Aggregates that the minutes of a rollup give exactly. */
const rolled: ReadonlySet<Aggregate> = new Set<Aggregate>(["avg", "min", "max", "sum", "count", "last"])

interface Fold {
  /** Points after this instant would be cut anyway. */
  readonly bound: number
  /** Bytes that it holds, about. */
  readonly bytes: number
  readonly add: (id: number, time: number, value: number, fields: JsonObject | undefined, original?: string) => void
  readonly addSeries: (
    id: number,
    time: ArrayLike<number>,
    value: ArrayLike<number>,
    count: number,
    from: number,
    to: number,
    fields: ReadonlyArray<JsonObject | undefined> | undefined
  ) => void
  readonly answer: () => Answering
}

/** A point of an overflow series, and the series of which it was, where that matters and its fields say so. */
interface Original {
  readonly id: number
  readonly series: Series | undefined
  readonly time: number
  readonly value: number
  readonly fields: JsonObject | undefined
}

/** Most points that a query may ask for. */
const maxLimit = 10_000_000

const invalid = (message: string): Either.Either<never, QueryError> =>
  Either.left(new QueryError({ reason: "Invalid", message }))

/** Begins a query over the series that its filter selected; what it holds meanwhile is of `room`. */
export const startQuery = (
  query: StoreQuery,
  selected: Iterable<{ readonly id: number; readonly series: Series }>,
  room = new ColumnRoom()
): Either.Either<QueryRun, QueryError> => {
  if (!(Number.isInteger(query.limit) && query.limit >= 1 && query.limit <= maxLimit)) {
    return invalid(`limit: expected a whole number from 1 to ${maxLimit}`)
  }
  if (query.buckets !== undefined && !(Number.isSafeInteger(query.buckets.step) && query.buckets.step >= 1)) {
    return invalid("step: expected a whole number of milliseconds from 1 on")
  }
  const cursor = query.cursor === undefined ? undefined : readCursor(query.cursor)
  const ours = cursor !== undefined && (cursor.series === undefined) === (query.buckets !== undefined)
  if (query.cursor !== undefined && !ours) return invalid("cursor: is none of this server; begin again without it")
  const made = makeSeriesMatcher(query)
  if (Either.isLeft(made)) return Either.left(made.left)
  const matcher = made.right
  const { buckets, limit, to } = query
  // Growth needs the point before, also where that was given already.
  const from = cursor === undefined || buckets?.aggregate === "rate" ? query.from : Math.max(query.from, cursor.time)
  const wanted = new Map<number, Series>()
  // Overflow series by their metric types, and those of which only some points are meant, by what their fields say.
  const overflowing = new Map<number, string>()
  const searched = new Set<number>()
  for (const { id, series } of selected) {
    wanted.set(id, series)
    if (!isOverflow(series)) continue
    overflowing.set(id, series.metricType)
    if (!matcher.matches(series)) searched.add(id)
  }
  let overflow = false
  let failure: QueryError | undefined
  const fold: Fold = buckets === undefined
    ? new RawFold(limit, wanted, cursor)
    : buckets.aggregate === "rate"
    ? new RateFold(limit, buckets, wanted, cursor, room)
    : new BucketFold(limit, buckets, buckets.aggregate, wanted, cursor, room)
  const isRate = buckets?.aggregate === "rate"
  const keepsFields = buckets === undefined && query.fields !== false
  // Growth is that of each series for itself, also where one series holds the points of many.
  const addOriginal = ({ fields, id, series, time, value }: Original): void => {
    overflow = true
    fold.add(id, time, value, keepsFields ? fields : undefined, series?.key)
  }
  const addOverflowing = (originals: ReadonlyArray<Original>): void => {
    const meant = originals.flatMap(({ id, series }) => searched.has(id) ? series ?? [] : [])
    // Together: what a pattern says of many values costs little more than what it says of one.
    const learned = learnHere(matcher, () => meant)
    if (Either.isLeft(learned)) failure ??= learned.left
    else {
      for (const own of originals) {
        if (!searched.has(own.id) || (own.series !== undefined && matcher.matches(own.series))) addOriginal(own)
      }
    }
  }
  const originalOf = (
    id: number,
    metricType: string,
    time: number,
    value: number,
    fields: JsonObject | undefined
  ): Original => ({
    id,
    series: isRate || searched.has(id) ? originalSeries(metricType, fields) : undefined,
    time,
    value,
    fields
  })
  return Either.right({
    from,
    to: () => failure === undefined ? Math.min(to, fold.bound + 1) : -Infinity,
    wantsFields: (id) => keepsFields || searched.has(id) || (isRate && overflowing.has(id)),
    add: ({ fields, series, time, value }) => {
      const originals: Array<Original> = []
      for (let i = 0; i < time.length; i++) {
        if (time[i] < from || time[i] >= to) continue
        const id = series[i]
        const metricType = overflowing.get(id)
        if (metricType === undefined) fold.add(id, time[i], value[i], keepsFields ? fields[i] : undefined)
        else originals.push(originalOf(id, metricType, time[i], value[i], fields[i]))
      }
      if (originals.length > 0) addOverflowing(originals)
    },
    addSeries: (id, time, value, fields, count, clip = everywhere) => {
      const metricType = overflowing.get(id)
      if (metricType === undefined) {
        const [first, end] = [Math.max(from, clip.from), Math.min(to, clip.to)]
        return fold.addSeries(id, time, value, count, first, end, keepsFields ? fields : undefined)
      }
      const originals: Array<Original> = []
      for (let i = 0; i < count; i++) {
        if (time[i] < from || time[i] >= to) continue
        originals.push(originalOf(id, metricType, time[i], value[i], fields?.[i]))
      }
      if (originals.length > 0) addOverflowing(originals)
    },
    addRollup: fold instanceof BucketFold && buckets !== undefined && buckets.step % MINUTE === 0 &&
        rolled.has(buckets.aggregate)
      ? (id, rollup, first, end) => fold.addRollup(id, rollup, first, end)
      : undefined,
    isSearched: (id) => overflowing.has(id),
    held: () => fold.bytes,
    answer: function*() {
      if (failure !== undefined) return Either.left(failure)
      return Either.map(yield* fold.answer(), (answer) => overflow ? { ...answer, overflow } : answer)
    }
  })
}
