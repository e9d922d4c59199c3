import { RecentMap } from "../door/RecentMap.js"

/** Which way a stream comes: over a socket that is open now, or by HTTP. */
export type StreamWay = "socket" | "http"

// Streams that came by HTTP and are remembered; up to twice as many may be.
const remembered = 10_000

/** Knows which way each stream comes, since the start of the server. */
export class StreamWays {
  readonly #open = new Set<string>()
  readonly #byHttp = new RecentMap<string, true>(remembered)

  /** A socket opened the stream. */
  opened(stream: string): void {
    this.#byHttp.delete(stream)
    this.#open.add(stream)
  }

  /** The socket that held the stream is gone. */
  closed(stream: string): void {
    this.#open.delete(stream)
  }

  /** A request wrote to the stream. */
  cameByHttp(stream: string): void {
    this.#byHttp.set(stream, true)
  }

  /** The way of a stream; `undefined` when no socket holds it and it did not come by HTTP. */
  of(stream: string): StreamWay | undefined {
    return this.#open.has(stream) ? "socket" : this.#byHttp.get(stream) === true ? "http" : undefined
  }
}
