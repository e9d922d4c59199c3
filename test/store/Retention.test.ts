import { describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, TestClock } from "effect"
import * as assert from "node:assert/strict"
import { makeSeries } from "../../src/domain/Series.js"
import { MetricStore } from "../../src/store/MetricStore.js"
import { nextTurn } from "../../src/store/nextTurn.js"
import { enforceRetention, type Retention } from "../../src/store/Retention.js"
import { SqliteMetricStore } from "../../src/store/SqliteMetricStore.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

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

const inStore = <E>(body: (store: typeof MetricStore.Service) => Effect.Effect<void, E, MetricStore>) => () =>
  Effect.gen(function*() {
    const dataDir = yield* temporaryDirectory
    yield* TestClock.setTime(today + day / 2)
    yield* Effect.provide(Effect.flatMap(MetricStore, body), SqliteMetricStore.layer({ dataDir }))
  })

describe("retention", () => {
  it.scoped(
    "by age deletes what is older, now and every hour",
    inStore((store) =>
      Effect.gen(function*() {
        yield* fill(store, [9, 5, 2, 0], 1_000)
        const running = yield* Effect.fork(enforceRetention({ age: Duration.days(6) }))
        yield* Effect.repeatN(nextTurn, 100)
        assert.deepEqual(yield* daysLeft(store), [5, 2, 0])
        yield* TestClock.adjust("2 days")
        yield* Effect.repeatN(nextTurn, 100)
        assert.deepEqual(yield* daysLeft(store), [2, 0])
        yield* Fiber.interrupt(running)
      })
    )
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
