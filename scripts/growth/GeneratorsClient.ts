import { Chunk, Effect, Logger, LogLevel, Option, Runtime, Stream } from "effect"
import type { MetricsGenerator } from "../../src/generators/MetricsGenerator.js"
import { MetricsPipeline } from "../../src/MetricsPipeline.js"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { answerWords, cpuSeconds, tell } from "../delivery/Talk.js"
import { SeriesMetrics } from "./SeriesMetrics.js"

// A whole pipeline with any number of generators: `GeneratorsClient <URL> <generators> <series of all> <data directory>`.
// `deliver N`: the generators give so many in equal shares, as fast as they are taken, and end; then all is delivered.

const [, , endpointUrl, generatorsText, seriesText, dataDir] = process.argv

const generators = Number(generatorsText)

// Metrics of a tick, as those of a host.
const tick = 100

const sources = Array.from(
  { length: generators },
  (_, i) => new SeriesMetrics(Number(seriesText) / generators, { owner: `generator-${i}`, pooled: 1 })
)

const generatorOf = (metrics: SeriesMetrics, i: number, count: number): MetricsGenerator => ({
  name: `generator-${i}`,
  generateMetrics: Stream.unfoldChunk(count, (left) =>
    left <= 0
      ? Option.none()
      : Option.some([Chunk.unsafeFromArray(metrics.batch(Math.min(tick, left))), left - tick]))
})

const program = Effect.gen(function*() {
  const { flush } = yield* GenericMetricsSender
  const runtime = yield* Effect.runtime<GenericMetricsSender>()
  const deliver = (count: number) => {
    const tags = sources.map((metrics, i) => Effect.succeed(generatorOf(metrics, i, count / generators)))
    return Effect.scoped(
      Effect.flatMap(MetricsPipeline, ({ awaitDone }) => awaitDone).pipe(
        Effect.provide(MetricsPipeline.layer(tags)),
        Effect.zipRight(flush)
      )
    )
  }
  answerWords((_, count) => {
    const cpu = cpuSeconds()
    const before = performance.now()
    return Runtime.runPromise(runtime)(Effect.map(deliver(count), () => ({
      seconds: (performance.now() - before) / 1000,
      cpu: cpuSeconds() - cpu
    })))
  })
  tell({ ready: 1 })
  return yield* Effect.never
})

await program.pipe(
  Effect.provide(GenericMetricsSender.layer({ endpointUrl, dataDir, shutdownGrace: 0 })),
  Logger.withMinimumLogLevel(LogLevel.Error),
  Effect.runPromise
)
