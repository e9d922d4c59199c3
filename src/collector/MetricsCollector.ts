import {
  Cause,
  type Chunk,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Schedule,
  type Scope,
  Stream
} from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"
import { nextTurn } from "../domain/nextTurn.js"
import { LossLedger } from "../telemetry/LossLedger.js"
import { PipelineStatus } from "../telemetry/PipelineStatus.js"
import { type Gathered, makeMetricsQueue, type OverflowStrategy } from "./MetricsQueue.js"

export type { Gathered, OverflowStrategy } from "./MetricsQueue.js"

/** What the collector needs of a generator. */
export interface MetricsSource {
  readonly name: string
  readonly generateMetrics: Stream.Stream<GenericMetric, { readonly message: string }>
  /** Ends the stream after what it still holds; one without it is interrupted when the collector stops. */
  readonly close?: Effect.Effect<void> | undefined
}

/** Bounds of a collector. */
export interface CollectorOptions {
  /** Most metrics that wait to be accepted by the sender; 65,536 unless given. */
  readonly queueCapacity?: number | undefined
  /** What a full queue does: `suspend` (the default: generators wait), `drop-newest` or `drop-oldest`. */
  readonly overflow?: OverflowStrategy | undefined
  /** How long a metric waits for others to share a batch; 250 ms unless given. Those of the first batch do not wait. */
  readonly linger?: Duration.DurationInput | undefined
}

/** Metrics at which a batch is due without lingering. */
const batchSize = 1_000

/** Most metrics that are given to the sender at once: they share one commit. */
const maxBatchSize = 16_000

/** How long generators that were stopped may take to give what they still hold, when nobody accepts it any more. */
const longestHeld = Duration.seconds(1)

/** How long a generator must have run for its delays to begin anew. */
const healthyPeriod = Duration.seconds(60)

/** Delays before a failed generator is started again: 1 s, doubling, ± 20 %, at most 60 s. */
const restartDelays = Schedule.exponential("1 second", 2).pipe(
  Schedule.jittered,
  Schedule.union(Schedule.spaced("60 seconds"))
)

/**
 * Runs generators side by side and keeps what they give in a bounded queue,
 * until somebody takes it.
 *
 * No generator can harm another: one that fails, dies or interrupts itself is
 * counted, logged and started again after a delay; one that ends is done.
 */
export class MetricsCollector extends Context.Tag("metrics-collector/collector/MetricsCollector")<MetricsCollector, {
  /**
   * Gives batch after batch to `accept`, until all generators are done and the
   * queue is empty, or `accept` fails. A batch that was not accepted is kept
   * for `takeLeft`; an `accept` that may be interrupted after it has accepted
   * calls `accepted` when it has.
   */
  readonly consume: <E, R>(
    accept: (batch: ReadonlyArray<Gathered>, accepted: () => void) => Effect.Effect<void, E, R>
  ) => Effect.Effect<void, E, R>
  /**
   * Ends the generators where they are, and takes all that they gave and nobody accepted. Those that were stopped and
   * can close give what they still hold: there is room for it now.
   */
  readonly takeLeft: Effect.Effect<ReadonlyArray<Gathered>>
  /** Stops the generators: what they gave before is still in the queue, or waits for room in it. */
  readonly stop: Effect.Effect<void>
}>() {
  /** Starts to collect; the generators run as long as the scope, or until they are done. */
  static readonly make = (
    sources: ReadonlyArray<MetricsSource>,
    options: CollectorOptions = {}
  ): Effect.Effect<typeof MetricsCollector.Service, never, LossLedger | PipelineStatus | Scope.Scope> =>
    Effect.gen(function*() {
      const status = yield* PipelineStatus
      const ledger = yield* LossLedger
      const capacity = Math.max(1, Math.floor(options.queueCapacity ?? 65_536))
      status.queue.capacity = capacity
      const queue = makeMetricsQueue({
        capacity,
        overflow: options.overflow ?? "suspend",
        batchSize: Math.min(batchSize, capacity),
        linger: options.linger ?? Duration.millis(250),
        onSize: (size) => {
          status.queue.size = size
          if (size > status.queue.highWater) status.queue.highWater = size
        },
        onDropped: ({ generator, metrics }) => {
          status.generator(generator).dropped += metrics.length
          return ledger.record({ source: generator, reason: "queue-overflow", count: metrics.length })
        }
      })
      const stopping = yield* Deferred.make<void>()
      const lives = sources.map((source) => Stream.execute(live(source, queue.offer, stopping)))
      // Nothing travels through the merge: a generator puts its metrics into the
      // queue itself, because what lies in a buffer of the merge when it is
      // interrupted would be lost, and nobody would have counted it.
      const running = yield* Stream.mergeAll(lives, { concurrency: "unbounded" }).pipe(
        Stream.runDrain,
        Effect.ensuring(queue.end),
        Effect.provideService(PipelineStatus, status),
        Effect.forkScoped
      )
      let underWay: ReadonlyArray<Gathered> = []
      const accepted = (): void => {
        underWay = []
      }
      return {
        consume: (accept) =>
          Effect.gen(function*() {
            while (true) {
              yield* queue.awaitBatch
              // Taken and noted in one step: no interruption comes between.
              yield* Effect.sync(() => {
                underWay = queue.take(maxBatchSize)
              })
              if (underWay.length === 0) return
              yield* Effect.uninterruptibleMask((restore) => Effect.map(restore(accept(underWay, accepted)), accepted))
            }
          }),
        takeLeft: Effect.gen(function*() {
          const left = [...underWay]
          underWay = []
          const takeHeld = Effect.gen(function*() {
            // Turns of the event loop in which nothing came.
            let quiet = 0
            while (quiet < 2 && (yield* Deferred.isDone(stopping)) && (yield* Fiber.poll(running))._tag === "None") {
              const taken = queue.take(Infinity)
              for (const piece of taken) left.push(piece)
              quiet = taken.length > 0 ? 0 : quiet + 1
              yield* nextTurn
            }
          })
          yield* takeHeld.pipe(Effect.interruptible, Effect.timeoutOption(longestHeld))
          yield* Fiber.interrupt(running)
          return [...left, ...queue.takeLeft()]
        }),
        stop: Effect.asVoid(Deferred.succeed(stopping, undefined))
      }
    })

  /** A collector of the given generators. */
  static readonly layer = (
    sources: ReadonlyArray<MetricsSource>,
    options?: CollectorOptions
  ): Layer.Layer<MetricsCollector, never, LossLedger | PipelineStatus> =>
    Layer.scoped(MetricsCollector, MetricsCollector.make(sources, options))
}

/** One generator from its first start to its end, through all its failures. */
const live = (
  source: MetricsSource,
  offer: (gathered: Gathered) => Effect.Effect<void>,
  stopping: Deferred.Deferred<void>
): Effect.Effect<void, never, PipelineStatus> =>
  Effect.gen(function*() {
    const { name } = source
    const status = (yield* PipelineStatus).generator(name)
    const clock = yield* Effect.clock
    const delays = yield* Schedule.driver(restartDelays)

    const offerChunk = (chunk: Chunk.Chunk<GenericMetric>): Effect.Effect<void> => {
      if (chunk.length === 0) return Effect.void
      status.gathered += chunk.length
      status.lastGatheredAt = clock.unsafeCurrentTimeMillis()
      return offer({ generator: name, metrics: Array.from(chunk) })
    }
    let isPulling = false
    let stopped = false
    // Pulled by hand: `Stream.interruptWhen` would start three fibers for every chunk.
    const run = Effect.scoped(Effect.flatMap(Stream.toPull(source.generateMetrics), (pull) => {
      const next = Effect.catchAll(
        Effect.asSome(pull),
        Option.match({ onNone: () => Effect.succeedNone, onSome: Effect.fail })
      )
      return Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          while (!stopped) {
            isPulling = true
            const chunk = yield* restore(next)
            // Counted and offered as soon as it is given: no interruption comes between.
            isPulling = false
            if (Option.isNone(chunk)) return
            yield* offerChunk(chunk.value)
          }
        })
      )
    }))
    const stop = (fiber: Fiber.RuntimeFiber<void, unknown>): Effect.Effect<void> =>
      Effect.zipRight(
        Deferred.await(stopping),
        Effect.suspend(() => {
          // Its stream ends by itself once it has been told.
          if (source.close !== undefined) return source.close
          stopped = true
          // What it gave is put into the queue in any case.
          return isPulling ? Fiber.interruptFork(fiber) : Effect.void
        })
      )
    // In a fiber of its own: a generator may interrupt the fiber it runs in.
    const contained = Effect.gen(function*() {
      const fiber = yield* Effect.fork(run)
      const stopper = yield* Effect.fork(stop(fiber))
      const exit = yield* Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber))
      yield* Fiber.interrupt(stopper)
      return exit
    })

    while (true) {
      status.state = "running"
      const startedAt = clock.unsafeCurrentTimeMillis()
      const exit = yield* contained
      if (Exit.isSuccess(exit) || (yield* Deferred.isDone(stopping))) break
      const message = problemOf(exit.cause)
      status.failures++
      status.state = "waiting"
      if (message !== status.lastError) {
        yield* Effect.logWarning(`generator ${name}: ${message}; it is started again`).pipe(
          Effect.annotateLogs({ failures: status.failures })
        )
      }
      status.lastError = message
      if (clock.unsafeCurrentTimeMillis() - startedAt >= Duration.toMillis(healthyPeriod)) yield* delays.reset
      yield* Effect.raceFirst(Effect.ignore(delays.next(undefined)), Deferred.await(stopping))
      if (yield* Deferred.isDone(stopping)) break
    }
    status.state = "done"
  })

const problemOf = (cause: Cause.Cause<{ readonly message: string }>): string => {
  if (Cause.isInterruptedOnly(cause)) return "it interrupted itself"
  const failure = Cause.failureOption(cause)
  return failure._tag === "Some" ? failure.value.message : `defect: ${Cause.pretty(cause)}`
}
