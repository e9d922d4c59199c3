import { Effect, Layer, Logger, LogLevel, Runtime } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { BATCH } from "../store/BenchData.js"
import { BenchMetrics } from "./BenchMetrics.js"
import { answerWords, cpuSeconds, rss, tell } from "./Talk.js"

// The sender of this package with its outbox on disk: `Client socket|http <URL> <data directory>`.

const [, , way, url, dataDir] = process.argv

// As many callers as the ceiling has batches under way.
const callers = 8

const metrics = new BenchMetrics()

const diskBytes = (): number =>
  fs.readdirSync(dataDir).reduce((bytes, name) => bytes + fs.statSync(path.join(dataDir, name)).size, 0)

/** Runs work; what it took, and the most memory meanwhile. */
const measured = <E, R>(work: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    const rssBefore = rss()
    let rssPeak = rssBefore
    let bytesPeak = 0
    const sampling = setInterval(() => {
      rssPeak = Math.max(rssPeak, rss())
      bytesPeak = Math.max(bytesPeak, diskBytes())
    }, 100)
    const cpu = cpuSeconds()
    const before = performance.now()
    yield* work
    const seconds = (performance.now() - before) / 1000
    const used = cpuSeconds() - cpu
    clearInterval(sampling)
    return { seconds, cpu: used, rssBefore, rssPeak: Math.max(rssPeak, rss()), bytes: Math.max(bytesPeak, diskBytes()) }
  })

const program = Effect.gen(function*() {
  const { flush, sendMetrics } = yield* GenericMetricsSender
  const { sender: status } = yield* PipelineStatus

  const produce = (count: number) =>
    Effect.suspend(() => {
      let left = count / BATCH
      const call = Effect.suspend(() => {
        left--
        return sendMetrics(metrics.batch())
      })
      return Effect.all(
        Array.from({ length: callers }, () => Effect.whileLoop({ while: () => left > 0, body: () => call, step() {} })),
        { concurrency: "unbounded", discard: true }
      )
    })

  /** Waits for the first acknowledgement; how long it took, s. */
  const reached = Effect.gen(function*() {
    const before = performance.now()
    const acknowledged = status.acknowledged
    while (status.acknowledged === acknowledged) yield* Effect.sleep("5 millis")
    return (performance.now() - before) / 1000
  })

  const drain = Effect.gen(function*() {
    const waited = yield* reached
    const left = status.pending
    return { waited, left, ...yield* measured(flush) }
  })

  const run = Runtime.runPromise(yield* Effect.runtime())
  answerWords((word, count) => {
    switch (word) {
      case "deliver":
        return run(measured(Effect.zipRight(produce(count), flush)))
      case "buffer":
        return run(measured(produce(count)))
      default:
        return run(drain)
    }
  })
  tell({ ready: 1 })
  return yield* Effect.never
})

// Nothing listens there: the sender falls back to HTTP.
const nowhere = "ws://127.0.0.1:1/ws/metrics"

const layer = GenericMetricsSender.layer(
  way === "http"
    ? { endpointUrl: nowhere, httpEndpointUrl: url, dataDir, shutdownGrace: 0 }
    : { endpointUrl: url, dataDir, shutdownGrace: 0 }
).pipe(Layer.provideMerge(PipelineStatus.Default))

await program.pipe(
  Effect.provide(layer),
  Logger.withMinimumLogLevel(LogLevel.Error),
  Effect.runPromise
)
