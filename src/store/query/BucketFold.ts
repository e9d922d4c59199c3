import { Either } from "effect"
import { makeSeries, type Series } from "../../domain/Series.js"
import { type DayRollup, MINUTE } from "../chunk/DayRollup.js"
import { DAY } from "../chunk/SeriesColumns.js"
import { type Cursor, writeCursor } from "./Cursor.js"
import { type Aggregate, type Buckets, type QueryAnswer, QueryError, type SeriesPoints } from "../MetricStore.js"

interface Bucket {
  count: number
  sum: number
  min: number
  max: number
  lastTime: number
  lastSeries: number
  last: number
  /** Every value, where the aggregate needs them all. */
  readonly values: Array<number> | undefined
}

interface Group {
  readonly series: Series
  readonly buckets: Map<number, Bucket>
}

/** How the values of one bucket become one; `rate` is a sum once growth was found out. */
export type BucketAggregate = Exclude<Aggregate, "rate">

const quantiles: { readonly [aggregate in BucketAggregate]?: number } = { p50: 0.5, p95: 0.95, p99: 0.99 }

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

const quantileOf = (values: ReadonlyArray<number> | undefined, quantile: number): number => {
  const sorted = Float64Array.from(values ?? []).sort()
  const place = (sorted.length - 1) * quantile
  const low = sorted[Math.floor(place)]
  const high = sorted[Math.ceil(place)]
  const share = place - Math.floor(place)
  // Not low + (high - low) * share: the difference of two large values can be beyond a double.
  return share === 0 ? low : low * (1 - share) + high * share
}

const valueOf = (bucket: Bucket, aggregate: BucketAggregate): number => {
  switch (aggregate) {
    case "avg":
      return bucket.sum / bucket.count
    case "min":
      return bucket.min
    case "max":
      return bucket.max
    case "sum":
      return bucket.sum
    case "count":
      return bucket.count
    case "last":
      return bucket.last
    case "p50":
    case "p95":
    case "p99":
      return quantileOf(bucket.values, quantiles[aggregate] ?? 0)
  }
}

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
  private readonly holds: boolean
  private more = false
  private overfull = false

  constructor(
    private readonly limit: number,
    private readonly buckets: Pick<Buckets, "step" | "by">,
    private readonly aggregate: BucketAggregate,
    private readonly wanted: ReadonlyMap<number, Series>,
    private readonly cursor: Cursor | undefined
  ) {
    this.holds = quantiles[aggregate] !== undefined
  }

  /** Points after this instant would be cut anyway. */
  get bound(): number {
    return this.lastStart + this.buckets.step - 1
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
      if (group === undefined) this.groups.set(grouped.key, group = { series: grouped, buckets: new Map() })
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
    for (let i = 0; i < count;) {
      const at = time[i]
      const start = Math.floor(at / step) * step
      const bucket = at >= from && at < to ? this.bucketAt(group, start) : undefined
      if (bucket === undefined) {
        i++
        continue
      }
      // Neighbours mostly fall into the same bucket.
      const begin = Math.max(from, start)
      const end = Math.min(to, start + step)
      const first = i
      let { lastSeries, lastTime, max, min, sum } = bucket
      for (; i < count && time[i] >= begin && time[i] < end; i++) {
        const own = value[i]
        sum += own
        if (own < min) min = own
        if (own > max) max = own
        // Of equal times the later arrival counts; between series, which may be read in any order, the later defined.
        if (time[i] > lastTime || (time[i] === lastTime && id >= lastSeries)) {
          lastTime = time[i]
          lastSeries = id
          bucket.last = own
        }
        if (bucket.values !== undefined && this.held++ < MAX_HELD_VALUES) bucket.values.push(own)
      }
      bucket.count += i - first
      bucket.sum = sum
      bucket.min = min
      bucket.max = max
      bucket.lastTime = lastTime
      bucket.lastSeries = lastSeries
    }
  }

  /** The rows `from` ≤ row < `to` of a rollup of one series. */
  addRollup(id: number, rollup: DayRollup, from: number, to: number): void {
    const group = this.group(id)
    if (group === undefined) return
    const { step } = this.buckets
    for (let row = from; row < to; row++) {
      const begin = rollup.day * DAY + rollup.minute[row] * MINUTE
      const bucket = this.bucketAt(group, Math.floor(begin / step) * step)
      if (bucket === undefined) continue
      bucket.count += rollup.count[row]
      bucket.sum += rollup.sum[row]
      if (rollup.min[row] < bucket.min) bucket.min = rollup.min[row]
      if (rollup.max[row] > bucket.max) bucket.max = rollup.max[row]
      const lastTime = begin + rollup.lastAt[row]
      if (lastTime > bucket.lastTime || (lastTime === bucket.lastTime && id >= bucket.lastSeries)) {
        bucket.lastTime = lastTime
        bucket.lastSeries = id
        bucket.last = rollup.last[row]
      }
    }
  }

  /** The bucket of a group that begins at `start`; `undefined` when the limit cuts it off. */
  private bucketAt(group: Group, start: number): Bucket | undefined {
    if (start > this.lastStart) {
      this.more = true
      return undefined
    }
    const known = group.buckets.get(start)
    if (known !== undefined || this.total >= MAX_HELD_BUCKETS) {
      this.overfull ||= known === undefined
      return known
    }
    group.buckets.set(start, {
      count: 0,
      sum: 0,
      min: Infinity,
      max: -Infinity,
      lastTime: -Infinity,
      lastSeries: -1,
      last: 0,
      values: this.holds ? [] : undefined
    })
    // A cursor hides buckets that were given already, so there may be more than the limit.
    const keep = this.limit + (this.cursor?.taken ?? 0)
    if (++this.total >= keep + Math.max(1_000, keep / 4)) this.cut()
    return group.buckets.get(start)
  }

  /** Forgets buckets that the limit cuts off; a bucket of the last instant that fits stays with all its groups. */
  private cut(): void {
    const keep = this.limit + (this.cursor?.taken ?? 0)
    if (this.total <= keep) return
    const starts = new Float64Array(this.total)
    let next = 0
    for (const { buckets } of this.groups.values()) {
      for (const start of buckets.keys()) starts[next++] = start
    }
    starts.sort()
    const bound = starts[keep - 1]
    this.lastStart = bound
    this.total = 0
    for (const { buckets } of this.groups.values()) {
      for (const start of buckets.keys()) {
        if (start > bound) {
          this.held -= buckets.get(start)?.values?.length ?? 0
          buckets.delete(start)
          this.more = true
        }
      }
      this.total += buckets.size
    }
  }

  answer(): Either.Either<QueryAnswer, QueryError> {
    if (this.held > MAX_HELD_VALUES) return Either.left(tooManyValues(this.aggregate))
    return this.overfull ? Either.left(tooManyBuckets) : Either.right(this.put())
  }

  /** All buckets of a group, oldest first. */
  private whole({ buckets, series: { metricType, origin, tags } }: Group): SeriesPoints {
    const time = Float64Array.from(buckets.keys()).sort()
    const value = Array.from(time, (start) => {
      const bucket = buckets.get(start)
      return bucket === undefined ? NaN : valueOf(bucket, this.aggregate)
    })
    return { origin, metricType, tags, time: Array.from(time), value, fields: value.map(() => undefined) }
  }

  private put(): QueryAnswer {
    const keys = Array.from(this.groups.keys()).sort()
    if (!this.more && this.cursor === undefined && this.total <= this.limit) {
      const groups = keys.flatMap((key) => this.groups.get(key) ?? [])
      return {
        series: groups.filter(({ buckets }) => buckets.size > 0).map((own) => this.whole(own)),
        truncated: false
      }
    }
    const all: Array<{ readonly key: string; readonly start: number; readonly bucket: Bucket }> = []
    for (const key of keys) {
      for (const [start, bucket] of this.groups.get(key)?.buckets ?? []) all.push({ key, start, bucket })
    }
    all.sort((a, b) => a.start - b.start)
    const given = this.cursor === undefined ? 0 : this.cursor.taken
    const chosen = all.slice(given, given + this.limit)
    const truncated = this.more || all.length > given + this.limit
    const columns = new Map<string, { readonly time: Array<number>; readonly value: Array<number> }>()
    for (const { bucket, key, start } of chosen) {
      let own = columns.get(key)
      if (own === undefined) columns.set(key, own = { time: [], value: [] })
      own.time.push(start)
      own.value.push(valueOf(bucket, this.aggregate))
    }
    const series: Array<SeriesPoints> = []
    for (const key of keys) {
      const own = columns.get(key)
      const group = this.groups.get(key)
      if (own === undefined || group === undefined) continue
      const { metricType, origin, tags } = group.series
      series.push({ origin, metricType, tags, ...own, fields: own.time.map(() => undefined) })
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
