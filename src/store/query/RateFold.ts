import { Either } from "effect"
import type { JsonObject } from "../../domain/Json.js"
import type { Series } from "../../domain/Series.js"
import type { Buckets } from "../MetricStore.js"
import { type Answering, BucketFold, MAX_HELD_VALUES, tooManyValues } from "./BucketFold.js"
import type { ColumnRoom } from "./ColumnRoom.js"
import type { Cursor } from "./Cursor.js"
import { timeOrder } from "./timeOrder.js"

// Growth that is added up in one slice: a few milliseconds.
const atOnce = 100_000

interface Counter {
  /** The series that its growth is added to. */
  readonly id: number
  readonly time: Array<number>
  readonly value: Array<number>
}

/**
 * How fast counters grew, in buckets: it holds all points, because growth is
 * known only between neighbours in time, and late points come late. The first
 * point of the interval has no neighbour and begins the count.
 */
export class RateFold {
  private readonly counters = new Map<number | string, Counter>()
  private held = 0

  constructor(
    private readonly limit: number,
    private readonly buckets: Buckets,
    private readonly wanted: ReadonlyMap<number, Series>,
    private readonly cursor: Cursor | undefined,
    private readonly room: ColumnRoom
  ) {}

  /** No point is wanted any more when there are too many. */
  get bound(): number {
    return this.held > MAX_HELD_VALUES ? -Infinity : Infinity
  }

  /** Bytes that it holds, about: two columns that grow by half. */
  get bytes(): number {
    return this.held * 24
  }

  /** A point; in a series that holds the points of many others, `original` tells of which it was. */
  add(id: number, time: number, value: number, _?: JsonObject, original?: string): void {
    if (this.held > MAX_HELD_VALUES || !this.wanted.has(id)) return
    this.held++
    const key = original ?? id
    let counter = this.counters.get(key)
    if (counter === undefined) this.counters.set(key, counter = { id, time: [], value: [] })
    counter.time.push(time)
    counter.value.push(value)
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
    for (let i = 0; i < count; i++) if (time[i] >= from && time[i] < to) this.add(id, time[i], value[i])
  }

  *answer(): Answering {
    if (this.held > MAX_HELD_VALUES) return Either.left(tooManyValues("rate"))
    const sums = new BucketFold(this.limit, this.buckets, "sum", this.wanted, this.cursor, this.room)
    const seconds = this.buckets.step / 1_000
    const since = this.cursor?.time ?? -Infinity
    const times = new Float64Array(atOnce)
    const growths = new Float64Array(atOnce)
    let filled = 0
    let worked = 0
    for (const { id, time, value } of this.counters.values()) {
      const order = yield* timeOrder(time)
      for (let i = 1; i < time.length; i++) {
        const at = order === undefined ? i : order[i]
        if (time[at] < since) continue
        const now = value[at]
        const before = value[order === undefined ? i - 1 : order[i - 1]]
        times[filled] = time[at]
        growths[filled++] = now < before ? now : now - before
        if (filled < atOnce) continue
        sums.addSeries(id, times, growths, filled, -Infinity, Infinity)
        filled = 0
        worked = 0
        yield
      }
      sums.addSeries(id, times, growths, filled, -Infinity, Infinity)
      filled = 0
      // Of many counters each may have few.
      worked += time.length
      if (worked < atOnce) continue
      worked = 0
      yield
    }
    return Either.map(yield* sums.answer(), ({ series, ...rest }) => ({
      ...rest,
      series: series.map((own) => ({ ...own, value: own.value.map((growth) => growth / seconds) }))
    }))
  }
}
