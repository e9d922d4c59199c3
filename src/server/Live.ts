import { Clock, type Deferred, Effect, Option, Schedule, Stream } from "effect"
import type { MetricStore, StoreMatcher } from "../store/MetricStore.js"
import { liveJson } from "./AnswerJson.js"
import { nextTurn } from "../domain/nextTurn.js"
import type { ServerCounters } from "./ServerCounters.js"

/** Commits kept for a reader that is slow; older ones are dropped, and it is told. */
const capacity = 128

/** Most points in one event. */
const eventSize = 1_000

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
    Stream.flatMap(({ points, sequence }) => {
      const missed = expected === undefined ? 0 : sequence - expected
      expected = sequence + 1
      const dropped = missed > 0 ? `event: dropped\ndata: {"count":${missed}}\n\n` : ""
      // Each is written when it is asked for: a reader that stands still costs one of them, not a commit.
      const written = Stream.unfoldEffect(0, (from) => {
        if (from >= points.time.length) return Effect.succeedNone
        const to = Math.min(points.time.length, from + eventSize)
        // A reader with a backlog must not hold the loop while it catches up.
        return Effect.map(nextTurn, () => {
          const data = liveJson(points, matches, from, to)
          return Option.some([data === undefined ? "" : `event: metrics\ndata: ${data}\n\n`, to] as const)
        })
      })
      // A value on which a pattern takes too long does not match; a store that is closed ends the events itself.
      const prepared = prepare(points.series).pipe(
        Effect.retry({ times: 1, while: ({ _tag }) => _tag === "StoreError" }),
        Effect.ignore
      )
      return Stream.concat(Stream.make(dropped), Stream.unwrap(Effect.as(prepared, written)))
    }),
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
