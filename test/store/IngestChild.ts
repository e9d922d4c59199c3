import { Effect, Layer } from "effect"
import { makeSeries } from "../../src/domain/Series.js"
import { MetricStore } from "../../src/store/MetricStore.js"
import { SqliteMetricStore } from "../../src/store/SqliteMetricStore.js"
import { StoreFaults } from "../../src/store/StoreFaults.js"

// Run as a process of its own: `vite-node IngestChild.ts <data directory> <stream> [<step> <count>]`.
// Writes batches for ever, as fast as it can, and prints each acknowledged `next`.
// With a step of the store, it kills itself when it reaches it for the `count`th time.

const [, , dataDir, stream, step, count] = process.argv

let reached = 0
const faults = Layer.succeed(StoreFaults, {
  reach: (at) => {
    if (at === step && ++reached === Number(count)) process.kill(process.pid, "SIGKILL")
  }
})

// Small, so that every few batches are flushed and rolled up.
const options = { dataDir, flush: { chunkPoints: 32, maxAge: 900_000, logBytes: 20_000, rollupPoints: 128 } }

const batchSize = 50
const series = Array.from({ length: 7 }, (_, i) => makeSeries("child", "count", { host: `h${i}` }))

const ingest = Effect.gen(function*() {
  const store = yield* MetricStore
  let [{ next }] = yield* store.openStreams([{ stream, sender: "child", owner: "", acked: 0 }], () => true)
  while (true) {
    const first = next
    const offset = Array.from({ length: batchSize }, (_, i) => first + i)
    const result = yield* store.commit({
      stream,
      sender: "child",
      owner: "",
      acked: first,
      first,
      count: batchSize,
      offset,
      rejected: [],
      points: {
        series: offset.map((n) => series[n % series.length]),
        time: offset.map((n) => 1_700_000_000_000 + n * 60_000),
        value: offset,
        fields: offset.map((n) => n % 10 === 0 ? { n } : undefined)
      }
    })
    next = result.next
    process.stdout.write(`${next}\n`)
  }
})

Effect.runFork(Effect.provide(ingest, Layer.provide(SqliteMetricStore.layer(options), faults)))
