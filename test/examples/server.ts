import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { GenericMetric, GenericMetricsSender, MemoryMetricStore, MetricsClient, MetricsServer } from "metrics-collector"

const Server = MetricsServer.layer({ port: 0 }).pipe(Layer.provide(MemoryMetricStore.layer))

const Clients = Layer.unwrapEffect(Effect.map(MetricsServer, ({ url }) =>
  Layer.merge(
    GenericMetricsSender.layer({ endpointUrl: url }),
    MetricsClient.layer({ serverUrl: url })
  )))

const program = Effect.gen(function*() {
  const sender = yield* GenericMetricsSender
  const client = yield* MetricsClient
  yield* sender.sendMetric(new GenericMetric({ origin: "shop", metricType: "order_euros", value: 49.9 }))
  yield* sender.flush
  const { series } = yield* client.query({ metricType: "order_euros" })
  yield* Console.log(series.flatMap(({ points }) => points.map(([, value]) => value)))
})

program.pipe(Effect.provide(Layer.provideMerge(Clients, Server)), NodeRuntime.runMain)
