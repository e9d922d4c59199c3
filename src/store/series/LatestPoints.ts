import type { JsonObject } from "../../domain/Json.js"

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
  // Plain fields: a hot path that made an object for each point would feed the garbage collector.
  private time = -Infinity
  private value = 0
  private fields: JsonObject | undefined
  private pending: Array<Newest> | undefined

  add(time: number, value: number, fields: JsonObject | undefined, now: number): void {
    if (time > now + FUTURE_TOLERANCE) this.wait({ time, value, fields })
    else if (time >= this.time) this.set(time, value, fields)
    else if (this.time > now + FUTURE_TOLERANCE) {
      // The clock was set back: what was the newest is ahead of it now.
      this.wait({ time: this.time, value: this.value, fields: this.fields })
      this.set(time, value, fields)
    }
  }

  private set(time: number, value: number, fields: JsonObject | undefined): void {
    this.time = time
    this.value = value
    this.fields = fields
  }

  private wait(point: Newest): void {
    this.pending ??= []
    this.pending.push(point)
    if (this.pending.length > maxPending) this.pending = this.pending.filter((_, i) => i % 2 === 1)
  }

  /** The newest point at `now` (ms since the epoch). Of equal times the one that came last. */
  at(now: number): Newest | undefined {
    if (this.pending !== undefined) {
      const waiting = this.pending
      this.pending = undefined
      for (const point of waiting) this.add(point.time, point.value, point.fields, now)
    }
    return this.time === -Infinity ? undefined : { time: this.time, value: this.value, fields: this.fields }
  }

  /** Forgets points older than `before`. */
  expire(before: number): void {
    if (this.time < before) {
      this.time = -Infinity
      this.fields = undefined
    }
    this.pending = this.pending?.filter(({ time }) => time >= before)
  }
}
