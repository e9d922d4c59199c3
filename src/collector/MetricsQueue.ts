import { type Duration, Effect, FiberId, MutableQueue } from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"
import { nextTurn } from "../domain/nextTurn.js"

/** What becomes of metrics for which a full queue has no room. */
export type OverflowStrategy = "suspend" | "drop-newest" | "drop-oldest"

/** Metrics that one generator gave together. */
export interface Gathered {
  /** Name of the generator. */
  readonly generator: string
  readonly metrics: ReadonlyArray<GenericMetric>
}

/** How a {@link MetricsQueue} is bounded, and when a batch is due. */
export interface MetricsQueueOptions {
  /** Most metrics that wait. */
  readonly capacity: number
  readonly overflow: OverflowStrategy
  /** A batch is due at once when this many metrics wait. */
  readonly batchSize: number
  /** How long the first metric of a batch waits for others; those of the very first batch do not wait. */
  readonly linger: Duration.DurationInput
  /** Told of metrics that were dropped. */
  readonly onDropped: (dropped: Gathered) => Effect.Effect<void>
  /** Told how many metrics wait, whenever that changes. */
  readonly onSize: (size: number) => void
}

/** A queue that is bounded in metrics, whatever the size of the pieces they come in. */
export interface MetricsQueue {
  /**
   * Puts metrics at the end; waits for room, or drops, as the strategy says. Keeps their order. Who calls it
   * uninterruptibly can be interrupted while it waits for room, and at no other time.
   */
  readonly offer: (gathered: Gathered) => Effect.Effect<void>
  /**
   * Waits until a batch is due: enough metrics wait, or one has waited long enough, or the queue has ended. The first
   * one is due as soon as a metric is there.
   */
  readonly awaitBatch: Effect.Effect<void>
  /** Takes metrics from the front, at most `most`; none are left when the queue has ended and this is empty. */
  readonly take: (most: number) => ReadonlyArray<Gathered>
  /** Takes all that is left at the end, also what waits for room or was interrupted while it waited. */
  readonly takeLeft: () => ReadonlyArray<Gathered>
  /** Nothing more will come: what is left is taken without lingering. */
  readonly end: Effect.Effect<void>
}

const countOf = (pieces: Iterable<Gathered>): number => {
  let count = 0
  for (const { metrics } of pieces) count += metrics.length
  return count
}

/** Metrics of which the first `done` are in the queue, and the others wait for room. */
interface WaitingOffer extends Gathered {
  done: number
}

/**
 * Makes a queue. Its pieces lie in Effect's `MutableQueue`, whose every step is
 * one turn: those who wait, wait at latches and take without suspending. With
 * `Queue.take`, an element handed to a fiber that is interrupted would be lost.
 */
export const makeMetricsQueue = (options: MetricsQueueOptions): MetricsQueue => {
  const { batchSize, capacity, linger, onDropped, onSize, overflow } = options
  // Every piece holds a metric at least, so that this bound is never the tighter one.
  const pieces = MutableQueue.bounded<Gathered>(capacity)
  /** What is left of the front piece, when a part of it was taken before. */
  let front: Gathered | undefined
  let size = 0
  let ended = false
  let isFirstBatch = true
  const waiting = new Set<WaitingOffer>()
  const some = Effect.unsafeMakeLatch(false)
  const enough = Effect.unsafeMakeLatch(false)
  const room = Effect.unsafeMakeLatch(true)

  const set = (latch: Effect.Latch, open: boolean): void => {
    if (open) latch.unsafeOpen()
    else latch.unsafeClose()
  }

  const changed = (by: number): void => {
    size += by
    set(some, size > 0 || ended)
    set(enough, size >= batchSize || ended)
    set(room, size < capacity)
    onSize(size)
  }

  const put = (generator: string, metrics: ReadonlyArray<GenericMetric>): void => {
    if (metrics.length === 0) return
    MutableQueue.offer(pieces, { generator, metrics })
    changed(metrics.length)
  }

  /** Takes at most `most` metrics from the front, cutting a piece where it must. */
  const take = (most: number): ReadonlyArray<Gathered> => {
    const taken: Array<Gathered> = []
    let left = most
    while (left > 0) {
      const next = front ?? MutableQueue.poll(pieces, undefined)
      front = undefined
      if (next === undefined) break
      const { generator, metrics } = next
      if (metrics.length <= left) taken.push(next)
      else {
        taken.push({ generator, metrics: metrics.slice(0, left) })
        front = { generator, metrics: metrics.slice(left) }
      }
      left -= Math.min(left, metrics.length)
    }
    changed(-countOf(taken))
    return taken
  }

  const waitForRoom = ({ generator, metrics }: Gathered): Effect.Effect<void> =>
    Effect.gen(function*() {
      // It stays among the waiting when it is interrupted: `takeLeft` finds it there.
      const offer: WaitingOffer = { generator, metrics, done: 0 }
      waiting.add(offer)
      while (offer.done < metrics.length) {
        const free = capacity - size
        if (free <= 0) {
          yield* Effect.interruptible(room.await)
          continue
        }
        const until = Math.min(metrics.length, offer.done + free)
        put(generator, offer.done === 0 && until === metrics.length ? metrics : metrics.slice(offer.done, until))
        offer.done = until
      }
      waiting.delete(offer)
    })

  const takeLeft = (): ReadonlyArray<Gathered> => {
    const left = [...take(Infinity)]
    for (const offer of waiting) {
      const { done, generator, metrics } = offer
      if (done < metrics.length) left.push({ generator, metrics: metrics.slice(done) })
      // One that still runs has nothing more to put.
      offer.done = metrics.length
    }
    waiting.clear()
    return left
  }

  const dropNewest = ({ generator, metrics }: Gathered): Effect.Effect<void> =>
    Effect.suspend(() => {
      const free = capacity - size
      if (metrics.length <= free) {
        put(generator, metrics)
        return Effect.void
      }
      put(generator, metrics.slice(0, free))
      return onDropped({ generator, metrics: metrics.slice(free) })
    })

  const dropOldest = ({ generator, metrics }: Gathered): Effect.Effect<void> =>
    Effect.suspend(() => {
      // Of a piece larger than the queue, its own oldest go as well.
      const surplus = Math.max(0, metrics.length - capacity)
      const kept = surplus === 0 ? metrics : metrics.slice(surplus)
      const dropped: Array<Gathered> = [...take(Math.max(0, size + kept.length - capacity))]
      if (surplus > 0) dropped.push({ generator, metrics: metrics.slice(0, surplus) })
      put(generator, kept)
      return Effect.forEach(dropped, onDropped, { discard: true })
    })

  const offers: { readonly [strategy in OverflowStrategy]: MetricsQueue["offer"] } = {
    suspend: waitForRoom,
    "drop-newest": dropNewest,
    "drop-oldest": dropOldest
  }

  return {
    offer: offers[overflow],
    awaitBatch: Effect.gen(function*() {
      yield* some.await
      if (isFirstBatch) {
        isFirstBatch = false
        // Somebody waits to see that it works; what comes in this turn shares it all the same.
        yield* nextTurn
        return
      }
      // No timer when enough waits already.
      if (size >= batchSize || ended) return
      // A timer that opens what is waited at costs a third of a race. One that is
      // late opens for a batch that is smaller than it might be, no more.
      const timer = yield* Effect.fork(Effect.zipRight(Effect.sleep(linger), enough.open))
      yield* enough.await
      timer.unsafeInterruptAsFork(FiberId.none)
    }),
    take,
    takeLeft,
    end: Effect.sync(() => {
      ended = true
      changed(0)
    })
  }
}
