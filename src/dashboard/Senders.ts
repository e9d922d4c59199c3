import type { Point } from "./Points.js"

/** How well a sender delivers: `bad` needs a person, `warn` mends itself. */
export type Health = "good" | "warn" | "bad"

/** What a collector tells of itself in its metrics of the origin `collector`. */
export interface Sender {
  readonly host: string
  readonly transport: string
  readonly health: Health
  /** When it last said something, ms since the epoch. */
  readonly seen: number
  readonly silent: boolean
  readonly values: ReadonlyMap<string, number>
  readonly generators: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly losses: ReadonlyArray<{ readonly source: string; readonly reason: string; readonly count: number }>
}

// A collector reports every 5 s.
const silentAfter = 20_000

const transportNames = ["stopped", "waiting", "connecting", "http", "socket"]

const healthOf = (transport: string, silent: boolean): Health =>
  silent || transport === "stopped" ? "bad" : transport === "socket" ? "good" : "warn"

interface Gathered {
  readonly values: Map<string, number>
  readonly generators: Map<string, Map<string, number>>
  readonly losses: Array<{ readonly source: string; readonly reason: string; readonly count: number }>
  seen: number
}

/** Reads the state of every collector from the newest points. */
export const sendersOf = (newest: Iterable<Point>, now: number): ReadonlyArray<Sender> => {
  const found = new Map<string, Gathered>()
  for (const { metric_type, origin, tags, timestamp, value } of newest) {
    if (origin !== "collector") continue
    const host = tags["host"] ?? ""
    const own: Gathered = found.get(host) ?? { values: new Map(), generators: new Map(), losses: [], seen: 0 }
    found.set(host, own)
    own.seen = Math.max(own.seen, timestamp)
    const { generator, reason, source } = tags
    if (generator !== undefined) {
      const values = own.generators.get(generator) ?? new Map<string, number>()
      own.generators.set(generator, values.set(metric_type, value))
    } else if (source !== undefined && reason !== undefined) {
      // What plain mode delivered and cannot verify is no loss before it was sent; `unverified_total` counts it.
      if (metric_type === "lost_total" && value > 0 && reason !== "unverified") {
        own.losses.push({ source, reason, count: value })
      }
    } else own.values.set(metric_type, value)
  }
  return [...found].sort(([a], [b]) => a < b ? -1 : 1).map(([host, { generators, losses, seen, values }]) => {
    const silent = now - seen > silentAfter
    const transport = transportNames[values.get("transport_state") ?? 2] ?? "unknown"
    return { host, transport, health: healthOf(transport, silent), seen, silent, values, generators, losses }
  })
}

/** The difference of a counter between two readings, a second; 0 after a restart, `undefined` before the second. */
export class Rates {
  private readonly last = new Map<
    string,
    { readonly value: number; readonly at: number; readonly rate: number | undefined }
  >()

  /** Reads a counter at an instant, ms. Readings of one value within 15 s keep the rate. */
  of(key: string, value: number, at: number): number | undefined {
    const before = this.last.get(key)
    if (before !== undefined && (before.at === at || (before.value === value && at - before.at < 15_000))) {
      return before.rate
    }
    const rate = before === undefined ? undefined : Math.max(0, value - before.value) * 1000 / (at - before.at)
    this.last.set(key, { value, at, rate })
    return rate
  }
}
