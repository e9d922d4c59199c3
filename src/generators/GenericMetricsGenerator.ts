import { Chunk, Clock, Data, Effect, Layer, Option, Stream } from "effect"
import { GenericMetric, metricProblem } from "../domain/GenericMetric.js"
import { GeneratorError, MetricsGenerator } from "./MetricsGenerator.js"

/** Some of the metrics that were added are no metrics; the others were taken. */
export class InvalidMetricsError extends Data.TaggedError("InvalidMetricsError")<{
  /** How many were taken. */
  readonly accepted: number
  /** Which were not, by their place in what was added, and why. */
  readonly rejected: ReadonlyArray<{ readonly index: number; readonly message: string }>
  readonly message: string
}> {}

/** Nothing can be added any more: the scope of the generator has closed, or the pipeline has stopped. */
export class GeneratorClosedError extends Data.TaggedError("GeneratorClosedError")<{ readonly message: string }> {}

/** Options of {@link GenericMetricsGenerator.layer}. */
export interface GenericMetricsOptions {
  /** Most metrics that wait to be collected; 8,192 unless given. */
  readonly capacity?: number | undefined
}

/** How an application adds its metrics. */
export interface GenericMetricsShape extends MetricsGenerator {
  /** Adds one metric; waits while the queue is full. */
  readonly addMetric: (metric: GenericMetric) => Effect.Effect<void, GeneratorClosedError | InvalidMetricsError>
  /**
   * Adds metrics in their order, all valid ones together: when the caller is
   * interrupted while it waits for room, either all or none are added. More
   * than the queue can hold are added when it is empty. Invalid ones are left
   * out and named in the error.
   */
  readonly addMetrics: (
    metrics: Iterable<GenericMetric>
  ) => Effect.Effect<void, GeneratorClosedError | InvalidMetricsError>
}

/**
 * An application's own metrics, added by hand, through a bounded queue.
 *
 * A metric without a timestamp gets that of the call. What was added is
 * emitted even when the generator is closed meanwhile: its stream ends after
 * the last of it.
 */
export class GenericMetricsGenerator
  extends MetricsGenerator.Tag("generic")<GenericMetricsGenerator, GenericMetricsShape>()
{
  /** The generator, open as long as the scope. Fails when `capacity` is no number of metrics. */
  static readonly layer = (
    { capacity = 8192 }: GenericMetricsOptions = {}
  ): Layer.Layer<GenericMetricsGenerator, GeneratorError> => Layer.scoped(GenericMetricsGenerator, make(capacity))
}

const make = (capacity: number) =>
  Effect.gen(function*() {
    const name = GenericMetricsGenerator.generatorName
    if (!Number.isInteger(capacity) || capacity < 1) {
      const message = `capacity: expected a whole number of at least 1, got ${capacity}`
      return yield* new GeneratorError({ generator: name, message })
    }
    const queue = new WaitingMetrics(capacity)
    const close = Effect.sync(() => queue.close())
    yield* Effect.addFinalizer(() => close)

    const addMetrics = (metrics: Iterable<GenericMetric>) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const valid: Array<GenericMetric> = []
        const rejected: Array<{ readonly index: number; readonly message: string }> = []
        let index = 0
        for (const metric of metrics) {
          const message = metricProblem(metric)
          if (message === undefined) valid.push(stamped(metric, now))
          else rejected.push({ index, message })
          index++
        }
        const added = queue.add(valid)
        return rejected.length === 0 ? added : Effect.zipRight(added, Effect.fail(invalid(valid.length, rejected)))
      })

    return GenericMetricsGenerator.of({
      name,
      generateMetrics: Stream.repeatEffectChunkOption(queue.take()),
      close,
      addMetric: (metric) => addMetrics([metric]),
      addMetrics
    })
  })

const stamped = (metric: GenericMetric, now: number): GenericMetric =>
  metric.timestamp === undefined ? new GenericMetric({ ...metric, timestamp: now }, true) : metric

const invalid = (accepted: number, rejected: InvalidMetricsError["rejected"]): InvalidMetricsError => {
  const [{ index, message }] = rejected
  const others = rejected.length === 1 ? "" : ` (and ${rejected.length - 1} more)`
  return new InvalidMetricsError({ accepted, rejected, message: `metric ${index}: ${message}${others}` })
}

interface Caller {
  readonly metrics: ReadonlyArray<GenericMetric>
  readonly resume: (result: Effect.Effect<void, GeneratorClosedError>) => void
}

/**
 * The queue: metrics that wait for the collector, and callers that wait for
 * room, first come, first served. Each step happens in one turn, so that an
 * interruption finds the metrics of a caller on one side or the other.
 */
class WaitingMetrics {
  private queued: Array<GenericMetric> = []
  private readonly callers: Array<Caller> = []
  private closed = false
  private readonly something = Effect.unsafeMakeLatch(false)

  constructor(private readonly capacity: number) {}

  add(metrics: ReadonlyArray<GenericMetric>): Effect.Effect<void, GeneratorClosedError> {
    return Effect.suspend(() => {
      if (this.closed) return Effect.fail(closedError)
      if (metrics.length === 0) return Effect.void
      if (this.callers.length === 0 && this.hasRoomFor(metrics)) {
        this.put(metrics)
        return Effect.void
      }
      return Effect.async<void, GeneratorClosedError>((resume) => {
        const caller: Caller = { metrics, resume }
        this.callers.push(caller)
        return Effect.sync(() => {
          const place = this.callers.indexOf(caller)
          if (place >= 0) this.callers.splice(place, 1)
          // Those behind may have waited only because of this one.
          this.admit()
        })
      })
    })
  }

  /** All that waits, as one chunk; fails with `None` at the end. */
  take(): Effect.Effect<Chunk.Chunk<GenericMetric>, Option.Option<never>> {
    return Effect.suspend(() => {
      if (this.queued.length === 0) {
        return this.closed ? Effect.fail(Option.none()) : Effect.zipRight(this.something.await, this.take())
      }
      const taken = this.queued
      this.queued = []
      this.something.unsafeClose()
      this.admit()
      if (this.closed) this.something.unsafeOpen()
      return Effect.succeed(Chunk.unsafeFromArray(taken))
    })
  }

  close(): void {
    this.closed = true
    this.something.unsafeOpen()
    for (const { resume } of this.callers.splice(0)) resume(Effect.fail(closedError))
  }

  private hasRoomFor({ length }: ReadonlyArray<GenericMetric>): boolean {
    return this.queued.length === 0 || this.queued.length + length <= this.capacity
  }

  private put(metrics: ReadonlyArray<GenericMetric>): void {
    for (const metric of metrics) this.queued.push(metric)
    this.something.unsafeOpen()
  }

  private admit(): void {
    while (this.callers.length > 0 && this.hasRoomFor(this.callers[0].metrics)) {
      const [{ metrics, resume }] = this.callers.splice(0, 1)
      this.put(metrics)
      resume(Effect.void)
    }
  }
}

const closedError = new GeneratorClosedError({
  message: "the generator is closed: metrics can be added only while the pipeline runs"
})
