/** Which way a stream comes: over a socket that is open now, or by HTTP. */
export type StreamWay = "socket" | "http"

// Streams that came by HTTP and are remembered.
const maxRemembered = 10_000

/** Knows which way each stream comes, since the start of the server. */
export class StreamWays {
  readonly #open = new Set<string>()
  readonly #byHttp = new Set<string>()

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
    this.#byHttp.delete(stream)
    this.#byHttp.add(stream)
    for (const oldest of this.#byHttp) {
      if (this.#byHttp.size <= maxRemembered) break
      this.#byHttp.delete(oldest)
    }
  }

  /** The way of a stream; `undefined` when no socket holds it and it did not come by HTTP. */
  of(stream: string): StreamWay | undefined {
    return this.#open.has(stream) ? "socket" : this.#byHttp.has(stream) ? "http" : undefined
  }
}
