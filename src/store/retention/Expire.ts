import { Clock, Effect } from "effect"
import { flushSeries } from "../chunk/Flush.js"
import type { StoreError } from "../MetricStore.js"
import { nextTurn } from "../../domain/nextTurn.js"
import type { SeriesEntry } from "../series/SeriesIndex.js"
import type { StoreParts } from "../StoreParts.js"

// Series looked at in one turn of the event loop: a millisecond.
const lookedAt = 10_000

// Series of one transaction: about 5 ms of work.
const slice = 32

const expireSeries = (
  parts: StoreParts,
  entries: ReadonlyArray<SeriesEntry>,
  beforeOf: (metricType: string) => number
): Effect.Effect<number, StoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { chunks, commits, head, index, statements } = parts
    let expired = 0
    return Effect.map(
      commits.writeNow({
        run: () =>
          entries.map((entry) => {
            const before = beforeOf(entry.series.metricType)
            const { first: firstInChunks = Infinity, removed } = chunks.expire(entry.id, before)
            // Points that came in since it was flushed.
            const waiting = head.get(entry.id)
            const first = Math.min(firstInChunks, waiting?.oldest ?? Infinity)
            const left = entry.points - removed - (waiting?.count ?? 0)
            if (first === Infinity) statements.removeSeries.run(entry.id)
            else {
              const newest = index.newestOf(entry.id, now)
              const own = newest === undefined || newest.time < before ? undefined : newest
              const fields = own?.fields === undefined ? null : JSON.stringify(own.fields)
              const values = [left, first, entry.last, own?.time ?? null, own?.value ?? null, fields] as const
              statements.changeSeries.run(...values, entry.id)
            }
            return { id: entry.id, before, first, removed }
          }),
        committed: (changes) => {
          for (const { before, first, id, removed } of changes) {
            expired += removed
            if (first === Infinity) index.free([id])
            else index.remove(id, removed, first, before)
          }
        }
      }),
      () => expired
    )
  })

/**
 * Deletes the points older than `before` tells for their metric type (ms since
 * the epoch), in slices, and answers how many they were. Series without points
 * are forgotten.
 */
export const expirePoints = (
  parts: StoreParts,
  before: (metricType: string) => number
): Effect.Effect<number, StoreError> =>
  Effect.gen(function*() {
    const { head, index } = parts
    let expired = 0
    for (const older of index.olderThan(before, lookedAt)) {
      for (let from = 0; from < older.length; from += slice) {
        const entries = older.slice(from, from + slice)
        // Chunks first: on a full disk they make the room for the rest.
        expired += yield* expireSeries(parts, entries, before)
        const waiting = entries.filter(({ id, series }) => {
          const own = head.get(id)
          return own !== undefined && own.oldest < before(series.metricType)
        })
        if (waiting.length > 0) {
          // The log would bring them back: what is to go must stand in chunks.
          yield* flushSeries(parts, waiting.flatMap(({ id }) => head.get(id) ?? []))
          expired += yield* expireSeries(parts, waiting, before)
        }
        yield* nextTurn
      }
      yield* nextTurn
    }
    return expired
  })
