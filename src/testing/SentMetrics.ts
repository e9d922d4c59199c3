import { Context, Deferred, Effect, Layer } from "effect"
import { type GenericMetric, metricProblem } from "../domain/GenericMetric.js"
import { GenericMetricsSender, InvalidMetricError } from "../sender/GenericMetricsSender.js"

/**
 * What was sent, in a test: its Layer is a `GenericMetricsSender` that keeps
 * every valid metric instead of delivering it, exactly as it was given (one
 * without a timestamp stays without).
 */
export class SentMetrics extends Context.Tag("metrics-collector/testing/SentMetrics")<SentMetrics, {
  /** All so far, in the order in which they were accepted. */
  readonly all: Effect.Effect<ReadonlyArray<GenericMetric>>
  /** Waits until at least `count` were sent, and gives all so far. */
  readonly awaitCount: (count: number) => Effect.Effect<ReadonlyArray<GenericMetric>>
  /** Gives all so far and begins anew. */
  readonly takeAll: Effect.Effect<ReadonlyArray<GenericMetric>>
}>() {
  /** The sender that keeps, and what it kept. */
  static readonly layer: Layer.Layer<SentMetrics | GenericMetricsSender> = Layer.effectContext(Effect.sync(() => {
    let kept: Array<GenericMetric> = []
    let waiting: Array<{ readonly count: number; readonly reached: Deferred.Deferred<void> }> = []

    const keep = (metrics: ReadonlyArray<GenericMetric>): Effect.Effect<void> =>
      Effect.suspend(() => {
        kept.push(...metrics)
        const reached = waiting.filter(({ count }) => kept.length >= count)
        waiting = waiting.filter(({ count }) => kept.length < count)
        return Effect.forEach(reached, (one) => Deferred.succeed(one.reached, undefined), { discard: true })
      })

    const all = Effect.sync((): ReadonlyArray<GenericMetric> => [...kept])
    const sent = SentMetrics.of({
      all,
      awaitCount: (count) =>
        Effect.gen(function*() {
          if (kept.length < count) {
            const reached = yield* Deferred.make<void>()
            waiting.push({ count, reached })
            yield* Deferred.await(reached)
          }
          return yield* all
        }),
      takeAll: Effect.sync(() => {
        const taken = kept
        kept = []
        return taken
      })
    })
    const sender = GenericMetricsSender.of({
      sendMetric: (metric) =>
        Effect.suspend((): Effect.Effect<void, InvalidMetricError> => {
          const message = metricProblem(metric)
          return message === undefined ? keep([metric]) : Effect.fail(new InvalidMetricError({ message }))
        }),
      sendMetrics: (metrics) =>
        Effect.suspend(() => {
          const valid: Array<GenericMetric> = []
          const rejected: Array<{ readonly index: number; readonly message: string }> = []
          let index = 0
          for (const metric of metrics) {
            const message = metricProblem(metric)
            if (message === undefined) valid.push(metric)
            else rejected.push({ index, message })
            index++
          }
          return Effect.as(keep(valid), { accepted: valid.length, rejected })
        }),
      flush: Effect.void
    })
    return Context.make(SentMetrics, sent).pipe(Context.add(GenericMetricsSender, sender))
  }))
}
