import { Clock, type Deferred, Effect, Option, Schedule, type Scope, Stream } from "effect"
import type { MetricStore } from "../store/MetricStore.js"
import type { LiveAudience } from "./LiveAudiences.js"
import type { ServerCounters } from "./ServerCounters.js"

/** Commits kept for a reader that is slow; older ones are dropped, and it is told. */
const capacity = 128

const beat = "5 seconds"

const encoder = new TextEncoder()

const noBytes = new Uint8Array()

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
  let expected: number | undefined
  const eventsOf = (audience: LiveAudience): Stream.Stream<Uint8Array> =>
    store.live(capacity).pipe(
      Stream.flatMap((commit) => {
        const missed = expected === undefined ? 0 : commit.sequence - expected
        expected = commit.sequence + 1
        const dropped = missed > 0 ? encoder.encode(`event: dropped\ndata: {"count":${missed}}\n\n`) : noBytes
        // Each is written when it is asked for: a reader that stands still costs one of them, not a commit.
        const written = Stream.unfoldEffect(0, (from) =>
          from >= commit.points.time.length
            ? Effect.succeedNone
            : Effect.map(audience.event(commit, from), ({ bytes, to }) => Option.some([bytes, to] as const)))
        return missed > 0 ? Stream.concat(Stream.make(dropped), written) : written
      }),
      Stream.filter(({ length }) => length > 0)
    )
  const beats = Stream.repeatEffectWithSchedule(
    Effect.map(Clock.currentTimeMillis, (time) => encoder.encode(`event: beat\ndata: {"time":${time}}\n\n`)),
    Schedule.spaced(beat)
  )
  return Stream.make(encoder.encode("retry: 2000\n\n")).pipe(
    Stream.concat(Stream.merge(Stream.unwrapScoped(Effect.map(join, eventsOf)), beats)),
    Stream.interruptWhenDeferred(stopping),
    Stream.onStart(Effect.sync(() => {
      counters.connections.live++
    })),
    Stream.ensuring(Effect.sync(() => {
      counters.connections.live--
    }))
  )
}
