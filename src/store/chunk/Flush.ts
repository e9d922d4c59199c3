import { Clock, Effect } from "effect"
import { nextTurn } from "../../domain/nextTurn.js"
import { storeError } from "../log/GroupCommit.js"
import type { HeadSeries } from "../log/Head.js"
import type { StoreError } from "../MetricStore.js"
import type { StoreParts } from "../StoreParts.js"
import { type SeriesDay, sliceOf } from "./RollupQueue.js"
import { dayOf } from "./SeriesColumns.js"

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

/**
 * Lets batches go first that came while a slice was written: in the turn after it they are read, and after that turn they
 * are committed.
 */
export const letOthersGo: Effect.Effect<void> = Effect.zipRight(nextTurn, nextTurn)

/** Flushes what is due, in slices, giving others a turn between two of them. */
const flushDue = (parts: StoreParts): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    while (true) {
      const now = yield* Clock.currentTimeMillis
      const due = parts.head.due(slice, now - parts.limits.maxAge, parts.limits.logBytes)
      if (due.length === 0) return
      yield* flushSeries(parts, due)
      yield* letOthersGo
    }
  })

const roll = ({ chunks, commits }: StoreParts, due: ReadonlyArray<SeriesDay>): Effect.Effect<void, StoreError> =>
  commits.writeNow({
    run: () => {
      for (const { day, series } of due) chunks.roll(series, day)
    },
    committed: () => undefined
  }).pipe(
    Effect.tapError(() => Effect.sync(() => chunks.forget())),
    Effect.zipRight(letOthersGo)
  )

/** Brings rollups up to date, in slices. */
const rollDue = (parts: StoreParts): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    while (true) {
      const due = parts.rollups.take()
      if (due.length === 0) return
      yield* roll(parts, due)
    }
  })

// Chunks, and spans of days of series, looked through in one turn of the event loop: about 5 ms.
const backlogChunks = 10_000
const backlogSpans = 500

interface Span {
  readonly series: number
  /** Days since 1970-01-01, `from` ≤ day < `to`. */
  readonly from: number
  readonly to: number
  /** Whether the newest day of the series comes after a day. */
  readonly isOver: (day: number) => boolean
  readonly chunks: number
}

/** The days of all series, those of one with many chunks in pieces of which none has many more than `backlogChunks`. */
function* spansOf({ index, limits }: StoreParts): Generator<Span, undefined> {
  for (const { first, id, last, points } of index.candidates({})) {
    const [oldest, newest] = [dayOf(first), dayOf(last)]
    const days = newest - oldest + 1
    // A chunk is full but for the last one of a day.
    const chunks = Math.min(points, Math.ceil(points / limits.chunkPoints) + days)
    const width = Math.max(1, Math.floor(days / Math.ceil(chunks / backlogChunks)))
    for (let from = oldest; from <= newest; from += width) {
      const to = from + width
      yield { series: id, from, to, isOver: (day) => day < newest, chunks: Math.ceil(chunks * width / days) }
    }
  }
  return undefined
}

/**
 * Brings the rollups of all days up to date that ended while nobody looked,
 * because the process did; once, after a start. A failure is logged: answers
 * only take longer without rollups.
 */
export const catchUpRollups = (parts: StoreParts): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { chunks, limits } = parts
    const today = dayOf(yield* Clock.currentTimeMillis)
    const dueOf = ({ from, isOver, series, to }: Span): ReadonlyArray<SeriesDay> =>
      chunks.rollupBacklog(series, from, to)
        .filter(({ day, points }) => isOver(day) || day < today || points >= limits.rollupPoints)
        .map(({ day, points }) => ({ series, day, points }))
    let due: Array<SeriesDay> = []
    let spans = 0
    let looked = 0
    const catchUp = Effect.gen(function*() {
      for (let next = 0; next < due.length;) {
        const days = sliceOf(due, next)
        yield* roll(parts, due.slice(next, next + days))
        next += days
      }
      due = []
      spans = 0
      looked = 0
      yield* nextTurn
    })
    for (const span of spansOf(parts)) {
      const own = yield* Effect.try({ try: () => dueOf(span), catch: storeError })
      due.push(...own)
      spans++
      looked += span.chunks
      if (spans >= backlogSpans || looked >= backlogChunks) yield* catchUp
    }
    yield* catchUp
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
