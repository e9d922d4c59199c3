import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Stream } from "effect"
import { GenericMetricsSender, MetricsGenerator, MetricsPipeline } from "metrics-collector"

class Forgotten extends MetricsGenerator.Tag("forgotten")<Forgotten>() {
  static readonly layer = MetricsGenerator.layer(this, Stream.empty)
}

const Live = MetricsPipeline.layer([Forgotten]).pipe(
  Layer.provideMerge(GenericMetricsSender.layer({ endpointUrl: "ws://localhost:5000/ws/metrics" }))
)

Effect.never.pipe(Effect.provide(Live), NodeRuntime.runMain)
