import type { Effect } from "effect"
import type { Points } from "../../src/domain/Series.js"

/** What a query read: enough to see that two stores answer the same. */
export interface Answer {
  /** Points or buckets. */
  readonly count: number
  /** Sum of their values. */
  readonly sum: number
}

/** Totals of the values of some series: loops, because `flatMap` alone would hold the thread up for 10 ms. */
export const answerOf = (series: ReadonlyArray<ReadonlyArray<number>>): Answer => {
  let count = 0
  let sum = 0
  for (const values of series) {
    count += values.length
    for (let i = 0; i < values.length; i++) sum += values[i]
  }
  return { count, sum }
}

/** A store that is measured. `from` and `to` are ms since the epoch. */
export interface Contender {
  /** Stores a batch; it is on disk when this ends. */
  readonly commit: (points: Points) => Effect.Effect<void, unknown>
  /** Newest values of all series. */
  readonly latest: Effect.Effect<Answer, unknown>
  /** The points of the first series. */
  readonly raw: (from: number, to: number) => Effect.Effect<Answer, unknown>
  /** Means by minute of the first series, or of the first group of series, each for itself. */
  readonly minutes: (of: "series" | "group", from: number, to: number) => Effect.Effect<Answer, unknown>
  /** Means by minute of each series of the first group, as the JSON that a client is sent. */
  readonly minutesText: (from: number, to: number) => Effect.Effect<void, unknown>
  /** Deletes what is older than `before`; answers how many points. */
  readonly expire: (before: number) => Effect.Effect<number, unknown>
  /** Waits until nothing is left to be written in another form. */
  readonly settle: Effect.Effect<void, unknown>
}
