import { Clock, Effect } from "effect"
import { nextTurn } from "../../domain/nextTurn.js"
import { flushSeries, letOthersGo } from "../chunk/Flush.js"
import type { StoreError } from "../MetricStore.js"
import type { SeriesEntry } from "../series/SeriesIndex.js"
import type { StoreParts } from "../StoreParts.js"

// Series looked at in one turn of the event loop: a millisecond.
const lookedAt = 10_000

// Series and chunks of one transaction: about 5 ms of work.
const slice = 32
const sliceChunks = 500

interface Change {
  readonly id: number
  readonly before: number
  readonly first: number
  readonly removed: number
}

interface Slice {
  /** Points that went. */
  readonly removed: number
  /** How many of the series have no older points in chunks any more. */
  readonly done: number
}

/** Deletes points of the first of some series, in one transaction. */
const expireSlice = (
  { chunks, commits, head, index, statements }: StoreParts,
  entries: ReadonlyArray<SeriesEntry>,
  beforeOf: (metricType: string) => number
): Effect.Effect<Slice, StoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    commits.writeNow({
      run: () => {
        const changes: Array<Change> = []
        let left = sliceChunks
        let done = 0
        // A series that is not done has used up what was left.
        for (const entry of entries) {
          if (left <= 0) break
          const before = beforeOf(entry.series.metricType)
          const { chunks: looked, first: firstInChunks = Infinity, isDone, removed } = chunks.expire(
            entry.id,
            before,
            left
          )
          left -= looked
          if (isDone) done++
          // Points that came in since it was flushed.
          const waiting = head.get(entry.id)
          const first = Math.min(firstInChunks, waiting?.oldest ?? Infinity)
          const points = entry.points - removed - (waiting?.count ?? 0)
          if (first === Infinity) statements.removeSeries.run(entry.id)
          else {
            const newest = index.newestOf(entry.id, now)
            const own = newest === undefined || newest.time < before ? undefined : newest
            const fields = own?.fields === undefined ? null : JSON.stringify(own.fields)
            const values = [points, first, entry.last, own?.time ?? null, own?.value ?? null, fields] as const
            statements.changeSeries.run(...values, entry.id)
          }
          changes.push({ id: entry.id, before, first, removed })
        }
        return { changes, done }
      },
      committed: ({ changes, done }) => {
        let expired = 0
        for (const { before, first, id, removed } of changes) {
          expired += removed
          if (first === Infinity) index.free([id])
          else index.remove(id, removed, first, before)
        }
        return { removed: expired, done }
      }
    }))

const expireSeries = (
  parts: StoreParts,
  entries: ReadonlyArray<SeriesEntry>,
  before: (metricType: string) => number
): Effect.Effect<number, StoreError> =>
  Effect.gen(function*() {
    let expired = 0
    for (let from = 0; from < entries.length;) {
      const { done, removed } = yield* expireSlice(parts, entries.slice(from, from + slice), before)
      expired += removed
      from += done
      yield* letOthersGo
    }
    return expired
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
        // What waited in the head then, and may have become chunks since.
        const again = entries.filter((own) =>
          index.entryOf(own.id) === own && own.first < before(own.series.metricType)
        )
        if (again.length > 0) {
          // The log would bring them back: what is to go must stand in chunks.
          yield* flushSeries(parts, again.flatMap(({ id }) => head.get(id) ?? []))
          expired += yield* expireSeries(parts, again, before)
        }
      }
      yield* nextTurn
    }
    return expired
  })
