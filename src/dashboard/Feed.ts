import { type Point, seriesKey } from "./Points.js"
import { latest, readPoints, Unauthorized } from "./Server.js"

/** How the page hangs together with the server. */
export type FeedState = "connecting" | "live" | "lost" | "unauthorized"

/** What happens on the feed. */
export interface FeedListener {
  /** Points that were just stored. */
  readonly arrived?: (points: ReadonlyArray<Point>) => void
  /** The connection stands, and something was shown before: what was stored meanwhile is only in the history. */
  readonly opened?: () => void
  /** The newest points are known, where none were before. */
  readonly filled?: () => void
}

// The server says something every 5 s. Twice as long in silence, and what the
// page shows is old, whatever the browser thinks of the connection.
const silence = 12_000

const retry = 2_000

// A server that was just started with a collector beside it has stored nothing yet.
const settling = 1_500

// A page that knows more series than this is of no use to anybody.
const maxNewest = 20_000

const numberIn = (json: string, key: string): number | undefined => {
  const value: unknown = JSON.parse(json)
  if (typeof value !== "object" || value === null) return undefined
  const found: unknown = Object.entries(value).find(([name]) => name === key)?.[1]
  return typeof found === "number" ? found : undefined
}

/** Follows what the server stores, reconnects by itself, and knows when what it shows is old. */
export class Feed {
  /** The newest point of each series. */
  readonly newest = new Map<string, Point>()
  state: FeedState = "connecting"
  /** Points that arrived since the page was opened. */
  arrived = 0
  /** Commits that the server left out because this page was too slow. */
  dropped = 0
  private readonly listeners = new Set<FeedListener>()
  private source: EventSource | undefined
  private heardAt = 0
  private liveAt = 0
  private clockOffset = 0

  constructor(private readonly changed: (state: FeedState) => void) {
    window.setInterval(() => {
      if (this.state === "live" && Date.now() - this.heardAt > silence) this.lose()
    }, 1_000)
  }

  /** The server's clock, ms since the epoch: points carry times of there. */
  now(): number {
    return Date.now() + this.clockOffset
  }

  /** Whether the connection has stood for a moment, and nothing is stored. */
  get isEmpty(): boolean {
    return this.newest.size === 0 && this.state === "live" && Date.now() - this.liveAt > settling
  }

  listen(listener: FeedListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Connects, now or after a token was given. */
  start(): void {
    this.source?.close()
    const source = new EventSource("api/live")
    this.source = source
    const heard = () => {
      this.heardAt = Date.now()
    }
    source.addEventListener("open", () => {
      heard()
      // Asked for only now, so that nothing is missed between this and what is live.
      void this.catchUp(source)
    })
    source.addEventListener("metrics", (event: MessageEvent<string>) => {
      heard()
      this.take(readPoints(JSON.parse(event.data)) ?? [])
    })
    source.addEventListener("dropped", (event: MessageEvent<string>) => {
      heard()
      this.dropped += numberIn(event.data, "count") ?? 1
    })
    source.addEventListener("beat", (event: MessageEvent<string>) => {
      heard()
      this.clockOffset = (numberIn(event.data, "time") ?? Date.now()) - Date.now()
    })
    // The browser's own reconnection would keep the points that were missed a secret.
    source.addEventListener("error", () => {
      // It does not tell why; a question does.
      source.close()
      void this.catchUp(source)
    })
  }

  private async catchUp(source: EventSource): Promise<void> {
    try {
      const points = await latest()
      if (this.source !== source) return
      if (source.readyState !== EventSource.OPEN) return this.lose()
      const wasEmpty = this.newest.size === 0
      const isFirst = wasEmpty && this.state === "connecting"
      for (const point of points) this.note(point)
      if (wasEmpty) { for (const { filled } of this.listeners) filled?.() }
      this.liveAt = Date.now()
      this.become("live")
      // A page that was just begun has asked for its history already.
      if (!isFirst) { for (const { opened } of this.listeners) opened?.() }
    } catch (error) {
      if (this.source !== source) return
      if (error instanceof Unauthorized) this.become("unauthorized")
      else this.lose()
    }
  }

  private take(points: ReadonlyArray<Point>): void {
    this.arrived += points.length
    const wasEmpty = this.newest.size === 0
    for (const point of points) this.note(point)
    for (const { arrived, filled } of this.listeners) {
      arrived?.(points)
      if (wasEmpty) filled?.()
    }
  }

  private note(point: Point): void {
    const key = seriesKey(point)
    const before = this.newest.get(key)
    if (before === undefined && this.newest.size >= maxNewest) return
    if (before === undefined || before.timestamp <= point.timestamp) this.newest.set(key, point)
  }

  private lose(): void {
    this.source?.close()
    this.source = undefined
    this.become("lost")
    window.setTimeout(() => {
      if (this.state === "lost") this.start()
    }, retry)
  }

  private become(state: FeedState): void {
    if (this.state === state) return
    this.state = state
    this.changed(state)
  }
}
