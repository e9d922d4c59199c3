import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Random, Schedule, Stream } from "effect"
import {
  GenericMetric,
  GenericMetricsGenerator,
  GenericMetricsSender,
  MetricsGenerator,
  MetricsPipeline,
  SystemMetricsGenerator
} from "metrics-collector"

class Dice extends MetricsGenerator.Tag("dice")<Dice>() {
  static readonly layer = MetricsGenerator.layer(
    this,
    Stream.repeatEffectWithSchedule(Random.nextIntBetween(1, 7), Schedule.fixed("1 second")).pipe(
      Stream.map((value) => new GenericMetric({ origin: "game", metricType: "dice", value }))
    )
  )
}

const Live = MetricsPipeline.layer([Dice, SystemMetricsGenerator, GenericMetricsGenerator]).pipe(
  Layer.provideMerge(Layer.mergeAll(
    Dice.layer,
    SystemMetricsGenerator.layer({ interval: "1 second" }),
    GenericMetricsGenerator.layer()
  )),
  Layer.provideMerge(GenericMetricsSender.layer({ endpointUrl: "ws://localhost:5000/ws/metrics" }))
)

const program = Effect.gen(function*() {
  const own = yield* GenericMetricsGenerator
  yield* own.addMetric(
    new GenericMetric({ origin: "shop", metricType: "order_euros", value: 49.9, metadata: { country: "PT", items: 3 } })
  )
  yield* Effect.sleep("3 seconds")
})

program.pipe(Effect.provide(Live), NodeRuntime.runMain)
