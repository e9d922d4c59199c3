import { Context, Deferred, Duration, Effect, Either, Fiber, Layer, Schedule, type Scope } from "effect"
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
    const { accept, listening, noteRest } = yield* makeAccept
    const sources = yield* Effect.all(generators)
    const collector = yield* MetricsCollector.make(sources, options)
    const done = yield* Deferred.make<void, OutboxError>()

    const forwarding = yield* Effect.forkScoped(Effect.intoDeferred(listening(collector.consume(accept)), done))

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
        Effect.zipRight(noteRest),
        Effect.zipRight(recordLeft)
      )
    )
    return { awaitDone: Deferred.await(done) }
  })

/** How a pipeline gives batches to its sender. */
interface Accepting {
  readonly accept: (batch: ReadonlyArray<Gathered>, accepted: () => void) => Effect.Effect<void, OutboxError>
  /** Runs what accepts, so that it learns what was accepted when it is interrupted in that moment. */
  readonly listening: <A, E, R>(accepting: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Writes down what was not valid of a batch whose `accept` was interrupted just after it was accepted. */
  readonly noteRest: Effect.Effect<void>
}

/**
 * Gives batches to the sender until it takes them; metrics that are not valid
 * are counted, logged and written down as losses of their generator.
 */
const makeAccept: Effect.Effect<Accepting, never, GenericMetricsSender | LossLedger | PipelineStatus> = Effect.gen(
  function*() {
    const sender = yield* GenericMetricsSender
    const status = yield* PipelineStatus
    const ledger = yield* LossLedger
    // One batch is under way at a time.
    let batch: ReadonlyArray<Gathered> = []
    let rejected: Acceptance["rejected"] = []
    let accepted: () => void = () => {}

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

    const noteRejected = Effect.uninterruptible(Effect.gen(function*() {
      const noted = rejected
      rejected = []
      // Both are in the order of the metrics.
      let end = 0
      let at = 0
      for (const { generator, metrics } of batch) {
        end += metrics.length
        const first = at
        while (at < noted.length && noted[at].index < end) at++
        if (at > first) yield* noteInvalid(generator, at - first, noted[first].message)
      }
    }))
    const noteRest = Effect.suspend(() => rejected.length === 0 ? Effect.void : noteRejected)

    const send = (metrics: ReadonlyArray<GenericMetric>): Effect.Effect<Acceptance, OutboxError> =>
      Effect.tapError(
        sender.sendMetrics(metrics),
        (error) => Effect.logError(`the sender could not accept metrics: ${error.message}`)
      )

    const taken = (acceptance: Acceptance): void => {
      rejected = acceptance.rejected
      accepted()
    }

    return {
      accept: (gathered, whenAccepted) =>
        Effect.suspend(() => {
          const metrics: Array<GenericMetric> = []
          for (const piece of gathered) for (const metric of piece.metrics) metrics.push(metric)
          batch = gathered
          accepted = whenAccepted
          // A schedule is begun for what failed only: it costs more than the sending.
          return send(metrics).pipe(
            Effect.catchAll((error) => error.reason === "Closed" ? Effect.fail(error) : sendAgain(send(metrics))),
            Effect.flatMap((acceptance) => {
              taken(acceptance)
              return noteRest
            })
          )
        }),
      listening: Effect.locally(onAccepted, taken),
      noteRest
    }
  }
)

/** Sends after a first delay, and after growing ones, until it is accepted or the sender is closed. */
const sendAgain = <A>(send: Effect.Effect<A, OutboxError>): Effect.Effect<A, OutboxError> =>
  Effect.gen(function*() {
    const delays = yield* Schedule.driver(acceptDelays)
    while (true) {
      yield* Effect.ignore(delays.next(undefined))
      const sent = yield* Effect.either(send)
      if (Either.isRight(sent)) return sent.right
      if (sent.left.reason === "Closed") return yield* sent.left
    }
  })
