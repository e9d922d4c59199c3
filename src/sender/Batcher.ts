import { type Clock, Effect, type Scope } from "effect"
import { type GenericMetric, metricProblem } from "../domain/GenericMetric.js"
import type { PipelineStatus } from "../telemetry/PipelineStatus.js"
import type { Acceptance } from "./Acceptance.js"
import { BatchBuilder } from "./BatchBuilder.js"
import { type Outbox, OutboxError } from "./Outbox.js"
import { InvalidMetricError } from "./SenderErrors.js"
import { SeriesDictionary } from "./SeriesDictionary.js"

/** Takes metrics and commits them to the outbox, those of one turn together. */
export interface Batcher {
  readonly sendMetric: (metric: GenericMetric) => Effect.Effect<void, InvalidMetricError | OutboxError>
  readonly sendMetrics: (metrics: Iterable<GenericMetric>) => Effect.Effect<Acceptance, OutboxError>
  /** Takes no more metrics, and waits until those taken are committed. */
  readonly drain: Effect.Effect<void>
}

// One call: its metrics are committed together or not at all.
interface Entry {
  readonly metrics: ReadonlyArray<GenericMetric>
  readonly now: number
  readonly resume: (result: Effect.Effect<void, OutboxError>) => void
  withdrawn: boolean
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

/**
 * Starts a batcher. Calls that come while a commit is under way, or in the same
 * turn, share the next commit; each waits for its own. A call that is
 * interrupted before its commit began takes its metrics back; after that they
 * are accepted, once. When the scope closes, what is not committed is refused.
 * `afterCommit` runs after every commit, before the next.
 */
export const makeBatcher = (
  outbox: typeof Outbox.Service,
  status: PipelineStatus["sender"],
  afterCommit: Effect.Effect<void>
): Effect.Effect<Batcher, never, Scope.Scope> =>
  Effect.gen(function*() {
    const dictionary = new SeriesDictionary()
    const work = Effect.unsafeMakeLatch(false)
    const idle = Effect.unsafeMakeLatch(true)
    let waiting: Array<Entry> = []
    let committing: Array<Entry> = []
    let closed = false

    const add = (metrics: ReadonlyArray<GenericMetric>, now: number): Effect.Effect<void, OutboxError> =>
      Effect.async((resume) => {
        if (closed) return resume(Effect.fail(closedError))
        const entry: Entry = { metrics, now, resume, withdrawn: false }
        waiting.push(entry)
        if (waiting.length === 1) {
          idle.unsafeClose()
          work.unsafeOpen()
        }
        return Effect.sync(() => {
          entry.withdrawn = true
        })
      })

    const resumeAll = (result: Effect.Effect<void, OutboxError>): void => {
      const entries = committing
      committing = []
      for (const { resume } of entries) resume(result)
    }

    const commit = Effect.suspend(() => {
      const builder = new BatchBuilder(dictionary)
      let count = 0
      let taken = 0
      // Taken out before anything can go wrong, so that whatever does is told to these callers alone.
      const next = (): Entry => {
        const entry = waiting[taken++]
        committing.push(entry)
        return entry
      }
      try {
        while (taken < waiting.length && builder.full < maxBatches) {
          const { metrics, now, withdrawn } = next()
          if (withdrawn) continue
          count += metrics.length
          for (let i = 0; i < metrics.length; i++) builder.add(metrics[i], now)
        }
      } finally {
        waiting = waiting.slice(taken)
      }
      const committed = (): void => {
        builder.committed()
        status.accepted += count
        resumeAll(Effect.void)
      }
      const batches = builder.finish()
      if (batches.length === 0) {
        committing = []
        return Effect.void
      }
      return Effect.tap(Effect.exit(outbox.append(batches, committed)), (exit) => Effect.sync(() => resumeAll(exit)))
    }).pipe(
      Effect.catchAllDefect((cause) => Effect.sync(() => resumeAll(Effect.fail(defectError(cause))))),
      Effect.zipRight(afterCommit)
    )

    const commitWaiting = Effect.gen(function*() {
      yield* work.await
      // Fibers that were started in this turn come first, so that they share the commit.
      yield* Effect.yieldNow({ priority: 1 })
      work.unsafeClose()
      while (waiting.length > 0) yield* commit
      idle.unsafeOpen()
    })

    const close = Effect.sync(() => {
      closed = true
      for (const { resume } of [...committing, ...waiting]) resume(Effect.fail(closedError))
      committing = []
      waiting = []
    })
    // Runs after the committing fiber was interrupted.
    yield* Effect.addFinalizer(() => close)
    yield* Effect.forkScoped(Effect.forever(commitWaiting))

    const invalid = (message: string) => new InvalidMetricError({ message: `${message}; the metric was not accepted` })

    return {
      sendMetric: (metric) =>
        Effect.flatMap(Effect.clock, (clock): Effect.Effect<void, InvalidMetricError | OutboxError> => {
          const problem = metricProblem(metric)
          return problem === undefined
            ? add([metric], millisOf(clock))
            : Effect.fail(invalid(problem))
        }),
      sendMetrics: (metrics) =>
        Effect.flatMap(Effect.clock, (clock) => {
          const valid: Array<GenericMetric> = []
          const rejected: Array<{ readonly index: number; readonly message: string }> = []
          let index = 0
          for (const metric of metrics) {
            const problem = metricProblem(metric)
            if (problem === undefined) valid.push(metric)
            else rejected.push({ index, message: problem })
            index++
          }
          const acceptance: Acceptance = { accepted: valid.length, rejected }
          return valid.length === 0
            ? Effect.succeed(acceptance)
            : Effect.as(add(valid, millisOf(clock)), acceptance)
        }),
      drain: Effect.suspend(() => {
        closed = true
        return idle.await
      })
    }
  })
