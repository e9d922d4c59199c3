import type { LatestEntry, ServerStatus } from "../../wire/Api.js"
import { tagsText } from "../options/SeriesOptions.js"

/** By what the busiest are chosen: the rate, the name, or the newest point. */
export type TopOrder = "rate" | "name" | "newest"

/** The order after another one. */
export const nextOrder: { readonly [order in TopOrder]: TopOrder } = { rate: "name", name: "newest", newest: "rate" }

/** A series of late. */
export interface BusySeries {
  readonly origin: string
  readonly metricType: string
  readonly tags: string
  readonly value: number
  /** Timestamp of its newest point, ms since the epoch. */
  readonly newest: number
  /** Points a second over the last ten seconds. */
  readonly rate: number
}

/** A sender of late: its streams together. */
export interface BusySender {
  readonly sender: string
  /** The way of its newest stream; empty when it is not there. */
  readonly transport: string
  readonly streams: number
  /** Points that its listed streams have brought, refused ones included. */
  readonly received: number
  readonly rejected: number
  readonly rate: number
  readonly lastSeen: number
}

interface Counted {
  readonly counts: Array<number>
  entry: LatestEntry
  tags: string
  idle: number
}

// Seconds over which rates are taken, and after which a silent series is forgotten.
const windowTicks = 10
const forgetAfter = 60

// A screen shows a few dozen; what is beyond is counted only in the total.
const maxSeries = 50_000

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

/** What `top` knows: points by series over the last seconds, and the server's status. Bounded. */
export class TopModel {
  readonly #series = new Map<string, Counted>()
  readonly #streams = new Map<string, Array<number>>()
  #status: ServerStatus | undefined
  #ticks = 0
  #total: Array<number> = []
  #now = 0

  /** Commits that were missed because this process was slow. */
  missed = 0

  /** Takes points as they were stored. */
  add(entries: ReadonlyArray<LatestEntry>): void {
    this.#now += entries.length
    for (const entry of entries) {
      const tags = tagsText(entry.tags)
      const key = `${entry.origin}\u0000${entry.metric_type}\u0000${tags}`
      let known = this.#series.get(key)
      if (known === undefined) {
        if (this.#series.size >= maxSeries) continue
        known = { counts: [0], entry, tags, idle: 0 }
        this.#series.set(key, known)
      }
      known.entry = entry
      known.counts[known.counts.length - 1]++
    }
  }

  /** A second has passed: begins to count the next one. */
  tick(status: ServerStatus | undefined): void {
    this.#ticks++
    this.#total = [...this.#total, this.#now].slice(-windowTicks)
    this.#now = 0
    for (const [key, known] of this.#series) {
      known.idle = known.counts.at(-1) === 0 ? known.idle + 1 : 0
      if (known.idle > forgetAfter) {
        this.#series.delete(key)
        continue
      }
      known.counts.push(0)
      if (known.counts.length > windowTicks + 1) known.counts.shift()
    }
    if (status === undefined) return
    this.#status = status
    const listed = new Set<string>()
    for (const { next, stream } of status.streams) {
      listed.add(stream)
      const known = this.#streams.get(stream) ?? []
      known.push(next)
      if (known.length > windowTicks + 1) known.shift()
      this.#streams.set(stream, known)
    }
    for (const stream of this.#streams.keys()) if (!listed.has(stream)) this.#streams.delete(stream)
  }

  get status(): ServerStatus | undefined {
    return this.#status
  }

  /** Points a second of late, of all series that are followed. */
  get rate(): number {
    return this.#perSecond(this.#total.reduce((sum, count) => sum + count, 0))
  }

  get seriesCount(): number {
    return this.#series.size
  }

  #perSecond(count: number): number {
    return count / Math.max(1, Math.min(windowTicks, this.#ticks))
  }

  /** Series in the given order, at most `limit`. */
  series(order: TopOrder, limit: number): ReadonlyArray<BusySeries> {
    const all = Array.from(this.#series.values(), ({ counts, entry, tags }): BusySeries => ({
      origin: entry.origin,
      metricType: entry.metric_type,
      tags,
      value: entry.value,
      newest: entry.timestamp,
      rate: this.#perSecond(counts.reduce((sum, count) => sum + count, 0))
    }))
    const byName = (a: BusySeries, b: BusySeries): number =>
      compare(a.origin, b.origin) || compare(a.metricType, b.metricType) || compare(a.tags, b.tags)
    const orders: { readonly [order in TopOrder]: (a: BusySeries, b: BusySeries) => number } = {
      rate: (a, b) => b.rate - a.rate || byName(a, b),
      name: byName,
      newest: (a, b) => b.newest - a.newest || byName(a, b)
    }
    return all.sort(orders[order]).slice(0, limit)
  }

  /** Senders, the busiest first, at most `limit`. */
  senders(limit: number): ReadonlyArray<BusySender> {
    const senders = new Map<string, BusySender>()
    for (const { lastSeen, next, rejected, sender, stream, transport } of this.#status?.streams ?? []) {
      const seen = this.#streams.get(stream) ?? []
      const rate = seen.length < 2 ? 0 : (seen[seen.length - 1] - seen[0]) / (seen.length - 1)
      const known = senders.get(sender)
      senders.set(sender, {
        sender,
        transport: known === undefined || known.transport === "" ? transport ?? "" : known.transport,
        streams: (known?.streams ?? 0) + 1,
        received: (known?.received ?? 0) + next,
        rejected: (known?.rejected ?? 0) + rejected,
        rate: (known?.rate ?? 0) + rate,
        lastSeen: Math.max(known?.lastSeen ?? 0, lastSeen)
      })
    }
    return Array.from(senders.values())
      .sort((a, b) => b.rate - a.rate || b.lastSeen - a.lastSeen || compare(a.sender, b.sender))
      .slice(0, limit)
  }
}
