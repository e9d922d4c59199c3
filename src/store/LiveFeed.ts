import { Effect, Queue, Stream } from "effect"
import type { Points } from "../domain/Series.js"

/** One commit as a reader of {@link LiveFeed} sees it. */
export interface LiveCommit {
  readonly sequence: number
  readonly points: Points
}

/** Commits for readers who watch: each has a bounded queue of its own and loses its oldest when it is slow. */
export class LiveFeed {
  private readonly readers = new Set<Queue.Queue<LiveCommit>>()
  private sequence = 0

  publish(points: Points): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (points.time.length === 0) return Effect.void
      const commit = { sequence: this.sequence++, points }
      return Effect.forEach(this.readers, (reader) => Queue.offer(reader, commit), { discard: true })
    })
  }

  /** Commits from now on. At most `capacity` wait for a slow reader. */
  read(capacity: number): Stream.Stream<LiveCommit> {
    return Stream.unwrapScoped(Effect.map(
      Effect.acquireRelease(
        Effect.tap(Queue.sliding<LiveCommit>(capacity), (queue) => Effect.sync(() => this.readers.add(queue))),
        (queue) => Effect.zipRight(Effect.sync(() => this.readers.delete(queue)), Queue.shutdown(queue))
      ),
      (queue) => Stream.fromQueue(queue, { maxChunkSize: 1 })
    ))
  }
}
