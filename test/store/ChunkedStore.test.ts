import { describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Cause, Effect, Exit, FastCheck, Fiber, Layer, Logger, TestClock } from "effect"
import * as assert from "node:assert/strict"
import * as path from "node:path"
import { nextTurn } from "../../src/domain/nextTurn.js"
import { makeSeries, type Points } from "../../src/domain/Series.js"
import { MetricStore } from "../../src/store/MetricStore.js"
import { QueryThread } from "../../src/store/query/QueryThread.js"
import { SqliteMetricStore, type SqliteMetricStoreOptions } from "../../src/store/SqliteMetricStore.js"
import { StoreFaults, type StoreStep } from "../../src/store/StoreFaults.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

const t0 = Date.UTC(2026, 0, 2)

const series = Array.from({ length: 5 }, (_, i) => makeSeries("test", "count", { host: `h${i}` }))

const pointsOf = (from: number, to: number, time = (n: number): number => t0 + n * 1000): Points => {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i)
  return {
    series: numbers.map((n) => series[n % series.length]),
    time: numbers.map(time),
    value: numbers,
    fields: numbers.map((n) => n % 7 === 0 ? { n } : undefined)
  }
}

type Store = typeof MetricStore.Service

const withStore = <A, E>(options: SqliteMetricStoreOptions, use: (store: Store) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(MetricStore, use), SqliteMetricStore.layer(options))

const everything = { from: 0, to: 2 * t0, limit: 1_000_000 }

const sortedValues = (store: Store) =>
  Effect.map(store.query(everything), (answer) => answer.series.flatMap(({ value }) => value).toSorted((a, b) => a - b))

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

const inspect = (dataDir: string, sql: string): ReadonlyArray<unknown> => {
  const db = new Sqlite(path.join(dataDir, "store.db"), { readonly: true })
  try {
    return db.prepare(sql).pluck().all()
  } finally {
    db.close()
  }
}

/** Lets the store's own fibers work until nothing changes any more. */
const settle = Effect.repeatN(nextTurn, 50)

const commitAll = (store: Store, count: number, size: number) =>
  Effect.gen(function*() {
    for (let from = 0; from < count; from += size) {
      yield* store.commitPlain(pointsOf(from, Math.min(count, from + size)))
    }
    yield* settle
  })

describe("points become chunks", () => {
  it.scoped("when a series has enough of them, and the log gets short", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withStore({ dataDir }, (store) =>
        Effect.gen(function*() {
          yield* commitAll(store, 5 * 256 * 3, 128)
          assert.deepEqual(inspect(dataDir, "SELECT count FROM chunks"), Array.from({ length: 15 }, () => 256))
          assert.equal((yield* store.stats).batches, 0)
          yield* store.commitPlain(pointsOf(0, 3))
          assert.equal((yield* store.stats).batches, 1)
        }))
    }))

  it.scoped("when they have waited long enough, and the small chunk grows by the next", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withStore({ dataDir }, (store) =>
        Effect.gen(function*() {
          yield* commitAll(store, 50, 10)
          assert.deepEqual(inspect(dataDir, "SELECT count FROM chunks"), [])
          yield* TestClock.adjust("15 minutes")
          yield* settle
          assert.deepEqual(inspect(dataDir, "SELECT count FROM chunks"), [10, 10, 10, 10, 10])
          assert.equal((yield* store.stats).batches, 0)
          yield* store.commitPlain(pointsOf(50, 55))
          yield* settle
          yield* TestClock.adjust("15 minutes")
          yield* settle
          assert.deepEqual(inspect(dataDir, "SELECT count FROM chunks"), [11, 11, 11, 11, 11])
          assert.deepEqual(yield* sortedValues(store), upTo(55))
        }))
      assert.deepEqual(yield* withStore({ dataDir }, sortedValues), upTo(55))
    }))

  it.scoped("when the log is too long, the oldest first", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withStore({ dataDir, flush: { logBytes: 2_000 } }, (store) =>
        Effect.gen(function*() {
          yield* commitAll(store, 1_000, 50)
          const [bytes] = inspect(dataDir, "SELECT sum(length(data)) FROM log")
          assert.ok(Number(bytes) <= 2_000, `${String(bytes)} bytes`)
          assert.deepEqual(yield* sortedValues(store), upTo(1_000))
        }))
    }))

  it.scoped("that never cross midnight", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withStore({ dataDir, flush: { chunkPoints: 16 } }, (store) =>
        Effect.gen(function*() {
          yield* store.commitPlain(pointsOf(0, 200, (n) => t0 + (n - 100) * 60_000 * 17))
          yield* settle
          const [crossing] = inspect(dataDir, "SELECT count(*) FROM chunks WHERE first / 86400000 <> last / 86400000")
          const [chunks] = inspect(dataDir, "SELECT count(*) FROM chunks")
          assert.equal(crossing, 0)
          assert.ok(Number(chunks) > 10)
          assert.deepEqual(yield* sortedValues(store), upTo(200))
        }))
    }))

  it.scoped("and a slow series does not keep the rows of quick ones for longer than it waits", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withStore({ dataDir, flush: { chunkPoints: 32 } }, (store) =>
        Effect.gen(function*() {
          const slow = makeSeries("test", "slow", {})
          yield* store.commitPlain({ series: [slow], time: [t0], value: [-1], fields: [undefined] })
          yield* commitAll(store, 5 * 32 * 4, 40)
          assert.equal((yield* store.stats).batches, 17)
          yield* TestClock.adjust("15 minutes")
          yield* settle
          assert.equal((yield* store.stats).batches, 0)
        }))
      assert.equal((yield* withStore({ dataDir }, (store) => store.stats)).points, 641)
    }))
})

describe("what is asked for after a restart", () => {
  it.scoped("is the same from the log, from chunks and from both", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const look = (store: Store) =>
        Effect.all({
          answer: store.query(everything),
          series: store.series({}),
          latest: store.latest({}),
          points: Effect.map(store.stats, ({ points }) => points)
        })
      yield* TestClock.setTime(t0 + 1_000_000)
      const before = yield* withStore({ dataDir, flush: { chunkPoints: 64 } }, (store) =>
        Effect.gen(function*() {
          yield* commitAll(store, 777, 50)
          // Ahead of the clock: no newest point yet.
          yield* store.commitPlain(pointsOf(777, 1_200, (n) => t0 + 10_000_000 + n))
          yield* settle
          yield* store.commitPlain(pointsOf(1_200, 1_220, (n) => t0 + 500_000 - n * 7))
          return yield* look(store)
        }))
      assert.ok(inspect(dataDir, "SELECT 1 FROM log").length > 0)
      const after = yield* withStore({ dataDir, flush: { chunkPoints: 64 } }, look)
      assert.deepEqual(after, before)
      const flushed = yield* withStore(
        { dataDir, flush: { maxAge: 0 } },
        (store) => Effect.zipRight(settle, look(store))
      )
      assert.deepEqual(flushed, before)
      assert.equal(inspect(dataDir, "SELECT 1 FROM log").length, 0)
      assert.deepEqual(yield* withStore({ dataDir }, look), before)
      yield* TestClock.setTime(t0 + 20_000_000)
      const later = yield* withStore({ dataDir }, (store) => store.latest({}))
      assert.deepEqual(later.map(({ value }) => value).toSorted((a, b) => a - b), [1195, 1196, 1197, 1198, 1199])
    }))

  it.scoped("goes on without a chunk that is damaged, and its neighbours stay", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withStore({ dataDir, flush: { chunkPoints: 10 } }, (store) => commitAll(store, 150, 50))
      const db = new Sqlite(path.join(dataDir, "store.db"))
      db.exec(
        "UPDATE chunks SET data = zeroblob(length(data)) WHERE id = 1; UPDATE fields SET data = x'00' WHERE chunk = 2"
      )
      const lost = new Set(db.prepare("SELECT series FROM chunks WHERE id IN (1, 2)").pluck().all())
      db.close()
      assert.equal(lost.size, 2)
      const values = yield* withStore({ dataDir, flush: { chunkPoints: 10 } }, sortedValues)
      assert.equal(values.length, 140)
      assert.equal(new Set(values).size, 140)
    }))
})

describe("rollups of days that ended while the store was closed", () => {
  it.scoped("are made after the next start, those of the day that goes on are not", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const day = 86_400_000
      const days = [-3, -2, -1, 0, 20_000, 20_002, 20_003]
      yield* TestClock.setTime(20_003 * day + 1_000_000)
      yield* withStore({ dataDir, flush: { chunkPoints: 4, maxAge: 0 } }, (store) =>
        Effect.zipRight(
          Effect.forEach(days, (own) => store.commitPlain(pointsOf(0, 40, (n) => own * day + n))),
          settle
        ))
      const rollups = () =>
        inspect(dataDir, "SELECT series || ' ' || day || ' ' || up_to || ' ' || hex(data) FROM rollups")
      const before = rollups()
      const db = new Sqlite(path.join(dataDir, "store.db"))
      db.exec("DELETE FROM rollups WHERE day <> 0; UPDATE rollups SET up_to = 1, data = x'00' WHERE day = 0")
      db.close()
      yield* withStore({ dataDir }, () => settle)
      assert.deepEqual(inspect(dataDir, "SELECT DISTINCT day FROM rollups ORDER BY day"), days.slice(0, -1))
      assert.ok(before.length >= 5 * (days.length - 1))
      for (const rollup of before) assert.ok(rollups().includes(rollup))
    }))

  it.scoped("are made of a series of many chunks, which is looked through in pieces", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const day = 86_400_000
      const days = Array.from({ length: 31 }, (_, i) => 20_000 + i)
      yield* TestClock.setTime(20_030 * day + 1_000_000)
      const options = { dataDir, flush: { chunkPoints: 1, maxAge: 0 } }
      const many = makeSeries("test", "many", {})
      const time = days.flatMap((own) => Array.from({ length: 400 }, (_, i) => own * day + i))
      const points = { series: time.map(() => many), time, value: time, fields: time.map(() => undefined) }
      yield* withStore(options, (store) => Effect.zipRight(store.commitPlain(points), settle))
      const db = new Sqlite(path.join(dataDir, "store.db"))
      db.exec("DELETE FROM rollups")
      db.close()
      yield* withStore(options, () => settle)
      assert.deepEqual(inspect(dataDir, "SELECT day FROM rollups ORDER BY day"), days.slice(0, -1))
    }))
})

describe("a query of many days", () => {
  it.scoped("lets others have their turn while it takes their rollups", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const day = 86_400_000
      const days = 200
      yield* TestClock.setTime(t0 + days * day)
      yield* withStore({ dataDir, flush: { chunkPoints: 2, maxAge: 0 } }, (store) =>
        Effect.gen(function*() {
          const time = Array.from({ length: days * 4 }, (_, i) => t0 + Math.floor(i / 4) * day + i)
          const fields = time.map(() => undefined)
          yield* store.commitPlain({ series: time.map(() => series[0]), time, value: time, fields })
          while (inspect(dataDir, "SELECT count(*) FROM rollups")[0] !== days - 1) yield* settle
          let turns = 0
          const counting = yield* Effect.fork(Effect.forever(Effect.zipRight(nextTurn, Effect.sync(() => turns++))))
          const answer = yield* store.query({ ...everything, to: 2 * t0, buckets: { step: day, aggregate: "count" } })
          yield* Fiber.interrupt(counting)
          assert.deepEqual(answer.series.map(({ value }) => value), [Array.from({ length: days }, () => 4)])
          assert.ok(turns >= 8, `${turns} turns`)
        })).pipe(Effect.provide(QueryThread.local))
    }))
})

describe("a chunk that was damaged before its day got a rollup", () => {
  it.scoped("is told of also by queries that read rollups, and its neighbours count", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const options = { dataDir, flush: { chunkPoints: 10 } }
      yield* TestClock.setTime(t0 + 10_000)
      yield* withStore(options, (store) => commitAll(store, 150, 50))
      const db = new Sqlite(path.join(dataDir, "store.db"))
      const [damaged] = db.prepare("SELECT id FROM chunks WHERE series = 1 ORDER BY id LIMIT 1 OFFSET 1").pluck().all()
      db.prepare("UPDATE chunks SET data = zeroblob(length(data)) WHERE id = ?").run(damaged)
      db.exec("DELETE FROM rollups")
      db.close()
      yield* TestClock.setTime(t0 + 3 * 86_400_000)
      const lines: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void lines.push(String(message)))
      )
      const counts = yield* withStore(options, (store) =>
        Effect.zipRight(
          settle,
          Effect.map(
            store.query({ ...everything, buckets: { step: 86_400_000, aggregate: "count" } }),
            ({ series }) => series.map(({ value }) => value)
          )
        )).pipe(Effect.provide(logger))
      assert.equal(inspect(dataDir, "SELECT count(*) FROM rollups")[0], 5)
      assert.deepEqual(counts, [[20], [30], [30], [30], [30]])
      assert.deepEqual(lines.filter((line) => line.includes(`chunk ${String(damaged)} cannot be read`)).length, 1)
    }))
})

class Stopped extends Error {}

const steps: ReadonlyArray<StoreStep> = ["append", "committed", "flush", "trim", "replay"]

/** A store that stops at the `count`th time that it reaches a step. */
const stoppingAt = (step: StoreStep, count: number): Layer.Layer<never> => {
  let reached = 0
  return Layer.succeed(StoreFaults, {
    reach: (at) => {
      if (at === step && ++reached === count) throw new Stopped()
    }
  })
}

describe("stopped at any step", () => {
  it.effect.prop(
    "keeps each acknowledged point once",
    [
      FastCheck.constantFrom(...steps.filter((step) => step !== "committed" && step !== "replay")),
      FastCheck.integer({ min: 1, max: 12 })
    ],
    ([step, count]) =>
      Effect.scoped(Effect.gen(function*() {
        const dataDir = yield* temporaryDirectory
        const options = { dataDir, flush: { chunkPoints: 8, logBytes: 1_500 } }
        const stream = { stream: "s", sender: "s", owner: "", acked: 0 }
        const send = (store: Store, first: number, size: number) =>
          store.commit({
            ...stream,
            first,
            count: size,
            offset: Array.from({ length: size }, (_, i) => first + i),
            points: pointsOf(first, first + size),
            rejected: []
          })
        const acknowledged = yield* withStore(options, (store) =>
          Effect.gen(function*() {
            let next = 0
            for (let i = 0; i < 20; i++) {
              const result = yield* Effect.exit(send(store, next, 30))
              if (Exit.isSuccess(result)) next = result.value.next
              else assert.ok(Cause.isFailType(result.cause))
            }
            yield* settle
            // What is shown is what is stored, also after the failure.
            assert.deepEqual(yield* sortedValues(store), upTo(next))
            assert.equal((yield* store.stats).points, next)
            return next
          })).pipe(Effect.provide(stoppingAt(step, count)))
        yield* withStore(options, (store) =>
          Effect.gen(function*() {
            const [{ next }] = yield* store.openStreams([stream], () => true)
            assert.equal(next, acknowledged)
            assert.deepEqual(yield* sortedValues(store), upTo(next))
            yield* send(store, next, 30)
            yield* settle
            assert.deepEqual(yield* sortedValues(store), upTo(next + 30))
          }))
      })),
    { fastCheck: { numRuns: 25 } }
  )
})
