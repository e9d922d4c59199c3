import { describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import * as assert from "node:assert/strict"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { makeSeries, type Points } from "../../src/domain/Series.js"
import { MetricStore, type StreamBatch } from "../../src/store/MetricStore.js"
import { SqliteMetricStore } from "../../src/store/SqliteMetricStore.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

const t0 = 1_700_000_000_000

const series = [makeSeries("test", "count", { host: "a" }), makeSeries("test", "count", { host: "b" })]

const pointsOf = (from: number, to: number): Points => {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i)
  return {
    series: numbers.map((n) => series[n % 2]),
    time: numbers.map((n) => t0 + n * 1000),
    value: numbers,
    fields: numbers.map((n) => n % 5 === 0 ? { n } : undefined)
  }
}

const batch = (from: number, to: number): StreamBatch => ({
  stream: "stream",
  sender: "sender",
  owner: "",
  acked: 0,
  first: from,
  count: to - from,
  points: pointsOf(from, to),
  offset: Array.from({ length: to - from }, (_, i) => from + i),
  rejected: []
})

type Store = typeof MetricStore.Service

/** Opens the store, uses it and closes it. */
const withStore = <A, E>(dataDir: string, use: (store: Store) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(MetricStore, use), SqliteMetricStore.layer({ dataDir }))

const everything = { from: 0, to: 2 * t0, limit: 1_000_000 }

const sortedValues = (store: Store) =>
  Effect.map(store.query(everything), (answer) => answer.series.flatMap(({ value }) => value).toSorted((a, b) => a - b))

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

const openError = (dataDir: string) => Effect.flip(Effect.scoped(Layer.build(SqliteMetricStore.layer({ dataDir }))))

describe("what survives", () => {
  it.scoped("everything that was answered is there after the store was closed and opened", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const look = (store: Store) =>
        Effect.all({
          answer: store.query(everything),
          series: store.series({}),
          latest: store.latest({}),
          losses: store.losses(10),
          streams: store.streams,
          stats: Effect.map(store.stats, ({ batches, points, series }) => ({ batches, points, series })),
          opened: Effect.map(
            store.openStreams([batch(0, 0)], () => true),
            ([{ next, rejected }]) => ({ next, rejected })
          ),
          id: Effect.succeed(store.id)
        })
      const before = yield* withStore(dataDir, (store) =>
        Effect.gen(function*() {
          yield* store.commit(batch(0, 20))
          yield* store.commit({ ...batch(20, 30), count: 11, rejected: [[30, "no"]] })
          yield* store.commitPlain(pointsOf(31, 33))
          yield* store.skip(batch(0, 0), 31, 40, "drop-oldest")
          return yield* look(store)
        }))
      const after = yield* withStore(dataDir, look)
      assert.deepEqual(after, before)
      assert.deepEqual(before.opened, { next: 40, rejected: [[30, "no"]] })
    }))

  it.scoped("a replay over a restart is stored once", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withStore(dataDir, (store) => store.commit(batch(0, 20)))
      yield* withStore(dataDir, (store) => store.commit(batch(0, 20)))
      yield* withStore(dataDir, (store) => store.commit(batch(10, 30)))
      assert.deepEqual(yield* withStore(dataDir, sortedValues), upTo(30))
    }))

  it.scoped("writes that wait when the store is closed are carried out, later ones are refused", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const scope = yield* Scope.make()
      const store = Context.get(yield* Layer.buildWithScope(SqliteMetricStore.layer({ dataDir }), scope), MetricStore)
      const [result] = yield* Effect.all([store.commit(batch(0, 5)), Scope.close(scope, Exit.void)], {
        concurrency: "unbounded"
      })
      assert.equal(result.next, 5)
      const errors = [
        yield* Effect.flip(store.commit(batch(5, 6))),
        yield* Effect.flip(store.query(everything)),
        yield* Effect.flip(store.stats)
      ]
      for (const error of errors) assert.ok("reason" in error && error.reason === "Closed")
      assert.deepEqual(yield* withStore(dataDir, sortedValues), upTo(5))
    }))

  it.scoped(
    "a killed process loses nothing that was acknowledged, and stores nothing twice",
    () =>
      Effect.gen(function*() {
        const dataDir = yield* temporaryDirectory
        const viteNode = fileURLToPath(new URL("../../node_modules/vite-node/vite-node.mjs", import.meta.url))
        const child = fileURLToPath(new URL("IngestChild.ts", import.meta.url))
        for (let round = 1; round <= 3; round++) {
          const acknowledged = yield* Effect.promise(() =>
            new Promise<number>((resolve, reject) => {
              const running = spawn(process.execPath, [viteNode, child, dataDir, "child-stream"], {
                stdio: ["ignore", "pipe", "inherit"]
              })
              let printed = ""
              running.stdout.on("data", (data) => {
                printed += String(data)
                if (printed.split("\n").length > 40 * round) running.kill("SIGKILL")
              })
              running.on("error", reject)
              running.on("close", () => {
                const lines = printed.split("\n")
                resolve(Number(lines[lines.length - 2]))
              })
            })
          )
          yield* withStore(dataDir, (store) =>
            Effect.gen(function*() {
              const [{ next }] = yield* store.openStreams([{ ...batch(0, 0), stream: "child-stream" }], () => true)
              assert.ok(acknowledged > 0 && next >= acknowledged, `${acknowledged} acknowledged, ${next} kept`)
              assert.deepEqual(yield* sortedValues(store), upTo(next))
            }))
        }
        const db = new Sqlite(path.join(dataDir, "store.db"), { readonly: true })
        assert.equal(db.pragma("integrity_check", { simple: true }), "ok")
        db.close()
      })
  )
})

/** Lets a second row of the log end the whole transaction, as some errors of a disk do. */
const refuseRows = (dataDir: string, refuse: boolean): void => {
  const db = new Sqlite(path.join(dataDir, "store.db"))
  db.exec(
    refuse
      ? `CREATE TRIGGER refuse BEFORE INSERT ON log WHEN (SELECT count(*) FROM log) >= 2
        BEGIN SELECT RAISE(ROLLBACK, 'no more'); END`
      : "DROP TRIGGER refuse"
  )
  db.close()
}

describe("when something is wrong", () => {
  it.scoped("a transaction that fails as a whole takes nothing and shows nothing; later ones work", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withStore(dataDir, (store) =>
        Effect.gen(function*() {
          yield* store.commit(batch(0, 10))
          refuseRows(dataDir, true)
          const other = makeSeries("test", "new", {})
          const fresh: Points = { series: [other], time: [t0], value: [1], fields: [undefined] }
          // The first would fit, and the last writes no row, but they share the transaction.
          const results = yield* Effect.all(
            [
              Effect.exit(store.commitPlain(fresh)),
              Effect.exit(store.commit(batch(10, 20))),
              Effect.exit(store.skip(batch(0, 0), 10, 12, "lost"))
            ],
            { concurrency: "unbounded" }
          )
          assert.ok(Exit.isFailure(results[0]) && Exit.isFailure(results[1]))
          assert.deepEqual(yield* sortedValues(store), upTo(10))
          assert.deepEqual((yield* store.series({})).map(({ points }) => points), [5, 5])
          assert.equal((yield* store.losses(10)).length, Exit.isFailure(results[2]) ? 0 : 1)
          refuseRows(dataDir, false)
          yield* store.commitPlain(fresh)
          assert.equal((yield* store.series({ metricType: "new" }))[0].points, 1)
        }))
    }))

  it.scoped("a full disk is said, and the store goes on when there is room", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withStore(dataDir, (store) => store.commit(batch(0, 10)))
      yield* Effect.provide(
        Effect.gen(function*() {
          const store = yield* MetricStore
          let next = 10
          let error: unknown
          for (let i = 0; i < 2000 && error === undefined; i++) {
            const result = yield* Effect.either(store.commit(batch(next, next + 500)))
            if (result._tag === "Left") error = result.left
            else next = result.right.next
          }
          assert.ok(next > 10, "the first batches found room")
          assert.ok(typeof error === "object" && error !== null && "reason" in error && error.reason === "Full")
          assert.deepEqual(yield* sortedValues(store), upTo(next))
          assert.equal((yield* store.stats).points, next)
          // Room is made by deleting what is old.
          assert.equal(yield* store.expire(t0 + 10_000_000_000), next)
          assert.equal((yield* store.commit(batch(next, next + 500))).next, next + 500)
          assert.equal((yield* sortedValues(store)).length, 500)
        }),
        SqliteMetricStore.layer({ dataDir, maxBytes: 262_144 })
      )
    }))

  it.scoped("a row that is damaged is left out, its neighbours stay", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withStore(dataDir, (store) =>
        Effect.gen(function*() {
          yield* store.commit(batch(0, 10))
          yield* store.commit(batch(10, 20))
          yield* store.commit(batch(20, 30))
        }))
      const db = new Sqlite(path.join(dataDir, "store.db"))
      db.exec("UPDATE log SET data = zeroblob(length(data)) WHERE seq = 2")
      db.close()
      yield* withStore(dataDir, (store) =>
        Effect.gen(function*() {
          assert.deepEqual(yield* sortedValues(store), [...upTo(10), ...upTo(30).slice(20)])
          assert.equal((yield* store.commit(batch(30, 40))).next, 40)
        }))
    }))

  it.scoped("one process at a time works with a store", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const error = yield* withStore(dataDir, () => openError(dataDir))
      assert.equal(error._tag, "SqliteFileError")
      assert.equal(error.reason, "Locked")
      yield* withStore(dataDir, (store) => store.stats)
    }))
})
