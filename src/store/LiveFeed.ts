import { Effect, Queue, Stream } from "effect"
import type { Points } from "../domain/Series.js"

/** Points that were committed, and the number of their commit. */
export interface LivePoints {
  readonly sequence: number
  readonly points: Points
}

/** Hands what is committed to any number of readers; a slow one loses the oldest, never the others' time. */
export interface LiveFeed {
  readonly publish: (points: Points) => Effect.Effect<void>
  /** At most `capacity` commits wait for this reader. */
  readonly live: (capacity: number) => Stream.Stream<LivePoints>
}

/** Makes a {@link LiveFeed} without readers. */
export const makeLiveFeed: Effect.Effect<LiveFeed> = Effect.sync(() => {
  const readers = new Set<Queue.Queue<LivePoints>>()
  let sequence = 0
  return {
    publish: (points) =>
      Effect.suspend(() => {
        if (points.time.length === 0) return Effect.void
        const element: LivePoints = { sequence: sequence++, points }
        return Effect.forEach(readers, (reader) => Queue.offer(reader, element), { discard: true })
      }),
    live: (capacity) =>
      Stream.unwrapScoped(Effect.map(
        Effect.acquireRelease(
          Effect.tap(Queue.sliding<LivePoints>(capacity), (reader) => Effect.sync(() => readers.add(reader))),
          (reader) => Effect.zipRight(Effect.sync(() => readers.delete(reader)), Queue.shutdown(reader))
        ),
        (reader) => Stream.fromQueue(reader)
      ))
  }
})
