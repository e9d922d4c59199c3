import { Effect, Mailbox, Stream } from "effect"
import type { Points } from "../domain/Series.js"

/** One commit as a reader of {@link LiveFeed} sees it. */
export interface LiveCommit {
  readonly sequence: number
  readonly points: Points
}

/** Commits for readers who watch: each has a bounded mailbox of its own and loses its oldest when it is slow. */
export class LiveFeed {
  private readonly readers = new Set<Mailbox.Mailbox<LiveCommit>>()
  private sequence = 0

  /** Hands a commit to all readers, in the turn in which it became durable. */
  publish(points: Points): void {
    if (points.time.length === 0) return
    const commit = { sequence: this.sequence++, points }
    for (const reader of this.readers) reader.unsafeOffer(commit)
  }

  /** Commits from now on. At most `capacity` wait for a slow reader. */
  read(capacity: number): Stream.Stream<LiveCommit> {
    return Stream.unwrapScoped(Effect.map(
      Effect.acquireRelease(
        Effect.tap(
          Mailbox.make<LiveCommit>({ capacity, strategy: "sliding" }),
          (mailbox) => Effect.sync(() => this.readers.add(mailbox))
        ),
        (mailbox) => Effect.zipRight(Effect.sync(() => this.readers.delete(mailbox)), mailbox.shutdown)
      ),
      // One by one: what a reader was handed no longer counts against its capacity.
      (mailbox) => Stream.repeatEffect(Effect.orDie(mailbox.take))
    ))
  }
}
