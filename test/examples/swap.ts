import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Schedule, Stream, TestClock, TestContext } from "effect"
import { GenericMetric, MetricsGenerator, MetricsPipeline } from "metrics-collector"
import { SentMetrics } from "metrics-collector/testing"

class Minutes extends MetricsGenerator.Tag("minutes")<Minutes>() {
  static readonly layer = MetricsGenerator.layer(
    this,
    Stream.fromSchedule(Schedule.spaced("1 minute")).pipe(
      Stream.map((value) => new GenericMetric({ origin: "test", metricType: "minute", value }))
    )
  )
}

const Test = MetricsPipeline.layer([Minutes]).pipe(
  Layer.provideMerge(Minutes.layer),
  Layer.provideMerge(SentMetrics.layer),
  Layer.provideMerge(TestContext.TestContext)
)

const program = Effect.gen(function*() {
  const sent = yield* SentMetrics
  yield* TestClock.adjust("1 hour")
  const metrics = yield* sent.awaitCount(59)
  yield* Console.log(`an hour of metrics in no time: ${metrics.length >= 59}`)
})

program.pipe(Effect.provide(Test), NodeRuntime.runMain)
