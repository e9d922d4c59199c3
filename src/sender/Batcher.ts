import { type Clock, Effect, Either, Exit, Fiber, FiberId, type Scope } from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"
import { nextTurn } from "../domain/nextTurn.js"
import type { PipelineStatus } from "../telemetry/PipelineStatus.js"
import { type Acceptance, onAccepted } from "./Acceptance.js"
import { BatchBuilder } from "./batch/BatchBuilder.js"
import { type PackedMetrics, type Packing, packMetric, packMetrics, SpareColumns } from "./batch/PackedMetrics.js"
import { SeriesDictionary } from "./batch/SeriesDictionary.js"
import { type Outbox, OutboxError } from "./Outbox.js"
import { InvalidMetricError } from "./SenderErrors.js"

/** Takes metrics and commits them to the outbox, those of one turn together. */
export interface Batcher {
  readonly sendMetric: (metric: GenericMetric) => Effect.Effect<void, InvalidMetricError | OutboxError>
  readonly sendMetrics: (metrics: Iterable<GenericMetric>) => Effect.Effect<Acceptance, OutboxError>
  /** Takes no more metrics, and waits until those taken are committed. */
  readonly drain: Effect.Effect<void>
}

// One call: its metrics are committed together or not at all.
interface Entry {
  readonly metrics: PackedMetrics
  readonly committed: () => void
  readonly resume: (result: Effect.Effect<void, OutboxError>) => void
  /** Its caller was interrupted. */
  withdrawn: boolean
  /** Told when it is certain whether the metrics of an interrupted call were committed. */
  decided: () => void
}

// Past this many full batches a commit takes no further calls, so that one
// write stays short and the memory it needs bounded.
const maxBatches = 16

// A metric's time is a whole number, the Clock's may have a fraction.
const millisOf = (clock: Clock.Clock): number => Math.floor(clock.unsafeCurrentTimeMillis())

const closedError = new OutboxError({
  reason: "Closed",
  message: "the sender is closed; nothing of this call was accepted"
})

const defectError = (cause: unknown): OutboxError =>
  new OutboxError({
    reason: "Failed",
    message:
      `these metrics could not be put into batches (${cause instanceof Error ? cause.message : String(cause)}); ` +
      "nothing of this call was accepted",
    cause
  })

const nothing = (): void => {}

/**
 * Starts a batcher. Calls that come while a commit is under way, or in the same
 * turn, share the next commit; each waits for its own. A call that is
 * interrupted takes its metrics back, unless they are committed: then they are
 * accepted, once. It ends when that is certain. When the scope closes, what is
 * not committed is refused. `afterCommit` runs after every commit, before the
 * next.
 */
export const makeBatcher = (
  outbox: typeof Outbox.Service,
  status: PipelineStatus["sender"],
  afterCommit: Effect.Effect<void>
): Effect.Effect<Batcher, never, Scope.Scope> =>
  Effect.gen(function*() {
    const dictionary = new SeriesDictionary()
    const builder = new BatchBuilder(dictionary)
    const spare = new SpareColumns()
    const work = Effect.unsafeMakeLatch(false)
    const idle = Effect.unsafeMakeLatch(true)
    let waiting: Array<Entry> = []
    let committing: Array<Entry> = []
    let appending: Fiber.RuntimeFiber<void, OutboxError> | undefined
    /** A call was interrupted whose metrics are in the commit. */
    let disputed = false
    let closed = false

    const add = (metrics: PackedMetrics, committed = nothing): Effect.Effect<void, OutboxError> =>
      Effect.async((resume) => {
        if (closed) return resume(Effect.fail(closedError))
        const entry: Entry = { metrics, committed, resume, withdrawn: false, decided: nothing }
        waiting.push(entry)
        if (waiting.length === 1) {
          idle.unsafeClose()
          work.unsafeOpen()
        }
        return Effect.async<void>((done) => {
          entry.withdrawn = true
          if (!committing.includes(entry)) return done(Effect.void)
          entry.decided = () => done(Effect.void)
          disputed = true
          appending?.unsafeInterruptAsFork(FiberId.none)
        })
      })

    const resumeAll = (result: Effect.Effect<void, OutboxError>): void => {
      const entries = committing
      committing = []
      for (const { decided, resume } of entries) {
        resume(result)
        decided()
      }
    }

    /** The commit did not happen, because some of its callers were interrupted: the others' comes next. */
    const giveBack = (): void => {
      const entries = committing
      committing = []
      waiting = [...entries.filter(({ withdrawn }) => !withdrawn), ...waiting]
      for (const { decided } of entries) decided()
    }

    const commit = Effect.suspend(() => {
      disputed = false
      builder.begin()
      let count = 0
      let taken = 0
      try {
        while (taken < waiting.length && builder.full < maxBatches) {
          const entry = waiting[taken++]
          if (entry.withdrawn) continue
          const { count: own, series, time, value } = entry.metrics
          // Taken before anything can go wrong, so that whatever does is told to these callers alone.
          committing.push(entry)
          count += own
          for (let i = 0; i < own; i++) builder.put(series[i], time[i], value[i])
        }
      } finally {
        waiting = waiting.slice(taken)
      }
      const committed = (): void => {
        builder.committed()
        status.accepted += count
        for (const entry of committing) entry.committed()
        resumeAll(Effect.void)
      }
      const batches = builder.finish()
      if (batches.length === 0) {
        committing = []
        return Effect.void
      }
      // In a fiber of its own: an outbox waits for room or for the disk, and who
      // no longer waits with it takes his metrics back.
      return Effect.flatMap(Effect.fork(outbox.append(batches, committed)), (fiber) => {
        appending = fiber
        if (disputed) fiber.unsafeInterruptAsFork(FiberId.none)
        return Fiber.await(fiber).pipe(
          Effect.onInterrupt(() => Fiber.interrupt(fiber)),
          Effect.map((exit) => Exit.isInterrupted(exit) ? giveBack() : resumeAll(exit))
        )
      })
    }).pipe(
      Effect.catchAllDefect((cause) => Effect.sync(() => resumeAll(Effect.fail(defectError(cause))))),
      Effect.zipRight(afterCommit)
    )

    const commitWaiting = Effect.gen(function*() {
      while (true) {
        yield* work.await
        // Fibers that were started in this turn come first, so that they share the commit.
        yield* Effect.yieldNow({ priority: 1 })
        work.unsafeClose()
        while (waiting.length > 0) {
          yield* commit
          // Callers that never pause would leave no turn for the sockets that deliver what they bring.
          yield* nextTurn
        }
        idle.unsafeOpen()
      }
    })

    const close = Effect.sync(() => {
      closed = true
      for (const { decided, resume } of [...committing, ...waiting]) {
        resume(Effect.fail(closedError))
        decided()
      }
      committing = []
      waiting = []
    })
    // Runs after the committing fiber was interrupted.
    yield* Effect.addFinalizer(() => close)
    yield* Effect.forkScoped(commitWaiting)

    const invalid = (message: string) => new InvalidMetricError({ message: `${message}; the metric was not accepted` })

    const accept = ({ packed, rejected }: Packing, accepted: (acceptance: Acceptance) => void) => {
      const acceptance: Acceptance = { accepted: packed.count, rejected }
      const done = (): void => {
        spare.giveBack(packed)
        accepted(acceptance)
      }
      if (acceptance.accepted > 0) return Effect.as(add(packed, done), acceptance)
      done()
      return Effect.succeed(acceptance)
    }

    // Outside of the closures that wait for the commit, which would keep the metrics alive.
    const pack = (metrics: Iterable<GenericMetric>, clock: Clock.Clock): Packing =>
      packMetrics(dictionary, metrics, millisOf(clock), spare.take())

    return {
      sendMetric: (metric) =>
        Effect.clockWith((clock): Effect.Effect<void, InvalidMetricError | OutboxError> => {
          const packed = packMetric(dictionary, metric, millisOf(clock))
          return Either.isRight(packed) ? add(packed.right) : Effect.fail(invalid(packed.left))
        }),
      sendMetrics: (metrics) =>
        Effect.clockWith((clock) =>
          Effect.withFiberRuntime((fiber) => accept(pack(metrics, clock), fiber.getFiberRef(onAccepted)))
        ),
      drain: Effect.suspend(() => {
        closed = true
        return idle.await
      })
    }
  })
