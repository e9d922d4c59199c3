import { Clock, Duration, Effect, Schedule } from "effect"
import { MetricStore } from "./MetricStore.js"

/** How often points past their age are looked for. */
const every = Duration.hours(1)

/**
 * Deletes points older than `age`, at once and then every hour, for as long as
 * it runs. What goes is logged with its count; a failure is logged and the next
 * hour tries again.
 */
export const enforceRetention = (age: Duration.Duration): Effect.Effect<never, never, MetricStore> =>
  Effect.gen(function*() {
    const store = yield* MetricStore
    const now = yield* Clock.currentTimeMillis
    const removed = yield* store.expire(now - Duration.toMillis(age))
    if (removed > 0) yield* Effect.logInfo(`retention: ${removed} points older than ${Duration.format(age)} deleted`)
  }).pipe(
    Effect.catchAll((error) => Effect.logError(`retention: ${error.message}`)),
    Effect.repeat(Schedule.spaced(every)),
    Effect.zipRight(Effect.never)
  )
