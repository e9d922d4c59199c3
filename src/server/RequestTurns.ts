import type { Duplex } from "node:stream"

/** What has its turn on a connection; calls `done` when the next may have its own. */
export type Turn = (done: () => void) => void

/** Turns of a connection that may wait until its reading pauses. */
const maxWaiting = 16

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

  /** Whether something of the connection has its turn. */
  isBusy(socket: Duplex): boolean {
    return this.#lines.get(socket)?.isBusy === true
  }

  /** Takes a turn as soon as those before it are done. What waits when the connection closes is dropped. */
  take(socket: Duplex, turn: Turn): void {
    const line = this.#lines.get(socket) ?? this.#open(socket)
    line.waiting.push(turn)
    if (line.isBusy && line.waiting.length >= maxWaiting) socket.pause()
    this.#next(socket, line)
  }

  #open(socket: Duplex): Line {
    const line: Line = { isBusy: false, waiting: [] }
    this.#lines.set(socket, line)
    // Node resumes reading with every answer that is out.
    socket.on("resume", () => {
      if (line.waiting.length >= maxWaiting) socket.pause()
    })
    socket.once("close", () => {
      line.waiting.length = 0
    })
    return line
  }

  #next(socket: Duplex, line: Line): void {
    if (line.isBusy) return
    const turn = line.waiting.shift()
    if (turn === undefined) return
    if (line.waiting.length === maxWaiting - 1) socket.resume()
    line.isBusy = true
    turn(() => {
      line.isBusy = false
      // Others have their turn in between: an answer that is quick needs none of the event loop.
      if (line.waiting.length > 0) setImmediate(() => this.#next(socket, line))
    })
  }
}
