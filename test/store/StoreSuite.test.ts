import { describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, TestClock } from "effect"
import { MemoryMetricStore } from "../../src/store/MemoryMetricStore.js"
import type { MetricStore } from "../../src/store/MetricStore.js"
import { QueryThread } from "../../src/store/query/QueryThread.js"
import { SqliteMetricStore, type SqliteMetricStoreOptions } from "../../src/store/SqliteMetricStore.js"
import { storeSuite } from "../../src/testing/StoreSuite.js"
import { scanWorker } from "./query/scanWorker.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

// Time goes on whenever nobody else has something to do.
const driveClock = Effect.forever(Effect.zipRight(
  Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
  TestClock.adjust("1 hour")
))

// Time leaps here, and a thread works in that of the machine: no query may have a deadline.
const inFreshDirectory = (
  options: Omit<SqliteMetricStoreOptions, "dataDir">,
  thread: Layer.Layer<never> = QueryThread.local
): Layer.Layer<MetricStore, unknown> =>
  Layer.unwrapScoped(
    Effect.map(
      temporaryDirectory,
      (dataDir) =>
        Layer.provide(SqliteMetricStore.layer({ ...options, dataDir, queryTimeout: Duration.infinity }), thread)
    )
  )

const atOnce = { flush: { chunkPoints: 4, maxAge: 0, logBytes: 0, rollupPoints: 1 } }

const stores: ReadonlyArray<readonly [name: string, layer: Layer.Layer<MetricStore, unknown>]> = [
  ["memory", MemoryMetricStore.layer],
  ["SQLite", inFreshDirectory({})],
  // Nothing waits: every commit is flushed, and most flushes merge into a small chunk.
  ["SQLite with chunks and rollups at once", inFreshDirectory(atOnce)],
  ["SQLite, read in a thread of its own", inFreshDirectory({}, QueryThread.worker(scanWorker))],
  [
    "SQLite with chunks and rollups at once, read in a thread of its own",
    inFreshDirectory(atOnce, QueryThread.worker(scanWorker))
  ]
]

describe.each(stores)("a store in %s", (_, layer) => {
  for (const { name, run } of storeSuite) {
    it.scoped(name, () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.UTC(2026, 0, 1))
        yield* Effect.forkScoped(driveClock)
        yield* Effect.provide(run, layer)
      }))
  }
})
