import type { JsonObject } from "../domain/Json.js"

/** A point without its series. */
export interface Newest {
  readonly time: number
  readonly value: number
  readonly fields: JsonObject | undefined
}

/** Points more than this many ms ahead of the clock do not count as the newest. */
export const FUTURE_TOLERANCE = 5 * 60_000

const maxPending = 512

/**
 * The newest point of one series. Points of a clock that runs ahead wait here
 * until their time comes. A series has at most 512 of them waiting; past that
 * every second one is forgotten, so that only its newest value gets coarser.
 */
export class LatestPoints {
  private current: Newest | undefined
  private pending: Array<Newest> = []

  add(point: Newest, now: number): void {
    if (point.time > now + FUTURE_TOLERANCE) {
      this.pending.push(point)
      if (this.pending.length > maxPending) this.pending = this.pending.filter((_, i) => i % 2 === 1)
    } else if (this.current === undefined || point.time >= this.current.time) this.current = point
  }

  /** The newest point at `now` (ms since the epoch). Of equal times the one that came last. */
  at(now: number): Newest | undefined {
    if (this.pending.length > 0) {
      const waiting = this.pending
      this.pending = []
      for (const point of waiting) this.add(point, now)
    }
    return this.current
  }

  /** Forgets points older than `before`. */
  expire(before: number): void {
    if (this.current !== undefined && this.current.time < before) this.current = undefined
    this.pending = this.pending.filter(({ time }) => time >= before)
  }
}
