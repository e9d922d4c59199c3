import { Effect, Layer, Logger, LogLevel, Runtime } from "effect"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { answerWords, cpuSeconds, rss, tell } from "../delivery/Talk.js"
import { SeriesMetrics } from "./SeriesMetrics.js"

// A sender whose outbox is filled while its server is away: `OutboxClient <URL> <series> <data directory>`.
// `deliver N` delivers so many; `fill BYTES` buffers until so much is in the outbox; `accept N` buffers so many more;
// `reach` waits for the first acknowledgement, `drain N` until so many more have come.

const [, , endpointUrl, seriesText, dataDir] = process.argv

const callers = 8

const program = Effect.gen(function*() {
  const { flush, sendMetrics } = yield* GenericMetricsSender
  const { sender: status } = yield* PipelineStatus
  const metrics = new SeriesMetrics(Number(seriesText))

  const produceWhile = (goesOn: () => boolean) => {
    const call = Effect.suspend(() => sendMetrics(metrics.batch()))
    return Effect.all(
      Array.from({ length: callers }, () => Effect.whileLoop({ while: goesOn, body: () => call, step() {} })),
      { concurrency: "unbounded", discard: true }
    )
  }
  const produce = (count: number) => {
    let left = count / 1_000
    return produceWhile(() => left-- > 0)
  }
  const until = (reached: () => boolean) => Effect.repeat(Effect.sleep("2 millis"), { until: reached })

  const measured = <E, R>(work: Effect.Effect<unknown, E, R>) =>
    Effect.suspend(() => {
      const cpu = cpuSeconds()
      const before = performance.now()
      return Effect.map(work, () => ({
        seconds: (performance.now() - before) / 1000,
        cpu: cpuSeconds() - cpu,
        rss: rss()
      }))
    })

  const reach = Effect.suspend(() => {
    const from = status.acknowledged
    return measured(until(() => status.acknowledged > from))
  })

  const drain = (count: number) =>
    Effect.gen(function*() {
      const begun = status.acknowledged
      const { cpu, rss, seconds } = yield* measured(until(() => status.acknowledged - begun >= count))
      return { cpu, rss, seconds, delivered: status.acknowledged - begun }
    })

  const run = Runtime.runPromise(yield* Effect.runtime())
  answerWords((word, count) => {
    switch (word) {
      case "deliver":
        return run(measured(Effect.zipRight(produce(count), flush)))
      case "fill":
        return run(measured(produceWhile(() => status.pendingBytes < count)))
      case "accept":
        return run(measured(produce(count)))
      case "reach":
        return run(reach)
      default:
        return run(drain(count))
    }
  })
  return yield* Effect.never
})

const begun = performance.now()

// HTTP goes nowhere: what is measured leaves over the socket.
const layer = GenericMetricsSender.layer({
  endpointUrl,
  httpEndpointUrl: "http://127.0.0.1:1/api/metrics",
  dataDir,
  outbox: { maxBytes: 4 * 2 ** 30 },
  shutdownGrace: 0
}).pipe(
  Layer.tap(() => Effect.sync(() => tell({ opened: (performance.now() - begun) / 1000, rss: rss() }))),
  Layer.provideMerge(PipelineStatus.Default)
)

await program.pipe(Effect.provide(layer), Logger.withMinimumLogLevel(LogLevel.Error), Effect.runPromise)
