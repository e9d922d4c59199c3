/**
 * What accepting a metric costs: `sendMetric` from 1,000 concurrent callers and
 * `sendMetrics` of 1,000, on an outbox on disk whose server is away, beside a
 * bare push into an array. On a machine that does other work too, look at the
 * CPU time. Run by `npx vite-node scripts/bench-sender.ts`.
 */
import { Console, Effect, Layer, Logger } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { GenericMetric } from "../src/domain/GenericMetric.js"
import { GenericMetricsSender } from "../src/sender/GenericMetricsSender.js"
import { SqliteOutbox } from "../src/sender/SqliteOutbox.js"
import { LossLedger } from "../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../src/telemetry/PipelineStatus.js"
import { makeFakeServer } from "../src/testing/FakeServer.js"

const perRound = 1_000
const rounds = Number(process.argv[2] ?? 200)

// As a host's metrics are: few metadata objects, many metrics.
const metadata = Array.from({ length: 20 }, (_, i) => ({ host: "web-1", core: String(i) }))

const metrics = (from: number): ReadonlyArray<GenericMetric> =>
  Array.from({ length: perRound }, (_, i) =>
    new GenericMetric({
      origin: "system",
      metricType: "cpu_percent",
      value: (from + i) % 100 + 0.25,
      timestamp: 1_700_000_000_000 + from + i,
      metadata: metadata[i % metadata.length]
    }, true))

const given = Array.from({ length: 10 }, (_, i) => metrics(i * perRound))

/** Median and best of the rounds by the wall clock, and the CPU time of all, µs a metric. */
const measure = <E>(
  name: string,
  calls: number,
  round: (metrics: ReadonlyArray<GenericMetric>) => Effect.Effect<unknown, E>
) =>
  Effect.gen(function*() {
    const took: Array<number> = []
    const cpuBefore = process.cpuUsage()
    for (let i = 0; i < rounds; i++) {
      const before = performance.now()
      yield* round(given[i % given.length])
      took.push((performance.now() - before) * 1000 / (perRound * calls))
    }
    const { system, user } = process.cpuUsage(cpuBefore)
    const cpu = (system + user) / (rounds * perRound * calls)
    took.sort((a, b) => a - b)
    const wall = took[Math.floor(took.length / 2)]
    yield* Console.log(
      `${name.padEnd(34)} ${wall.toFixed(3)} µs (best ${took[0].toFixed(3)}), CPU ${cpu.toFixed(3)} µs`
    )
  })

const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "bench-sender-"))

const program = Effect.gen(function*() {
  const { sendMetric, sendMetrics } = yield* GenericMetricsSender
  const kept: Array<GenericMetric> = []
  yield* measure("push into an array", 1, (some) =>
    Effect.sync(() => {
      kept.length = 0
      for (const metric of some) kept.push(metric)
    }))
  yield* measure("sendMetrics(1,000)", 1, sendMetrics)
  yield* measure(
    "sendMetrics(1,000), 8 at a time",
    8,
    (some) => Effect.all(Array.from({ length: 8 }, () => sendMetrics(some)), { concurrency: "unbounded" })
  )
  yield* measure(
    "1,000 fibers that do nothing",
    1,
    (some) => Effect.forEach(some, () => Effect.void, { concurrency: "unbounded", discard: true })
  )
  yield* measure(
    "sendMetric, 1,000 concurrent",
    1,
    (some) => Effect.forEach(some, sendMetric, { concurrency: "unbounded", discard: true })
  )
})

const server = makeFakeServer()
server.refuseSocket = 503
server.refuseHttp = { status: 503, body: "" }

const layer = GenericMetricsSender.layerWithOutbox({ endpointUrl: "ws://away.test", durable: true, shutdownGrace: 0 })
  .pipe(
    Layer.provide(SqliteOutbox.layer({ dataDir })),
    Layer.provide(server.layer),
    Layer.provide(Layer.merge(PipelineStatus.Default, LossLedger.Default))
  )

await program.pipe(
  Effect.provide(Layer.provideMerge(layer, Logger.remove(Logger.defaultLogger))),
  Effect.ensuring(Effect.sync(() => fs.rmSync(dataDir, { recursive: true, force: true }))),
  Effect.runPromise
)
