import type { Duplex } from "node:stream"

/** What has its turn on a connection; calls `done` when the next may have its own. */
export type Turn = (done: () => void) => void

/** Turns of a connection that may wait until its reading pauses. */
const maxWaiting = 16

/** Turns of all connections that may wait: requests weigh 3 KiB each when they are read. */
const maxWaitingInAll = 10_000

interface Line {
  isBusy: boolean
  readonly waiting: Array<Turn>
}

/**
 * Lets the requests of each connection be served one after the other, in the
 * order in which they are answered anyway. A client that does not wait for its
 * answers would otherwise have thousands of them worked on at once, from one
 * packet; as it is, its connection is read no further while some wait.
 */
export class RequestTurns {
  readonly #lines = new WeakMap<Duplex, Line>()
  #waiting = 0

  /** Whether something of the connection has its turn. */
  isBusy(socket: Duplex): boolean {
    return this.#lines.get(socket)?.isBusy === true
  }

  /**
   * Takes a turn as soon as those before it are done; what waits when the
   * connection closes is dropped. `false`: it would have to wait, and too many do.
   */
  take(socket: Duplex, turn: Turn): boolean {
    const line = this.#lines.get(socket) ?? this.#open(socket)
    if (line.isBusy && this.#waiting >= maxWaitingInAll) return false
    line.waiting.push(turn)
    this.#waiting++
    if (line.isBusy && line.waiting.length >= maxWaiting) socket.pause()
    this.#next(socket, line)
    return true
  }

  #open(socket: Duplex): Line {
    const line: Line = { isBusy: false, waiting: [] }
    this.#lines.set(socket, line)
    // Node resumes reading with every answer that is out.
    socket.on("resume", () => {
      if (line.waiting.length >= maxWaiting) socket.pause()
    })
    socket.once("close", () => {
      this.#waiting -= line.waiting.length
      line.waiting.length = 0
    })
    return line
  }

  #next(socket: Duplex, line: Line): void {
    if (line.isBusy) return
    const turn = line.waiting.shift()
    if (turn === undefined) return
    this.#waiting--
    if (line.waiting.length === maxWaiting - 1) socket.resume()
    line.isBusy = true
    turn(() => {
      line.isBusy = false
      // Others have their turn in between: an answer that is quick needs none of the event loop.
      if (line.waiting.length > 0) setImmediate(() => this.#next(socket, line))
    })
  }
}
