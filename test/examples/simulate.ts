import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Schedule, Stream } from "effect"
import { GenericMetric, MetricsGenerator, MetricsPipeline } from "metrics-collector"
import { simulate } from "metrics-collector/testing"

class Counter extends MetricsGenerator.Tag("counter")<Counter>() {
  static readonly layer = MetricsGenerator.layer(
    this,
    Stream.iterate(1, (count) => count + 1).pipe(
      Stream.schedule(Schedule.spaced("2 seconds")),
      Stream.map((value) => new GenericMetric({ origin: "shop", metricType: "orders", value }))
    )
  )
}

/** Runs the generator through 20 seeds of faults; answers what went wrong. */
const problems = Effect.forEach(Array.from({ length: 20 }, (_, i) => i + 1), (seed) =>
  simulate({
    seed,
    program: Layer.launch(MetricsPipeline.layer([Counter]).pipe(Layer.provide(Counter.layer)))
  })).pipe(Effect.map((reports) => reports.flatMap(({ problems }) => problems)))

problems.pipe(
  Effect.flatMap((problems) => Console.log(`problems: ${problems.length}`, ...problems)),
  NodeRuntime.runMain
)
