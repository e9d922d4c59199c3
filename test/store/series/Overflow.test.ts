import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as assert from "node:assert/strict"
import { makeSeries, type Points } from "../../../src/domain/Series.js"
import { MemoryMetricStore } from "../../../src/store/MemoryMetricStore.js"
import { MetricStore, type StoreQuery } from "../../../src/store/MetricStore.js"
import { SqliteMetricStore } from "../../../src/store/SqliteMetricStore.js"
import { temporaryDirectory } from "../TemporaryDirectory.js"

const t0 = Date.UTC(2026, 0, 2)

const everything: StoreQuery = { from: t0, to: t0 + 86_400_000, limit: 1_000 }

const pointsOf = (metricType: string, from: number, to: number): Points => {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i)
  return {
    series: numbers.map((n) => makeSeries("shop", metricType, { user: `u${n}`, parity: n % 2 === 0 ? "even" : "odd" })),
    time: numbers.map((n) => t0 + n * 1000),
    value: numbers,
    fields: numbers.map((n) => n % 3 === 0 ? { n } : undefined)
  }
}

const stores: ReadonlyArray<readonly [name: string, layer: Layer.Layer<MetricStore, unknown>]> = [
  ["memory", MemoryMetricStore.layerWith({ maxSeries: 10 })],
  [
    "SQLite",
    Layer.unwrapScoped(
      Effect.map(
        temporaryDirectory,
        (dataDir) => SqliteMetricStore.layer({ dataDir, maxSeries: 10, flush: { chunkPoints: 4, logBytes: 0 } })
      )
    )
  ]
]

describe.each(stores)("too many series of one metric type in %s", (_, layer) => {
  it.effect("are as many when they come in batches of one moment", () =>
    Effect.gen(function*() {
      const store = yield* MetricStore
      const batches = [[0, 6], [6, 12], [3, 9], [12, 18]] as const
      yield* Effect.forEach(batches, ([from, to]) => store.commitPlain(pointsOf("click", from, to)), {
        concurrency: "unbounded",
        discard: true
      })
      const users = (yield* store.series({ metricType: "click" })).map(({ points, tags }) => [tags["user"], points])
      assert.deepEqual(
        new Map(users.map(([user = "overflow", points]) => [user, points])),
        new Map<string, number>([
          ...Array.from({ length: 10 }, (_, n) => [`u${n}`, n >= 3 && n < 9 ? 2 : 1] as const),
          ["overflow", 8]
        ])
      )
    }).pipe(Effect.provide(layer)))

  it.effect("share one series, in which filters find them and nothing is lost", () =>
    Effect.gen(function*() {
      const store = yield* MetricStore
      yield* store.commitPlain(pointsOf("click", 0, 8))
      yield* store.commitPlain(pointsOf("click", 5, 30))
      yield* store.commitPlain(pointsOf("view", 0, 10))
      assert.equal((yield* store.series({ metricType: "click" })).length, 11)
      assert.equal((yield* store.series({ metricType: "view" })).length, 10)
      const values = (query: Partial<StoreQuery>) =>
        Effect.map(store.query({ ...everything, ...query }), ({ overflow, series }) => ({
          overflow,
          values: series.flatMap(({ value }) => value).toSorted((a, b) => a - b)
        }))
      const all = yield* values({ metricType: "click" })
      assert.equal(all.overflow, true)
      assert.deepEqual(all.values, [...Array.from({ length: 30 }, (_, i) => i), 5, 6, 7].toSorted((a, b) => a - b))
      assert.deepEqual(yield* values({ metricType: "click", tags: { user: "u3" } }), {
        overflow: undefined,
        values: [3]
      })
      assert.deepEqual(yield* values({ metricType: "click", tags: { user: "u27" } }), { overflow: true, values: [27] })
      assert.deepEqual(
        yield* values({ metricType: "click", where: [{ _tag: "Matches", key: "user", pattern: "u2[5-9]" }] }),
        {
          overflow: true,
          values: [25, 26, 27, 28, 29]
        }
      )
      assert.deepEqual(yield* values({ metricType: "click", origin: "other" }), { overflow: undefined, values: [] })
      assert.equal((yield* values({ metricType: "view" })).overflow, undefined)
      const counted = yield* store.query({
        ...everything,
        metricType: "click",
        tags: { parity: "odd" },
        buckets: { step: 86_400_000, aggregate: "count", by: [] }
      })
      assert.deepEqual(counted.series.flatMap(({ value }) => value).reduce((a, b) => a + b, 0), 17)
      const { series: [own] } = yield* store.query({ ...everything, metricType: "click", tags: { user: "u27" } })
      assert.deepEqual([own.origin, own.tags], ["metrics-collector", { overflow: "true" }])
      assert.deepEqual(own.fields, [{
        overflow: { origin: "shop", tags: { parity: "odd", user: "u27" }, fields: { n: 27 } }
      }])
    }).pipe(Effect.provide(layer)))

  it.effect("that are counters grow each for itself", () =>
    Effect.gen(function*() {
      const store = yield* MetricStore
      // The first ten fill the metric type; the growth of each is that of its number.
      const counters = Array.from({ length: 14 }, (_, n) =>
        makeSeries("shop", "orders", { user: `u${n}`, parity: n % 2 === 0 ? "even" : "odd" }))
      for (let second = 0; second < 10; second++) {
        yield* store.commitPlain({
          series: counters,
          time: counters.map(() =>
            t0 + second * 1_000
          ),
          value: counters.map((_, n) => 1_000 * (20 - n) + second * n),
          fields: counters.map(() => undefined)
        })
      }
      const rates = (query: Partial<StoreQuery>) =>
        Effect.map(
          store.query({
            ...everything,
            metricType: "orders",
            buckets: { step: 9_000, aggregate: "rate", by: [] },
            to: t0 + 9_001,
            ...query
          }),
          ({ overflow, series }) => ({
            overflow,
            growth: series.flatMap(({ value }) => value).reduce((sum, own) => sum + own * 9, 0)
          })
        )
      const ninth = (numbers: ReadonlyArray<number>) => numbers.reduce((sum, n) => sum + n * 9, 0)
      assert.deepEqual(yield* rates({}), { overflow: true, growth: ninth(counters.map((_, n) => n)) })
      assert.deepEqual(yield* rates({ tags: { parity: "odd" } }), {
        overflow: true,
        growth: ninth([1, 3, 5, 7, 9, 11, 13])
      })
      assert.deepEqual(yield* rates({ tags: { user: "u12" } }), { overflow: true, growth: ninth([12]) })
    }).pipe(Effect.provide(layer)))
})
