import { describe, it } from "@effect/vitest"
import { Effect, FastCheck, Layer } from "effect"
import * as assert from "node:assert/strict"
import { aggregates } from "../../src/domain/Aggregate.js"
import type { JsonObject } from "../../src/domain/Json.js"
import { makeSeries } from "../../src/domain/Series.js"
import { MemoryMetricStore } from "../../src/store/MemoryMetricStore.js"
import { MetricStore, type QueryAnswer, type StoreQuery, type TagCondition } from "../../src/store/MetricStore.js"
import { QueryThread } from "../../src/store/query/QueryThread.js"
import { SqliteMetricStore, type SqliteMetricStoreOptions } from "../../src/store/SqliteMetricStore.js"
import { scanWorker } from "./query/scanWorker.js"
import { askOracle, nameOf, type OracleAnswer, type OraclePoint } from "./StoreOracle.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

const day = 86_400_000
const t0 = Date.UTC(2026, 0, 2)

const allSeries = [
  makeSeries("host", "load", { host: "a", zone: "north" }),
  makeSeries("host", "load", { host: "b", zone: "north" }),
  makeSeries("host", "load", { host: "c", zone: "south" }),
  makeSeries("host", "heat", { host: "a" }),
  makeSeries("game", "load", {})
]

// Times that often fall together and lie around a midnight.
const time = FastCheck.oneof(
  FastCheck.integer({ min: -8, max: 8 }).map((n) => t0 + n * 1000),
  FastCheck.integer({ min: -day, max: day }).map((n) => t0 + n)
)

// Sums of quarters are exact in any order.
const value = FastCheck.integer({ min: -4000, max: 4000 }).map((n) => n / 4)

const fields: FastCheck.Arbitrary<JsonObject | undefined> = FastCheck.option(
  FastCheck.integer({ min: 0, max: 9 }).map((ply) => ({ ply })),
  { nil: undefined }
)

const point: FastCheck.Arbitrary<OraclePoint> = FastCheck.record({
  series: FastCheck.constantFrom(...allSeries),
  time,
  value,
  fields
})

const commits = FastCheck.array(FastCheck.array(point, { maxLength: 30 }), { maxLength: 12 })

const condition: FastCheck.Arbitrary<TagCondition> = FastCheck.oneof(
  FastCheck.record({
    _tag: FastCheck.constantFrom("AnyOf" as const, "NoneOf" as const),
    key: FastCheck.constantFrom("host", "zone", "no"),
    values: FastCheck.subarray(["a", "b", "north", "south"])
  }),
  FastCheck.record({
    _tag: FastCheck.constantFrom("Matches" as const, "MatchesNot" as const),
    key: FastCheck.constantFrom("host", "zone"),
    pattern: FastCheck.constantFrom("a|b", ".*th", "nor", "", "[^a]")
  })
)

const query: FastCheck.Arbitrary<StoreQuery> = FastCheck.record({
  metricType: FastCheck.constantFrom(undefined, "load", "heat"),
  origin: FastCheck.constantFrom(undefined, "host", "game"),
  tags: FastCheck.constantFrom(undefined, { host: "a" }, { zone: "north" }, { zone: "north", host: "b" }, { no: "x" }),
  where: FastCheck.option(FastCheck.array(condition, { maxLength: 2 }), { nil: undefined, freq: 3 }),
  from: FastCheck.oneof(FastCheck.constant(t0 - 2 * day), time),
  to: FastCheck.oneof(FastCheck.constant(t0 + 2 * day), time),
  limit: FastCheck.constantFrom(1, 2, 7, 1000),
  buckets: FastCheck.option(
    FastCheck.record({
      step: FastCheck.constantFrom(1, 1000, 1500, 60_000, 3_600_000, day),
      aggregate: FastCheck.constantFrom(...aggregates),
      by: FastCheck.constantFrom(undefined, [], ["zone"], ["host", "zone"])
    }),
    { nil: undefined }
  )
})

const inFreshDirectory = (
  options: Omit<SqliteMetricStoreOptions, "dataDir">,
  thread: Layer.Layer<never> = QueryThread.local
): Layer.Layer<MetricStore, unknown> =>
  Layer.unwrapScoped(Effect.map(
    temporaryDirectory,
    (dataDir) => Layer.provide(SqliteMetricStore.layer({ ...options, dataDir }), thread)
  ))

const atOnce = { flush: { chunkPoints: 4, maxAge: 0, logBytes: 0, rollupPoints: 1 } }

const stores: ReadonlyArray<readonly [name: string, layer: Layer.Layer<MetricStore, unknown>, numRuns: number]> = [
  ["memory", MemoryMetricStore.layer, 100],
  ["SQLite", inFreshDirectory({}), 100],
  ["SQLite in chunks of 8", inFreshDirectory({ flush: { chunkPoints: 8 } }), 100],
  ["SQLite with chunks and rollups at once", inFreshDirectory(atOnce), 100],
  // The same code reads; each run starts a thread, and each page of one point goes there and back.
  ["SQLite, read in a thread of its own", inFreshDirectory({}, QueryThread.worker(scanWorker)), 20],
  [
    "SQLite with chunks and rollups at once, read in a thread of its own",
    inFreshDirectory(atOnce, QueryThread.worker(scanWorker)),
    20
  ]
]

/** All pages of an answer put together; each page goes on where the one before ended. */
const ask = (query: StoreQuery): Effect.Effect<OracleAnswer, unknown, MetricStore> =>
  Effect.gen(function*() {
    const store = yield* MetricStore
    const whole = new Map<string, Array<readonly [number, number, JsonObject | undefined]>>()
    let reached = -Infinity
    let cursor: string | undefined
    do {
      const asked = { ...query, cursor }
      const answer = yield* store.query(asked)
      if (cursor === undefined) {
        const { giveBack, pieces } = yield* store.queryText(asked)
        assert.equal(Buffer.concat(pieces).toString("utf8"), textOf(answer, asked.fields !== false))
        giveBack()
      }
      let upTo = reached
      for (const series of answer.series) {
        const own = whole.get(nameOf(series)) ?? []
        series.time.forEach((at, i) => {
          assert.ok(at >= reached)
          upTo = Math.max(upTo, at)
          own.push([at, series.value[i], series.fields[i]])
        })
        whole.set(nameOf(series), own)
      }
      reached = upTo
      cursor = answer.cursor
    } while (cursor !== undefined)
    return whole
  })

/** What `JSON.stringify` makes of an answer in the form of `GET /api/query`. */
const textOf = ({ series, ...rest }: QueryAnswer, withFields: boolean): string =>
  JSON.stringify({
    series: series.map(({ fields, metricType, origin, tags, time, value }) => ({
      origin,
      metric_type: metricType,
      tags,
      points: time.map((at, i) => withFields ? [at, value[i], fields[i] ?? {}] : [at, value[i]])
    })),
    truncated: rest.truncated,
    overflow: rest.overflow,
    cursor: rest.cursor
  })

const inOrder = (answer: OracleAnswer) => Array.from(answer).toSorted(([a], [b]) => a < b ? -1 : 1)

describe.each(stores)("queries of a store in %s", (_, layer, numRuns) => {
  it.effect.prop(
    "answer what a plain list of points answers",
    [commits, FastCheck.array(query, { minLength: 1, maxLength: 8 })],
    ([batches, queries]) =>
      Effect.gen(function*() {
        const store = yield* MetricStore
        for (const batch of batches) {
          yield* store.commitPlain({
            series: batch.map(({ series }) => series),
            time: batch.map(({ time }) => time),
            value: batch.map(({ value }) => value),
            fields: batch.map(({ fields }) => fields)
          })
        }
        for (const query of queries) {
          assert.deepEqual(inOrder(yield* ask(query)), inOrder(askOracle(batches.flat(), query)))
        }
      }).pipe(Effect.provide(layer)),
    { fastCheck: { numRuns } }
  )
})
