/**
 * Counts the bytes that the whole server has received and not yet dealt with.
 * Past the limit, sockets stop reading and requests are turned away; at half
 * of it, those who wait are called.
 */
export class InFlight {
  #bytes = 0
  readonly #waiting = new Set<() => void>()

  constructor(readonly limit: number) {}

  get bytes(): number {
    return this.#bytes
  }

  /** Whether new bytes should wait. */
  get isFull(): boolean {
    return this.#bytes >= this.limit
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  remove(bytes: number): void {
    this.#bytes -= bytes
    if (this.#waiting.size === 0 || this.#bytes > this.limit / 2) return
    const waiting = Array.from(this.#waiting)
    this.#waiting.clear()
    for (const resume of waiting) resume()
  }

  /** Calls `resume` once when there is room again. */
  whenRoom(resume: () => void): void {
    this.#waiting.add(resume)
  }

  /** Withdraws a `resume` that nobody needs any more. */
  forget(resume: () => void): void {
    this.#waiting.delete(resume)
  }
}
