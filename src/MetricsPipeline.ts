import { Context, Deferred, Duration, Effect, Fiber, Layer, Schedule, type Scope } from "effect"
import { type CollectorOptions, type Gathered, MetricsCollector } from "./collector/MetricsCollector.js"
import type { GenericMetric } from "./domain/GenericMetric.js"
import type { MetricsGenerator } from "./generators/MetricsGenerator.js"
import { type Acceptance, onAccepted } from "./sender/Acceptance.js"
import { GenericMetricsSender } from "./sender/GenericMetricsSender.js"
import type { OutboxError } from "./sender/Outbox.js"
import { LossLedger } from "./telemetry/LossLedger.js"
import { PipelineStatus } from "./telemetry/PipelineStatus.js"

/** Options of {@link MetricsPipeline.layer}. */
export interface PipelineOptions extends CollectorOptions {
  /** How long closing may take to hand what is collected to the sender; 5 s unless given. */
  readonly shutdownGrace?: Duration.DurationInput | undefined
}

/** The generators of a pipeline: their tags, in any order. */
export type Generators = ReadonlyArray<Effect.Effect<MetricsGenerator, never, unknown>>

/** Delays before a batch is given to a failing sender again: 500 ms, doubling, ± 20 %, at most 30 s. */
const acceptDelays = Schedule.exponential("500 millis", 2).pipe(
  Schedule.jittered,
  Schedule.union(Schedule.spaced("30 seconds"))
)

/**
 * Generators, collector and sender joined: what the generators give is
 * collected, and accepted by the sender batch by batch. A sender that makes
 * its callers wait fills the collector's queue, and that makes generators wait.
 */
export class MetricsPipeline extends Context.Tag("metrics-collector/MetricsPipeline")<MetricsPipeline, {
  /**
   * Waits until all generators have ended and the sender has accepted what they
   * gave; fails when the sender was closed before that.
   */
  readonly awaitDone: Effect.Effect<void, OutboxError>
}>() {
  /**
   * Runs the generators with these tags. Building starts them; closing the
   * scope stops them, and hands what is collected to the sender within a grace.
   *
   * ```ts
   * MetricsPipeline.layer([Dice, SystemMetricsGenerator]).pipe(
   *   Layer.provideMerge(Layer.mergeAll(Dice.layer, SystemMetricsGenerator.layer())),
   *   Layer.provideMerge(GenericMetricsSender.layer({ endpointUrl: "ws://localhost:5000/ws/metrics" }))
   * )
   * ```
   */
  static readonly layer = pipelineLayer
}

function pipelineLayer<const G extends Generators>(
  generators: G,
  options?: PipelineOptions
): Layer.Layer<MetricsPipeline, never, Effect.Effect.Context<G[number]> | GenericMetricsSender>
function pipelineLayer<R>(
  generators: ReadonlyArray<Effect.Effect<MetricsGenerator, never, R>>,
  options: PipelineOptions = {}
): Layer.Layer<MetricsPipeline, never, R | GenericMetricsSender> {
  return Layer.scoped(MetricsPipeline, make(generators, options)).pipe(
    Layer.provide(Layer.merge(PipelineStatus.Default, LossLedger.Default))
  )
}

const make = <R>(
  generators: ReadonlyArray<Effect.Effect<MetricsGenerator, never, R>>,
  options: PipelineOptions
): Effect.Effect<
  typeof MetricsPipeline.Service,
  never,
  R | GenericMetricsSender | LossLedger | PipelineStatus | Scope.Scope
> =>
  Effect.gen(function*() {
    const ledger = yield* LossLedger
    const accept = yield* makeAccept
    const sources = yield* Effect.all(generators)
    const collector = yield* MetricsCollector.make(sources, options)
    const done = yield* Deferred.make<void, OutboxError>()

    const forwarding = yield* Effect.forkScoped(Effect.intoDeferred(collector.consume(accept), done))

    const recordLeft = Effect.gen(function*() {
      let left = 0
      for (const { generator, metrics } of yield* collector.takeLeft) {
        left += metrics.length
        yield* ledger.record({
          source: generator,
          reason: "undelivered",
          count: metrics.length,
          detail: "collected, but not accepted by the sender before the end"
        })
      }
      if (left > 0) {
        yield* Effect.logWarning(`${left} metrics were collected but not accepted before the end; they are lost`)
      }
    })
    yield* Effect.addFinalizer(() =>
      collector.stop.pipe(
        Effect.zipRight(Effect.exit(Deferred.await(done))),
        // Interruptible first: a timeout alone would wait for what it times out.
        Effect.interruptible,
        Effect.timeoutOption(options.shutdownGrace ?? Duration.seconds(5)),
        Effect.zipRight(Fiber.interrupt(forwarding)),
        Effect.zipRight(recordLeft)
      )
    )
    return { awaitDone: Deferred.await(done) }
  })

/**
 * Gives batches to the sender until it takes them; metrics that are not valid
 * are counted, logged and written down as losses of their generator.
 */
const makeAccept = Effect.gen(function*() {
  const sender = yield* GenericMetricsSender
  const status = yield* PipelineStatus
  const ledger = yield* LossLedger

  const noteInvalid = (generator: string, count: number, message: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const own = status.generator(generator)
      const first = own.invalid === 0
      own.invalid += count
      const detail = { source: generator, reason: "invalid", count, detail: message } as const
      return Effect.zipRight(
        ledger.record(detail),
        first
          ? Effect.logWarning(`generator ${generator} gave what is no metric: ${message}; further ones are counted`)
          : Effect.void
      )
    })

  const noteRejected = (
    batch: ReadonlyArray<Gathered>,
    rejected: Acceptance["rejected"]
  ): Effect.Effect<void> =>
    Effect.gen(function*() {
      if (rejected.length === 0) return
      // Both are in the order of the metrics.
      let end = 0
      let at = 0
      for (const { generator, metrics } of batch) {
        end += metrics.length
        const first = at
        while (at < rejected.length && rejected[at].index < end) at++
        if (at > first) yield* noteInvalid(generator, at - first, rejected[first].message)
      }
    })

  return (batch: ReadonlyArray<Gathered>, accepted: () => void): Effect.Effect<void, OutboxError> =>
    Effect.suspend(() => {
      const metrics: Array<GenericMetric> = []
      for (const piece of batch) for (const metric of piece.metrics) metrics.push(metric)
      let rejected: Acceptance["rejected"] = []
      const taken = (acceptance: Acceptance): void => {
        rejected = acceptance.rejected
        accepted()
      }
      return sender.sendMetrics(metrics).pipe(
        Effect.tapError((error) => Effect.logError(`the sender could not accept metrics: ${error.message}`)),
        Effect.retry({ schedule: acceptDelays, while: ({ reason }) => reason !== "Closed" }),
        Effect.map(taken),
        Effect.locally(onAccepted, taken),
        // Also when it was interrupted just after they were accepted.
        Effect.ensuring(Effect.suspend(() => noteRejected(batch, rejected)))
      )
    })
})
