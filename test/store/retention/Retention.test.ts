import { describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Context, Effect, Fiber, Layer, type Scope, TestClock } from "effect"
import * as assert from "node:assert/strict"
import * as path from "node:path"
import { nextTurn } from "../../../src/domain/nextTurn.js"
import { makeSeries, type Points } from "../../../src/domain/Series.js"
import { MemoryMetricStore } from "../../../src/store/MemoryMetricStore.js"
import { MetricStore } from "../../../src/store/MetricStore.js"
import { enforceRetention, type Retention } from "../../../src/store/retention/Retention.js"
import { RetentionAges, type RetentionOptions } from "../../../src/store/retention/RetentionAges.js"
import { SqliteMetricStore } from "../../../src/store/SqliteMetricStore.js"
import { temporaryDirectory } from "../TemporaryDirectory.js"

const day = 86_400_000
const today = Date.UTC(2026, 0, 31)
const series = makeSeries("test", "noise", {})

/** Points that compress badly, of the given days before `today`. */
const fill = (store: typeof MetricStore.Service, days: ReadonlyArray<number>, size: number) =>
  Effect.forEach(days, (before) => {
    const numbers = Array.from({ length: size }, (_, i) => i)
    return store.commitPlain({
      series: numbers.map(() => series),
      time: numbers.map((i) => today - before * day + i * 1000),
      value: numbers.map((i) => Math.sin(i * 12.9898 + before) * 43758.5453),
      fields: numbers.map(() => undefined)
    })
  }, { discard: true })

const daysLeft = (store: typeof MetricStore.Service) =>
  Effect.map(
    store.query({ from: 0, to: 2 * today, limit: 1_000, buckets: { step: day, aggregate: "count" } }),
    (answer) => answer.series.flatMap(({ time }) => time.map((at) => (today - at) / day))
  )

/** Looks at the limits once. */
const enforceOnce = (retention: Retention) =>
  Effect.gen(function*() {
    const running = yield* Effect.fork(enforceRetention(retention))
    yield* Effect.repeatN(nextTurn, 500)
    yield* Fiber.interrupt(running)
  })

const inStore = <E>(
  body: (store: typeof MetricStore.Service) => Effect.Effect<void, E, MetricStore>,
  retention?: RetentionOptions
) =>
() =>
  Effect.gen(function*() {
    const dataDir = yield* temporaryDirectory
    yield* TestClock.setTime(today + day / 2)
    yield* Effect.provide(
      Effect.flatMap(MetricStore, body),
      SqliteMetricStore.layer({ dataDir, ...(retention === undefined ? {} : { retention }) })
    )
  })

describe("retention", () => {
  it.scoped(
    "by age deletes what is older, now and every hour",
    inStore((store) =>
      Effect.gen(function*() {
        yield* fill(store, [5, 2, 0], 1_000)
        const running = yield* Effect.fork(enforceRetention())
        yield* Effect.repeatN(nextTurn, 100)
        assert.deepEqual(yield* daysLeft(store), [5, 2, 0])
        yield* TestClock.adjust("2 days")
        yield* Effect.repeatN(nextTurn, 100)
        assert.deepEqual(yield* daysLeft(store), [2, 0])
        yield* Fiber.interrupt(running)
      }), { age: "6 days" })
  )

  it.scoped(
    "by size deletes the oldest days until it fits, and the file gets smaller",
    inStore((store) =>
      Effect.gen(function*() {
        yield* fill(store, [6, 5, 4, 3, 2, 1, 0], 20_000)
        yield* Effect.repeatN(nextTurn, 200)
        const before = yield* store.stats
        yield* enforceOnce({ bytes: Math.round(before.usedBytes / 2) })
        const after = yield* store.stats
        const left = yield* daysLeft(store)
        assert.ok(left.length >= 2 && left.length <= 4, String(left))
        assert.deepEqual(left, [3, 2, 1, 0].slice(-left.length))
        assert.ok(after.usedBytes <= before.usedBytes / 2)
        assert.equal(after.points, left.length * 20_000)
      })
    )
  )

  it.scoped(
    "by size keeps the only day",
    inStore((store) =>
      Effect.gen(function*() {
        yield* fill(store, [0], 2_000)
        yield* enforceOnce({ bytes: 1 })
        assert.equal((yield* store.stats).points, 2_000)
      })
    )
  )
})

describe("what is too old of a series", () => {
  it.scoped("goes in slices between which others have their turn, and what is left is told all the while", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const layer = SqliteMetricStore.layer({ dataDir, flush: { chunkPoints: 1, maxAge: 0 } })
      const told = (store: typeof MetricStore.Service) =>
        Effect.map(store.series({}), (all) => all.map(({ first, last, points }) => [first, last, points]))
      const count = 5_000
      const time = Array.from({ length: count }, (_, i) => today - count * 60_000 + i * 60_000)
      yield* TestClock.setTime(today)
      yield* Effect.provide(
        Effect.gen(function*() {
          const store = yield* MetricStore
          yield* store.commitPlain({
            series: time.map(() => series),
            time,
            value: time,
            fields: time.map(() => undefined)
          })
          yield* Effect.repeatN(nextTurn, 20)
          const expiring = yield* Effect.fork(store.expire(time[count - 1]))
          const seen = new Set<number>()
          while ((yield* Fiber.poll(expiring))._tag === "None") {
            const [[first, last, points]] = yield* told(store)
            assert.deepEqual([first, last], [time[count - points], time[count - 1]])
            seen.add(points)
            yield* nextTurn
          }
          assert.equal(yield* Fiber.join(expiring), count - 1)
          assert.ok(seen.size > 4, `${seen.size} slices`)
        }),
        layer
      )
      assert.deepEqual(yield* Effect.provide(Effect.flatMap(MetricStore, told), layer), [[
        time[count - 1],
        time[count - 1],
        1
      ]])
    }))

  it.scoped("leaves the rollup of a day that stays as a whole", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const rollups = () => {
        const db = new Sqlite(path.join(dataDir, "store.db"), { readonly: true })
        const days = db.prepare("SELECT day * 86400000 FROM rollups ORDER BY day").pluck().all()
        db.close()
        return days.map((at) => (today - Number(at)) / day)
      }
      yield* TestClock.setTime(today)
      yield* Effect.provide(
        Effect.gen(function*() {
          const store = yield* MetricStore
          yield* fill(store, [4, 3, 2], 600)
          yield* fill(store, [0], 600)
          yield* Effect.repeatN(nextTurn, 50)
          assert.deepEqual(rollups(), [4, 3, 2])
          yield* store.expire(today - 3 * day)
          assert.deepEqual(rollups(), [3, 2])
          yield* store.expire(today - 3 * day + 1_000)
          assert.deepEqual(rollups(), [2])
        }),
        SqliteMetricStore.layer({ dataDir })
      )
    }))
})

describe("ages of metric types", () => {
  const ages = new RetentionAges({
    age: "30 days",
    types: [
      { metricType: "network_receive_*", age: "1 day" },
      { metricType: "network_*", age: "7 days" },
      { metricType: "a.b", age: "2 days" }
    ]
  })
  const days = (metricType: string) => -ages.before(metricType, 0) / day

  it("are those of the first rule that fits the whole name, else the age of all", () => {
    assert.equal(days("network_receive_bytes"), 1)
    assert.equal(days("network_transmit_bytes"), 7)
    assert.equal(days("my_network_errors"), 30)
    assert.equal(days("a.b"), 2)
    assert.equal(days("a_b"), 30)
    assert.equal(new RetentionAges({ types: [{ metricType: "x", age: "1 day" }] }).before("y", 0), -Infinity)
  })

  const options: RetentionOptions = { types: [{ metricType: "short", age: "2 days" }] }

  it.scoped("bound how long streams are known: nothing of a forgotten one could be stored twice", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(today)
      const dataDir = yield* temporaryDirectory
      const bounded = {
        retention: { age: "30 days", types: [{ metricType: "short", age: "2 days" }] },
        maxLosses: 2
      } as const
      for (const layer of [MemoryMetricStore.layerWith(bounded), SqliteMetricStore.layer({ dataDir, ...bounded })]) {
        const store = Context.get(yield* Layer.build(layer), MetricStore)
        const write = (stream: string) =>
          store.commit({
            stream,
            sender: "here",
            owner: "",
            acked: 0,
            first: 0,
            count: 1,
            points: points([]),
            offset: [],
            rejected: [[0, `of ${stream}`]]
          })
        const names = Effect.map(store.streams, (all) => all.map(({ stream }) => stream))
        for (const stream of ["a", "b", "c"]) yield* write(stream)
        yield* TestClock.adjust("10 days")
        yield* write("d")
        yield* store.expire()
        assert.deepEqual(yield* names, ["a", "b", "c", "d"])
        assert.deepEqual((yield* store.losses(10)).map(({ reason }) => reason), ["rejected: of d", "rejected: of c"])
        yield* TestClock.adjust("25 days")
        yield* store.expire()
        assert.deepEqual(yield* names, ["d"])
        assert.equal((yield* store.streams)[0].rejected, 1)
      }
    }))
  const stores: ReadonlyArray<readonly [string, Effect.Effect<Layer.Layer<MetricStore, unknown>, never, Scope.Scope>]> =
    [
      ["memory", Effect.succeed(MemoryMetricStore.layerWith({ retention: options }))],
      [
        "SQLite",
        Effect.map(temporaryDirectory, (dataDir) => SqliteMetricStore.layer({ dataDir, retention: options }))
      ]
    ]
  const points = (list: ReadonlyArray<readonly [metricType: string, daysAgo: number]>): Points => ({
    series: list.map(([metricType]) => makeSeries("test", metricType, {})),
    time: list.map(([, ago]) => today - ago * day),
    value: list.map((_, i) => i),
    fields: list.map(() => undefined)
  })
  const left = (store: typeof MetricStore.Service) =>
    Effect.map(
      store.series({}),
      (all) => Object.fromEntries(all.map(({ metricType, points }) => [metricType, points]))
    )

  for (const [name, layer] of stores) {
    it.scoped(`each go in their own time (${name})`, () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(today)
        const store = Context.get(yield* Layer.build(yield* layer), MetricStore)
        assert.deepEqual(
          yield* store.commitPlain(points([["short", 1], ["long", 1], ["short", 0.5], ["long", 100]])),
          []
        )
        assert.equal(yield* store.expire(), 0)
        yield* TestClock.adjust("30 hours")
        assert.equal(yield* store.expire(), 1)
        assert.deepEqual(yield* left(store), { short: 1, long: 2 })
        yield* TestClock.adjust("30 hours")
        assert.equal(yield* store.expire(), 1)
        assert.deepEqual(yield* left(store), { long: 2 })
      }))

    it.scoped(`late points are not stored, and written down as lost (${name})`, () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(today)
        const store = Context.get(yield* Layer.build(yield* layer), MetricStore)
        const writer = { stream: "s", sender: "here", owner: "", acked: 0 }
        const batch = {
          ...writer,
          first: 0,
          count: 6,
          points: points([["short", 3], ["long", 3], ["short", 1], ["short", 4], ["long", 0]]),
          offset: [0, 1, 3, 4, 5],
          rejected: [[2, "value: expected a finite number"] as const]
        }
        const answer = yield* store.commit(batch)
        assert.deepEqual(answer, { _tag: "Committed", next: 6, rejected: batch.rejected, stored: 3 })
        assert.deepEqual(yield* left(store), { short: 1, long: 2 })
        const late = (yield* store.losses(10)).filter(({ reason }) => reason === "beyond retention")
        assert.deepEqual(late.map(({ count, fromOffset, toOffset }) => [fromOffset, toOffset, count]), [[0, 5, 2]])
        const [stream] = yield* store.streams
        assert.equal(stream.next - stream.rejected - stream.lost - stream.declarations, 3)
        // Sent again, it is taken for what it is.
        assert.equal((yield* store.commit(batch))._tag, "Committed")
        assert.equal((yield* store.streams)[0].lost, 2)
        assert.deepEqual(yield* store.commitPlain(points([["long", 9], ["short", 9], ["short", 0]])), [1])
        assert.deepEqual(yield* left(store), { short: 2, long: 3 })
      }))
  }
})
