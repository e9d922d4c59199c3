import { describe, it } from "@effect/vitest"
import { Effect, Layer, Stream, TestClock } from "effect"
import * as assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { metricProblem } from "../../src/domain/GenericMetric.js"
import { SelfMetricsGenerator } from "../../src/generators/SelfMetricsGenerator.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"

const telemetry = Layer.merge(PipelineStatus.Default, LossLedger.Default)

const layer = Layer.provideMerge(SelfMetricsGenerator.layer({ hostname: "web-1" }), telemetry)

const busyPipeline = Effect.gen(function*() {
  const status = yield* PipelineStatus
  const ledger = yield* LossLedger
  status.generator("system").gathered = 60
  status.generator("system").lastTickMillis = 2
  status.sender.transport = "socket"
  status.sender.acknowledged = 50
  status.sender.plain = true
  yield* ledger.record({ source: "system", reason: "missed-tick", count: 2 })
})

describe("what the pipeline says of itself", () => {
  it.effect("comes at once and at every interval, in one chunk, with values of that moment", () =>
    Effect.gen(function*() {
      yield* busyPipeline
      const { generateMetrics } = yield* SelfMetricsGenerator
      const taking = yield* Effect.fork(Stream.runCollect(Stream.take(Stream.chunks(generateMetrics), 3)))
      yield* TestClock.adjust("10 seconds")
      const chunks = Array.from(yield* taking, (chunk) => Array.from(chunk))
      assert.deepEqual(chunks.map(([first]) => first.timestamp), [0, 5_000, 10_000])
      const named = (type: string) => chunks[0].filter(({ metricType }) => metricType === type)
      assert.deepEqual(named("acknowledged_total").map(({ metadata, value }) => [value, metadata]), [
        [50, { host: "web-1" }]
      ])
      assert.deepEqual(named("tick_seconds").map(({ value }) => value), [0.002])
      assert.deepEqual(named("lost_total").map(({ metadata, value }) => [value, metadata]), [
        [2, { host: "web-1", source: "system", reason: "missed-tick" }]
      ])
      assert.deepEqual(named("transport_state").map(({ metadata, value }) => [value, metadata]), [
        [4, { host: "web-1", transport: { value: "socket" } }]
      ])
    }).pipe(Effect.provide(layer)))

  it.effect("is documented, name by name, and nothing else is", () =>
    Effect.gen(function*() {
      yield* busyPipeline
      const { generateMetrics } = yield* SelfMetricsGenerator
      const metrics = yield* Stream.runCollect(Stream.flattenChunks(Stream.take(Stream.chunks(generateMetrics), 1)))
      const names = new Set(Array.from(metrics, ({ metricType }) => metricType))
      const page = readFileSync(new URL("../../docs/self-metrics.md", import.meta.url), "utf8")
      const documented = new Set(Array.from(page.matchAll(/^\| `([a-z_]+)` \|/gm), ([, name]) => name))
      assert.deepEqual([...names].sort(), [...documented].sort())
      for (const metric of metrics) assert.equal(metricProblem(metric), undefined)
    }).pipe(Effect.provide(layer)))
})
