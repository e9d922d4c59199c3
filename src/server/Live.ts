import { Clock, Deferred, Effect, Mailbox, Schedule, type Scope, Stream } from "effect"
import type { MetricStore } from "../store/MetricStore.js"
import type { Commit, LiveAudience } from "./reading/LiveAudiences.js"
import type { ServerCounters } from "./ServerCounters.js"

/** Commits kept for a reader that is slow; older ones are dropped, and it is told. */
const capacity = 128

const beat = "5 seconds"

const encoder = new TextEncoder()

const greeting = encoder.encode("retry: 2000\n\n")

const beatEvent = (time: number): Uint8Array => encoder.encode(`event: beat\ndata: {"time":${time}}\n\n`)

const droppedEvent = (count: number): Uint8Array => encoder.encode(`event: dropped\ndata: {"count":${count}}\n\n`)

/**
 * Points as they are stored, as server-sent events in UTF-8: `metrics` with an
 * array of points, `dropped` with the count of commits that a slow reader
 * missed, and at once and every 5 s a `beat` with the server's time, by which a
 * reader knows that the connection lives, and proxies keep it. Ends when
 * `stopping` is done. `join` is done for as long as they are read.
 */
export const liveEvents = (
  store: typeof MetricStore.Service,
  counters: ServerCounters,
  join: Effect.Effect<LiveAudience, never, Scope.Scope>,
  stopping: Deferred.Deferred<void>
): Stream.Stream<Uint8Array> => {
  const run = Effect.gen(function*() {
    yield* Effect.acquireRelease(
      Effect.sync(() => counters.connections.live++),
      () => Effect.sync(() => counters.connections.live--)
    )
    const audience = yield* join
    // It holds one event: commits for a slow reader wait in the store's feed, where the oldest give way.
    const outgoing = yield* Mailbox.make<Uint8Array>(1)

    const tell = (commit: Commit): Effect.Effect<void> => {
      let from = 0
      // Each is written when it is asked for: a reader that stands still costs one or two of them, not a commit.
      return Effect.whileLoop({
        while: () => from < commit.points.time.length,
        body: () =>
          Effect.flatMap(audience.event(commit, from), ({ bytes, to }) => {
            from = to
            return bytes.length === 0 ? Effect.void : outgoing.offer(bytes)
          }),
        step: () => undefined
      })
    }

    let expected: number | undefined
    const commits = Stream.runForEach(store.live(capacity), (commit) => {
      const missed = expected === undefined ? 0 : commit.sequence - expected
      expected = commit.sequence + 1
      return missed > 0 ? Effect.zipRight(outgoing.offer(droppedEvent(missed)), tell(commit)) : tell(commit)
    })
    const beats = Effect.flatMap(Clock.currentTimeMillis, (time) => outgoing.offer(beatEvent(time)))

    yield* outgoing.offer(greeting)
    yield* Effect.forkScoped(Effect.onExit(commits, (exit) => outgoing.done(exit)))
    yield* Effect.forkScoped(Effect.repeat(beats, Schedule.spaced(beat)))
    yield* Effect.forkScoped(Effect.zipRight(Deferred.await(stopping), outgoing.shutdown))
    return Mailbox.toStream(outgoing)
  })
  return Stream.unwrapScoped(run)
}
