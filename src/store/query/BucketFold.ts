import { Either } from "effect"
import type { Aggregate } from "../../domain/Aggregate.js"
import { makeSeries, type Series } from "../../domain/Series.js"
import { type DayRollup, MINUTE } from "../chunk/DayRollup.js"
import { DAY } from "../chunk/SeriesColumns.js"
import { type Buckets, type QueryAnswer, QueryError, type SeriesPoints } from "../MetricStore.js"
import { BucketColumns } from "./BucketColumns.js"
import type { ColumnRoom } from "./ColumnRoom.js"
import { type Cursor, writeCursor } from "./Cursor.js"
import type { InSlices } from "./InSlices.js"
import { quantileOf } from "./quantileOf.js"

interface Group {
  readonly series: Series
  readonly buckets: BucketColumns
}

/** How the values of one bucket become one; `rate` is a sum once growth was found out. */
export type BucketAggregate = Exclude<Aggregate, "rate">

const quantiles = { p50: 0.5, p95: 0.95, p99: 0.99 } as const

type Percentile = keyof typeof quantiles

const isPercentile = (aggregate: BucketAggregate): aggregate is Percentile => Object.hasOwn(quantiles, aggregate)

/** Most values that a query may hold at once for percentiles or rates. */
export const MAX_HELD_VALUES = 20_000_000

/** Most buckets that a query may hold at once. */
export const MAX_HELD_BUCKETS = 2_000_000

/** Says that a query would hold more than {@link MAX_HELD_VALUES}. */
export const tooManyValues = (aggregate: Aggregate): QueryError =>
  new QueryError({
    reason: "TooLarge",
    message:
      `aggregate: ${aggregate} of more than ${MAX_HELD_VALUES} points at once; ask for a shorter time or fewer series`
  })

const tooManyBuckets = new QueryError({
  reason: "TooLarge",
  message:
    `step: more than ${MAX_HELD_BUCKETS} values at once; ask for a larger step, a shorter time, fewer series, or a lower limit`
})

const valueOf = (buckets: BucketColumns, row: number, aggregate: Exclude<BucketAggregate, Percentile>): number => {
  switch (aggregate) {
    case "avg":
      return buckets.sum[row] / buckets.count[row]
    case "min":
      return buckets.min[row]
    case "max":
      return buckets.max[row]
    case "sum":
      return buckets.sum[row]
    case "count":
      return buckets.count[row]
    case "last":
      return buckets.last[row]
  }
}

/** Puts an answer together. */
export type Answering = InSlices<Either.Either<QueryAnswer, QueryError>>

// Buckets put into an answer in one slice, and values of buckets looked at for a percentile: a few milliseconds.
const slice = 50_000

/**
 * Buckets aligned to the epoch, of each series or of groups of series that
 * have equal `by` tags (and origin and metric type). A bucket without points
 * is left out. The answer holds the oldest `limit` buckets, groups of one
 * instant in the order of their keys.
 */
export class BucketFold {
  private readonly groups = new Map<string, Group>()
  private readonly groupOf = new Map<number, Group | undefined>()
  private total = 0
  private lastStart = Infinity
  private held = 0
  private worked = 0
  private readonly holds: boolean
  private more = false
  private overfull = false
  private readonly blanks = new Map<number, ReadonlyArray<undefined>>()

  constructor(
    private readonly limit: number,
    private readonly buckets: Pick<Buckets, "step" | "by">,
    private readonly aggregate: BucketAggregate,
    private readonly wanted: ReadonlyMap<number, Series>,
    private readonly cursor: Cursor | undefined,
    private readonly room: ColumnRoom
  ) {
    this.holds = isPercentile(aggregate)
  }

  /** Points after this instant would be cut anyway; when there is too much, none is wanted any more. */
  get bound(): number {
    return this.overfull || this.held > MAX_HELD_VALUES ? -Infinity : this.lastStart + this.buckets.step - 1
  }

  /** Bytes that it holds, about: eight columns of buckets that double, and values that grow by half. */
  get bytes(): number {
    return this.total * 128 + this.held * 12
  }

  private group(id: number): Group | undefined {
    if (this.groupOf.has(id)) return this.groupOf.get(id)
    const series = this.wanted.get(id)
    let group: Group | undefined
    if (series !== undefined) {
      const { by } = this.buckets
      const grouped = by === undefined ? series : makeSeries(
        series.origin,
        series.metricType,
        Object.fromEntries(Object.entries(series.tags).filter(([key]) => by.includes(key)))
      )
      group = this.groups.get(grouped.key)
      if (group === undefined) {
        this.groups.set(
          grouped.key,
          group = {
            series: grouped,
            buckets: new BucketColumns(this.holds, this.room)
          }
        )
      }
    }
    this.groupOf.set(id, group)
    return group
  }

  add(id: number, time: number, value: number): void {
    this.addSeries(id, [time], [value], 1, time, time + 1)
  }

  /** The first `count` points of one series, of which those of `from` ≤ t < `to` are meant. */
  addSeries(
    id: number,
    time: ArrayLike<number>,
    value: ArrayLike<number>,
    count: number,
    from: number,
    to: number
  ): void {
    const group = this.group(id)
    if (group === undefined) return
    const { step } = this.buckets
    const { buckets } = group
    for (let i = 0; i < count;) {
      const at = time[i]
      const start = Math.floor(at / step) * step
      const row = at >= from && at < to ? this.rowAt(group, start) : -1
      if (row < 0) {
        i++
        continue
      }
      // Neighbours mostly fall into the same bucket.
      const begin = Math.max(from, start)
      const end = Math.min(to, start + step)
      const first = i
      const values = buckets.values?.[row]
      let sum = buckets.sum[row]
      let min = buckets.min[row]
      let max = buckets.max[row]
      let last = buckets.last[row]
      let lastTime = buckets.lastTime[row]
      let lastSeries = buckets.lastSeries[row]
      for (; i < count && time[i] >= begin && time[i] < end; i++) {
        const own = value[i]
        sum += own
        if (own < min) min = own
        if (own > max) max = own
        // Of equal times the later arrival counts; between series, which may be read in any order, the later defined.
        if (time[i] > lastTime || (time[i] === lastTime && id >= lastSeries)) {
          lastTime = time[i]
          lastSeries = id
          last = own
        }
        if (values !== undefined && this.held++ < MAX_HELD_VALUES) values.push(own)
      }
      buckets.count[row] += i - first
      buckets.sum[row] = sum
      buckets.min[row] = min
      buckets.max[row] = max
      buckets.last[row] = last
      buckets.lastTime[row] = lastTime
      buckets.lastSeries[row] = lastSeries
    }
  }

  /** The rows `from` ≤ row < `to` of a rollup of one series. */
  addRollup(id: number, rollup: DayRollup, from: number, to: number): void {
    const group = this.group(id)
    if (group === undefined) return
    const { step } = this.buckets
    const { buckets } = group
    for (let minute = from; minute < to; minute++) {
      const begin = rollup.day * DAY + rollup.minute[minute] * MINUTE
      const row = this.rowAt(group, Math.floor(begin / step) * step)
      if (row < 0) continue
      buckets.count[row] += rollup.count[minute]
      buckets.sum[row] += rollup.sum[minute]
      if (rollup.min[minute] < buckets.min[row]) buckets.min[row] = rollup.min[minute]
      if (rollup.max[minute] > buckets.max[row]) buckets.max[row] = rollup.max[minute]
      const lastTime = begin + rollup.lastAt[minute]
      if (lastTime > buckets.lastTime[row] || (lastTime === buckets.lastTime[row] && id >= buckets.lastSeries[row])) {
        buckets.lastTime[row] = lastTime
        buckets.lastSeries[row] = id
        buckets.last[row] = rollup.last[minute]
      }
    }
  }

  /** The row of the bucket of a group that begins at `start`; −1 when the limit cuts it off. */
  private rowAt({ buckets }: Group, start: number): number {
    if (start > this.lastStart) {
      this.more = true
      return -1
    }
    const known = buckets.find(start)
    if (known >= 0 || this.total >= MAX_HELD_BUCKETS) {
      this.overfull ||= known < 0
      return known
    }
    const added = buckets.add(start)
    // A cursor hides buckets that were given already, so there may be more than the limit.
    const keep = this.limit + (this.cursor?.taken ?? 0)
    if (++this.total < keep + Math.max(1_000, keep / 4)) return added
    this.cut()
    return buckets.find(start)
  }

  /** Forgets buckets that the limit cuts off; a bucket of the last instant that fits stays with all its groups. */
  private cut(): void {
    const keep = this.limit + (this.cursor?.taken ?? 0)
    if (this.total <= keep) return
    const starts = new Float64Array(this.total)
    let next = 0
    for (const { buckets } of this.groups.values()) {
      starts.set(buckets.start.subarray(0, buckets.rows), next)
      next += buckets.rows
    }
    starts.sort()
    const bound = starts[keep - 1]
    this.lastStart = bound
    this.total = 0
    for (const { buckets } of this.groups.values()) {
      const before = buckets.rows
      this.held -= buckets.cut(bound)
      this.more ||= buckets.rows < before
      this.total += buckets.rows
    }
  }

  /** The answer, once: then the buckets are gone. */
  *answer(): Answering {
    const answer = yield* this.put()
    for (const { buckets } of this.groups.values()) buckets.clear()
    return answer
  }

  private *put(): Answering {
    if (this.held > MAX_HELD_VALUES) return Either.left(tooManyValues(this.aggregate))
    return this.overfull ? Either.left(tooManyBuckets) : Either.right(yield* this.chosen())
  }

  /** Whether it is time for a pause, after the work on one bucket. */
  private isPause(buckets: BucketColumns, row: number): boolean {
    this.worked += 1 + (buckets.values?.[row].length ?? 0)
    if (this.worked < slice) return false
    this.worked = 0
    return true
  }

  /** All buckets of a group, oldest first. */
  private *whole({ buckets, series: { metricType, origin, tags } }: Group): InSlices<SeriesPoints> {
    const order = buckets.ordered()
    const time = new Array<number>(order.length)
    const value = new Array<number>(order.length)
    for (let i = 0; i < order.length; i++) {
      time[i] = buckets.start[order[i]]
      value[i] = isPercentile(this.aggregate)
        ? yield* quantileOf(buckets.values?.[order[i]] ?? [], quantiles[this.aggregate])
        : valueOf(buckets, order[i], this.aggregate)
      if (this.isPause(buckets, order[i])) yield
    }
    return { origin, metricType, tags, time, value, fields: this.blank(order.length) }
  }

  /** The fields of so many buckets, which have none; equally many share them. */
  private blank(count: number): ReadonlyArray<undefined> {
    const known = this.blanks.get(count) ?? new Array<undefined>(count).fill(undefined)
    this.blanks.set(count, known)
    return known
  }

  private *chosen(): InSlices<QueryAnswer> {
    const keys = Array.from(this.groups.keys()).sort()
    if (!this.more && this.cursor === undefined && this.total <= this.limit) {
      const series: Array<SeriesPoints> = []
      for (const key of keys) {
        const own = this.groups.get(key)
        if (own !== undefined && own.buckets.rows > 0) series.push(yield* this.whole(own))
      }
      return { series, truncated: false }
    }
    const all: Array<
      { readonly key: string; readonly start: number; readonly buckets: BucketColumns; readonly row: number }
    > = []
    for (const key of keys) {
      const buckets = this.groups.get(key)?.buckets
      if (buckets === undefined) continue
      for (let row = 0; row < buckets.rows; row++) all.push({ key, start: buckets.start[row], buckets, row })
    }
    all.sort((a, b) => a.start - b.start)
    const given = this.cursor === undefined ? 0 : this.cursor.taken
    const chosen = all.slice(given, given + this.limit)
    const truncated = this.more || all.length > given + this.limit
    const columns = new Map<string, { readonly time: Array<number>; readonly value: Array<number> }>()
    for (const { buckets, key, row, start } of chosen) {
      let own = columns.get(key)
      if (own === undefined) columns.set(key, own = { time: [], value: [] })
      own.time.push(start)
      own.value.push(
        isPercentile(this.aggregate)
          ? yield* quantileOf(buckets.values?.[row] ?? [], quantiles[this.aggregate])
          : valueOf(buckets, row, this.aggregate)
      )
      if (this.isPause(buckets, row)) yield
    }
    const series: Array<SeriesPoints> = []
    for (const key of keys) {
      const own = columns.get(key)
      const group = this.groups.get(key)
      if (own === undefined || group === undefined) continue
      const { metricType, origin, tags } = group.series
      series.push({ origin, metricType, tags, ...own, fields: this.blank(own.time.length) })
    }
    const last = chosen[chosen.length - 1]
    return truncated && last !== undefined
      ? { series, truncated, cursor: writeCursor(this.after(last.start, chosen.length + given, all)) }
      : { series, truncated: false }
  }

  private after(start: number, end: number, all: ReadonlyArray<{ readonly start: number }>): Cursor {
    let taken = 0
    for (let i = end - 1; i >= 0 && all[i].start === start; i--) taken++
    return { time: start, taken }
  }
}
