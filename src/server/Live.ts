import { Clock, type Deferred, Effect, Schedule, Stream } from "effect"
import type { MetricStore, StoreMatcher } from "../store/MetricStore.js"
import { liveJson } from "./AnswerJson.js"
import { nextTurn } from "../domain/nextTurn.js"
import type { ServerCounters } from "./ServerCounters.js"

/** Commits kept for a reader that is slow; older ones are dropped, and it is told. */
const capacity = 128

/** Most points in one event. */
const eventSize = 2_000

const beat = "5 seconds"

/**
 * Points as they are stored, as text of server-sent events: `metrics` with an
 * array of points, `dropped` with the count of commits that a slow reader
 * missed, and at once and every 5 s a `beat` with the server's time, by which a
 * reader knows that the connection lives, and proxies keep it. Ends when
 * `stopping` is done.
 */
export const liveEvents = (
  store: typeof MetricStore.Service,
  counters: ServerCounters,
  { matches, prepare }: StoreMatcher,
  stopping: Deferred.Deferred<void>
): Stream.Stream<string> => {
  let expected: number | undefined
  const events = store.live(capacity).pipe(
    Stream.mapEffect(({ points, sequence }) =>
      Effect.gen(function*() {
        const missed = expected === undefined ? 0 : sequence - expected
        expected = sequence + 1
        // A value on which a pattern takes too long does not match; a store that is closed ends the events itself.
        yield* prepare(points.series).pipe(
          Effect.retry({ times: 1, while: ({ _tag }) => _tag === "StoreError" }),
          Effect.ignore
        )
        let text = missed > 0 ? `event: dropped\ndata: {"count":${missed}}\n\n` : ""
        for (let from = 0; from < points.time.length; from += eventSize) {
          // A reader with a backlog must not hold the loop while it catches up.
          yield* nextTurn
          const data = liveJson(points, matches, from, Math.min(points.time.length, from + eventSize))
          if (data !== undefined) text += `event: metrics\ndata: ${data}\n\n`
        }
        return text
      })
    ),
    Stream.filter((text) => text !== "")
  )
  const beats = Stream.repeatEffectWithSchedule(
    Effect.map(Clock.currentTimeMillis, (time) => `event: beat\ndata: {"time":${time}}\n\n`),
    Schedule.spaced(beat)
  )
  return Stream.make("retry: 2000\n\n").pipe(
    Stream.concat(Stream.merge(events, beats)),
    Stream.interruptWhenDeferred(stopping),
    Stream.onStart(Effect.sync(() => {
      counters.connections.live++
    })),
    Stream.ensuring(Effect.sync(() => {
      counters.connections.live--
    }))
  )
}
