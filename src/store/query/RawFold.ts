import { Either } from "effect"
import type { JsonObject } from "../../domain/Json.js"
import type { Series } from "../../domain/Series.js"
import type { SeriesPoints } from "../MetricStore.js"
import type { Answering } from "./BucketFold.js"
import { type Cursor, writeCursor } from "./Cursor.js"

interface Found {
  readonly id: number
  readonly time: number
  readonly value: number
  readonly fields: JsonObject | undefined
}

/**
 * The oldest `limit` points of all series of a query together, by time, then by
 * series, then in the order of their arrival: an order that new points do not
 * disturb, so that a cursor stays exact while they come in.
 */
export class RawFold {
  private readonly found: Array<Found> = []
  /** Points after this instant would be cut anyway. */
  bound = Infinity
  private more = false
  private toSkip: number
  private withFields = 0

  constructor(
    private readonly limit: number,
    private readonly wanted: ReadonlyMap<number, Series>,
    private readonly cursor: Cursor | undefined
  ) {
    this.toSkip = cursor?.taken ?? 0
  }

  add(id: number, time: number, value: number, fields: JsonObject | undefined): void {
    if (!this.wanted.has(id)) return
    if (this.cursor !== undefined && time === this.cursor.time && this.wasGiven(id, this.cursor.series ?? 0)) return
    if (time > this.bound) {
      this.more = true
      return
    }
    this.found.push({ id, time, value, fields })
    if (fields !== undefined) this.withFields++
    if (this.found.length >= this.limit * 2 + 1_000) this.cut()
  }

  /** The first `count` points of one series, of which those of `from` ≤ t < `to` are meant. */
  addSeries(
    id: number,
    time: ArrayLike<number>,
    value: ArrayLike<number>,
    count: number,
    from: number,
    to: number,
    fields: ReadonlyArray<JsonObject | undefined> | undefined
  ): void {
    for (let i = 0; i < count; i++) {
      if (time[i] >= from && time[i] < to) this.add(id, time[i], value[i], fields?.[i])
    }
  }

  private wasGiven(id: number, cursor: number): boolean {
    if (id !== cursor) return id < cursor
    if (this.toSkip === 0) return false
    this.toSkip--
    return true
  }

  /** Bytes that it holds, about: a point with two boxed numbers, and its fields. */
  get bytes(): number {
    return this.found.length * 128 + this.withFields * 256
  }

  private cut(): void {
    // The sort is stable: arrival decides between equal times of one series.
    this.found.sort((a, b) => a.time - b.time || a.id - b.id)
    if (this.found.length <= this.limit) return
    if (this.withFields > 0) {
      for (let i = this.limit; i < this.found.length; i++) if (this.found[i].fields !== undefined) this.withFields--
    }
    this.found.length = this.limit
    this.more = true
    this.bound = this.found[this.limit - 1].time
  }

  *answer(): Answering {
    this.cut()
    yield
    const bySeries = new Map<
      number,
      { readonly time: Array<number>; readonly value: Array<number>; readonly fields: Array<JsonObject | undefined> }
    >()
    for (const { fields, id, time, value } of this.found) {
      let own = bySeries.get(id)
      if (own === undefined) bySeries.set(id, own = { time: [], value: [], fields: [] })
      own.time.push(time)
      own.value.push(value)
      own.fields.push(fields)
    }
    const series: Array<SeriesPoints & { readonly key: string }> = []
    for (const [id, columns] of bySeries) {
      const own = this.wanted.get(id)
      if (own === undefined) continue
      series.push({ origin: own.origin, metricType: own.metricType, tags: own.tags, key: own.key, ...columns })
    }
    series.sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
    return Either.right({
      series: series.map(({ key: _, ...rest }) => rest),
      truncated: this.more,
      ...(this.more ? { cursor: this.next() } : {})
    })
  }

  private next(): string {
    const { id, time } = this.found[this.found.length - 1]
    let taken = time === this.cursor?.time && id === this.cursor.series ? this.cursor.taken : 0
    for (let i = this.found.length - 1; i >= 0 && this.found[i].time === time && this.found[i].id === id; i--) taken++
    return writeCursor({ time, taken, series: id })
  }
}
