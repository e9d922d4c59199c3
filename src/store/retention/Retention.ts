import { Duration, Effect, Schedule } from "effect"
import { MetricStore, type QueryError, type StoreError } from "../MetricStore.js"

/** What is enforced beside the ages that a store was given. */
export interface Retention {
  /** While the store uses more bytes, its oldest day (UTC) goes. The day that is the only one stays. */
  readonly bytes?: number | undefined
}

/** How often the limits are looked at. */
const every = Duration.hours(1)

const day = Duration.toMillis("1 day")

type Store = typeof MetricStore.Service

const enforceAge = (store: Store): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    const removed = yield* store.expire()
    if (removed > 0) yield* Effect.logInfo(`retention: ${removed} points deleted that were older than they are kept`)
  })

const enforceBytes = (store: Store, bytes: number): Effect.Effect<void, StoreError | QueryError> =>
  Effect.gen(function*() {
    while ((yield* store.stats).usedBytes > bytes) {
      const series = yield* store.series({})
      const first = series.reduce((least, own) => Math.min(least, own.first), Infinity)
      const last = series.reduce((most, own) => Math.max(most, own.last), -Infinity)
      const midnight = (Math.floor(first / day) + 1) * day
      if (!(last >= midnight)) {
        return yield* Effect.logWarning(`retention: one day takes more than ${bytes} bytes; nothing was deleted of it`)
      }
      const removed = yield* store.expire(midnight)
      yield* Effect.logInfo(
        `retention: ${removed} points older than ${
          new Date(midnight).toISOString()
        } deleted to use less than ${bytes} bytes`
      )
      if (removed === 0) return
    }
  })

/**
 * Deletes what is beyond the limits, at once and then every hour, for as long
 * as it runs. What goes is logged with its count; a failure is logged and the
 * next hour tries again.
 */
export const enforceRetention = ({ bytes }: Retention = {}): Effect.Effect<never, never, MetricStore> =>
  Effect.gen(function*() {
    const store = yield* MetricStore
    yield* enforceAge(store)
    if (bytes !== undefined) yield* enforceBytes(store, bytes)
  }).pipe(
    Effect.catchAll((error) => Effect.logError(`retention: ${error.message}`)),
    Effect.repeat(Schedule.spaced(every)),
    Effect.zipRight(Effect.never)
  )
