import type { Duplex } from "node:stream"
import { networkOf } from "./networkOf.js"

/** What has its turn on a connection; calls `done` when the next may have its own. */
export type Turn = (done: () => void) => void

/** Turns of a connection that may wait until its reading pauses. */
const maxWaiting = 16

/** Turns of a connection that may wait: more than the 64 KiB hold that are read at once, before its reading pauses. */
const maxWaitingOfOne = 2_500

/** Turns of all connections that may wait: requests weigh 3 KiB each when they are read. */
const maxWaitingInAll = 10_000

interface Line {
  isBusy: boolean
  readonly network: string
  readonly waiting: Array<Turn>
}

/**
 * Lets the requests of each connection be served one after the other, in the
 * order in which they are answered anyway. A client that does not wait for its
 * answers would otherwise have thousands of them worked on at once, from one
 * packet; as it is, its connection is read no further while some wait.
 *
 * What may wait is shared fairly: the connections of one address (one /64 of
 * IPv6) may hold as many places as are still free, so that whoever comes next
 * finds half of what was left.
 */
export class RequestTurns {
  readonly #lines = new WeakMap<Duplex, Line>()
  readonly #waitingOf = new Map<string, number>()
  #waiting = 0

  /** Whether something of the connection has its turn. */
  isBusy(socket: Duplex): boolean {
    return this.#lines.get(socket)?.isBusy === true
  }

  /**
   * Takes a turn as soon as those before it are done; what waits when the
   * connection closes is dropped. `address` is the connection's. `false`: it
   * would have to wait, and too many of it, of its network or in all do.
   */
  take(socket: Duplex, address: string | undefined, turn: Turn): boolean {
    const line = this.#lines.get(socket) ?? this.#open(socket, address)
    if (line.isBusy && !this.#hasRoom(line)) return false
    line.waiting.push(turn)
    this.#count(line, 1)
    if (line.isBusy && line.waiting.length >= maxWaiting) socket.pause()
    this.#next(socket, line)
    return true
  }

  #hasRoom({ network, waiting }: Line): boolean {
    const free = maxWaitingInAll - this.#waiting
    return waiting.length < maxWaitingOfOne && (this.#waitingOf.get(network) ?? 0) < free
  }

  #count({ network }: Line, more: number): void {
    this.#waiting += more
    const own = (this.#waitingOf.get(network) ?? 0) + more
    if (own === 0) this.#waitingOf.delete(network)
    else this.#waitingOf.set(network, own)
  }

  #open(socket: Duplex, address: string | undefined): Line {
    const line: Line = { isBusy: false, network: networkOf(address), waiting: [] }
    this.#lines.set(socket, line)
    // Node resumes reading with every answer that is out.
    socket.on("resume", () => {
      if (line.waiting.length >= maxWaiting) socket.pause()
    })
    socket.once("close", () => {
      this.#count(line, -line.waiting.length)
      line.waiting.length = 0
    })
    return line
  }

  #next(socket: Duplex, line: Line): void {
    if (line.isBusy) return
    const turn = line.waiting.shift()
    if (turn === undefined) return
    this.#count(line, -1)
    if (line.waiting.length === maxWaiting - 1) socket.resume()
    line.isBusy = true
    turn(() => {
      line.isBusy = false
      // Others have their turn in between: an answer that is quick needs none of the event loop.
      if (line.waiting.length > 0) setImmediate(() => this.#next(socket, line))
    })
  }
}
