import { Clock, Effect } from "effect"
import { dayOf } from "./chunk/SeriesColumns.js"
import { storeError } from "./GroupCommit.js"
import type { HeadSeries } from "./Head.js"
import type { StoreError } from "./MetricStore.js"
import { nextTurn } from "../domain/nextTurn.js"
import type { SeriesDay } from "./RollupQueue.js"
import type { StoreParts } from "./StoreParts.js"

/** How long to leave a file alone that could not be written. */
const retryAfter = "1 minute"

// Series of one transaction: about 5 ms of work.
const slice = 48

/**
 * Turns points of series into chunks and deletes the rows of the log that are
 * no longer needed, in one transaction. All points of a series go together,
 * so that one mark tells which rows of the log it has passed.
 */
export const flushSeries = (parts: StoreParts, due: ReadonlyArray<HeadSeries>): Effect.Effect<void, StoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { chunks, commits, faults, head, index, rollups, statements } = parts
    const ids = due.map(({ id }) => id)
    return commits.writeNow({
      run: () => {
        const written: Array<ReadonlyArray<number>> = []
        for (const own of due) {
          written.push(chunks.add(own))
          faults.reach("flush")
          const entry = index.entryOf(own.id)
          const newest = index.newestOf(own.id, now)
          statements.setSeries.run(
            head.lastRow,
            entry?.points ?? 0,
            entry?.first ?? 0,
            entry?.last ?? 0,
            newest?.time ?? null,
            newest?.value ?? null,
            newest?.fields === undefined ? null : JSON.stringify(newest.fields),
            own.id
          )
        }
        const oldest = head.oldestRowWithout(ids)
        statements.trimRows.run(oldest)
        faults.reach("trim")
        return { oldest, written }
      },
      committed: ({ oldest, written }) => {
        due.forEach((own, i) => rollups.note(own.id, written[i], own.count))
        head.drop(ids)
        head.trim(oldest)
      }
    })
  }).pipe(Effect.tapError(() => Effect.sync(() => parts.chunks.forget())))

/** Flushes what is due, in slices, giving sockets a turn between two of them. */
const flushDue = (parts: StoreParts): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    while (true) {
      const now = yield* Clock.currentTimeMillis
      const due = parts.head.due(slice, now - parts.limits.maxAge, parts.limits.logBytes)
      if (due.length === 0) return
      yield* flushSeries(parts, due)
      yield* nextTurn
    }
  })

// Rollups of one transaction: about 5 ms of work.
const rollupSlice = 6

const roll = ({ chunks, commits }: StoreParts, due: ReadonlyArray<SeriesDay>): Effect.Effect<void, StoreError> =>
  commits.writeNow({
    run: () => {
      for (const { day, series } of due) chunks.roll(series, day)
    },
    committed: () => undefined
  }).pipe(
    Effect.tapError(() => Effect.sync(() => chunks.forget())),
    Effect.zipRight(nextTurn)
  )

/** Brings rollups up to date, in slices. */
const rollDue = (parts: StoreParts): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    while (true) {
      const due = parts.rollups.take(rollupSlice)
      if (due.length === 0) return
      yield* roll(parts, due)
    }
  })

// Series looked through in one turn of the event loop: about 5 ms.
const backlogSlice = 100

/**
 * Brings the rollups of all days up to date that ended while nobody looked,
 * because the process did; once, after a start. A failure is logged: answers
 * only take longer without rollups.
 */
export const catchUpRollups = (parts: StoreParts): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { chunks, index, limits } = parts
    const today = dayOf(yield* Clock.currentTimeMillis)
    const { ids } = index
    for (let from = 0; from < ids.length; from += backlogSlice) {
      const due = yield* Effect.try({
        try: () =>
          ids.slice(from, from + backlogSlice).flatMap((series) => {
            const days = chunks.rollupBacklog(series)
            return days
              .filter(({ day, points }, i) => i < days.length - 1 || day < today || points >= limits.rollupPoints)
              .map(({ day }): SeriesDay => ({ series, day }))
          }),
        catch: storeError
      })
      for (let next = 0; next < due.length; next += rollupSlice) {
        yield* roll(parts, due.slice(next, next + rollupSlice))
      }
      yield* nextTurn
    }
  }).pipe(Effect.catchAll(({ message }) =>
    Effect.logError(`${parts.path}: rollups of earlier days could not be brought up to date: ${message}`)
  ))

/** Waits until something is full or old; no timer runs while nothing waits. */
const untilDue = ({ head, limits }: StoreParts, wake: Effect.Latch): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { oldest } = head
    if (oldest === undefined) return wake.await
    const left = oldest.since + limits.maxAge - now
    return left <= 0 ? Effect.void : Effect.race(wake.await, Effect.sleep(left))
  })

/**
 * Flushes for ever, by size whenever `wake` is opened, and by age. It is to be
 * opened too when the first points come to an empty head. A failure is logged;
 * the points stay in the log.
 */
export const keepFlushing = (parts: StoreParts, wake: Effect.Latch): Effect.Effect<never> =>
  Effect.gen(function*() {
    yield* untilDue(parts, wake)
    yield* wake.close
    yield* flushDue(parts)
    yield* rollDue(parts)
  }).pipe(
    Effect.catchAll((error) =>
      Effect.zipRight(
        Effect.logError(`${parts.path}: points could not be put into chunks and stay in the log: ${error.message}`),
        Effect.sleep(retryAfter)
      )
    ),
    Effect.forever
  )

/** Whether {@link keepFlushing} should be woken. */
export const wantsFlush = ({ head, limits }: StoreParts): boolean => head.isFull(limits.logBytes)
