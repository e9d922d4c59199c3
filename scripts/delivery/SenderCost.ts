import { Effect, Layer, Logger } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { GenericMetric } from "../../src/domain/GenericMetric.js"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { BATCH } from "../store/BenchData.js"
import { BenchMetrics } from "./BenchMetrics.js"
import { cpuSeconds } from "./Talk.js"

/** What a call costs, µs a metric. */
export interface CallCost {
  readonly name: string
  /** Median and best of the rounds by the wall clock. */
  readonly wall: number
  readonly best: number
  /** Processor time of all rounds, all threads. */
  readonly cpu: number
}

// Before these the compiler of Node has not seen enough.
const warmUp = 100

/** `calls` is how many batches of 1,000 a round takes. */
const measure = <E>(
  name: string,
  calls: number,
  rounds: number,
  round: (batches: ReadonlyArray<ReadonlyArray<GenericMetric>>) => Effect.Effect<unknown, E>
) =>
  Effect.gen(function*() {
    const metrics = new BenchMetrics()
    const took: Array<number> = []
    let cpu = 0
    for (let i = 0; i < rounds + warmUp; i++) {
      const batches = Array.from({ length: calls }, () => metrics.batch())
      const cpuBefore = cpuSeconds()
      const before = performance.now()
      yield* round(batches)
      if (i < warmUp) continue
      took.push((performance.now() - before) * 1000 / (BATCH * calls))
      cpu += cpuSeconds() - cpuBefore
    }
    took.sort((a, b) => a - b)
    return { name, wall: took[Math.floor(took.length / 2)], best: took[0], cpu: cpu * 1e6 / (rounds * BATCH * calls) }
  })

/** Measures what accepting costs, on an outbox on disk whose server is away, and what pushing into an array does. */
export const senderCosts = (rounds: number): Effect.Effect<ReadonlyArray<CallCost>, unknown> =>
  Effect.gen(function*() {
    const dataDir = yield* Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "bench-sender-"))),
      (dir) => Effect.sync(() => fs.rmSync(dir, { recursive: true, force: true }))
    )
    // Nothing listens there.
    const layer = GenericMetricsSender.layer({ endpointUrl: "ws://127.0.0.1:1/ws/metrics", dataDir, shutdownGrace: 0 })
    return yield* Effect.gen(function*() {
      const { sendMetric, sendMetrics } = yield* GenericMetricsSender
      const kept: Array<GenericMetric> = []
      const together = { concurrency: "unbounded", discard: true } as const
      return [
        yield* measure("push into an array", 1, rounds, ([metrics]) =>
          Effect.sync(() => {
            kept.length = 0
            for (const metric of metrics) kept.push(metric)
          })),
        yield* measure("`sendMetrics(1,000)`", 1, rounds, ([metrics]) => sendMetrics(metrics)),
        yield* measure("`sendMetrics(1,000)`, 8 at a time", 8, rounds, (batches) =>
          Effect.forEach(batches, sendMetrics, together)),
        yield* measure("1,000 fibers that do nothing", 1, rounds, ([metrics]) =>
          Effect.forEach(metrics, () =>
            Effect.void, together)),
        yield* measure("`sendMetric`, 1,000 at a time", 1, rounds, ([metrics]) =>
          Effect.forEach(metrics, sendMetric, together))
      ]
    }).pipe(Effect.provide(Layer.provideMerge(layer, Logger.remove(Logger.defaultLogger))))
  }).pipe(Effect.scoped)
