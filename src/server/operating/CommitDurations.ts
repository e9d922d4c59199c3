import { Clock, Effect } from "effect"

/** Upper bounds of the histogram's buckets, in seconds. */
export const DURATION_BOUNDS: ReadonlyArray<number> = [
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5
]

// Commits of which quantiles are told.
const recentCount = 1_024

/** How long the store takes to commit: a histogram since the start, and quantiles of the newest 1,024 commits. */
export class CommitDurations {
  #count = 0
  #sum = 0
  readonly #buckets = DURATION_BOUNDS.map(() => 0)
  readonly #recent: Array<number> = []

  /** Commits since the start. */
  get count(): number {
    return this.#count
  }

  /** Seconds that they took together. */
  get sum(): number {
    return this.#sum
  }

  /** How many took at most each of {@link DURATION_BOUNDS}. */
  get cumulative(): ReadonlyArray<number> {
    let below = 0
    return this.#buckets.map((own) => below += own)
  }

  /** Notes a commit that took so many seconds. */
  note(seconds: number): void {
    this.#recent[this.#count % recentCount] = seconds
    this.#count++
    this.#sum += seconds
    const bucket = DURATION_BOUNDS.findIndex((bound) => seconds <= bound)
    if (bucket >= 0) this.#buckets[bucket]++
  }

  /** The duration, in seconds, that a part (0 to 1) of the newest commits did not exceed; 0 before the first. */
  quantile(part: number): number {
    const sorted = this.#recent.toSorted((a, b) => a - b)
    return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0
  }

  /** Notes how long an effect takes when it succeeds. */
  readonly measure = <A, E, R>(commit: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Clock.currentTimeNanos, (before) =>
      Effect.zipLeft(
        commit,
        Effect.map(Clock.currentTimeNanos, (after) => this.note(Number(after - before) / 1e9))
      ))
}
