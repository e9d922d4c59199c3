import { describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Effect, Layer, Logger, TestClock } from "effect"
import * as assert from "node:assert/strict"
import * as path from "node:path"
import { nextTurn } from "../../../src/domain/nextTurn.js"
import { makeSeries, type Points } from "../../../src/domain/Series.js"
import { storeError } from "../../../src/store/log/GroupCommit.js"
import { MetricStore } from "../../../src/store/MetricStore.js"
import { SqliteMetricStore } from "../../../src/store/SqliteMetricStore.js"
import { temporaryDirectory } from "../TemporaryDirectory.js"

const series = makeSeries("test", "count", {})

const point = (value: number): Points => ({
  series: [series],
  time: [1_700_000_000_000 + value],
  value: [value],
  fields: [undefined]
})

/** Collects what a store logs. */
const collect = (lines: Array<string>) =>
  Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ logLevel, message }) => {
      lines.push(`${logLevel._tag} ${String(message)}`)
    })
  )

const settle = Effect.repeatN(nextTurn, 20)

describe("a file that cannot be written", () => {
  it.scoped("is said once a minute with what to do, tried meanwhile, and used again by itself", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const lines: Array<string> = []
      yield* Effect.gen(function*() {
        const store = yield* MetricStore
        yield* store.commitPlain(point(0))
        yield* store.ready
        const other = yield* Effect.acquireRelease(
          Effect.sync(() => new Sqlite(path.join(dataDir, "store.db"))),
          (db) => Effect.sync(() => db.close())
        )
        other.exec("BEGIN IMMEDIATE")
        for (let i = 1; i <= 3; i++) {
          const error = yield* Effect.flip(store.commitPlain(point(i)))
          assert.equal(error.reason, "Unavailable")
          assert.equal((yield* Effect.flip(store.ready)).reason, "Unavailable")
        }
        yield* settle
        assert.equal(lines.length, 1)
        assert.match(lines[0], /^Error the store cannot be written.*store\.db/)
        // Nobody writes: the store tries by itself, and does not say so each time.
        yield* TestClock.adjust("30 seconds")
        yield* settle
        assert.equal(lines.length, 1)
        yield* TestClock.adjust("35 seconds")
        yield* settle
        assert.equal(lines.length, 2)
        assert.match(lines[1], /^Error the store cannot be written/)
        other.exec("ROLLBACK")
        yield* TestClock.adjust("5 seconds")
        yield* settle
        assert.equal(lines.length, 3)
        assert.match(lines[2], /^Info the store can be written again, after 1m 10s/)
        yield* store.ready
        yield* store.commitPlain(point(9))
        const { series: [own] } = yield* store.query({ from: 0, to: 2e12, limit: 100 })
        assert.deepEqual(own.value, [0, 9])
      }).pipe(Effect.provide(Layer.provideMerge(SqliteMetricStore.layer({ dataDir }), collect(lines))))
    }))
})

describe("what SQLite threw", () => {
  const cases = [
    ["SQLITE_FULL", "Full"],
    ["SQLITE_IOERR_WRITE", "Unavailable"],
    ["SQLITE_IOERR_FSYNC", "Unavailable"],
    ["SQLITE_IOERR", "Unavailable"],
    ["SQLITE_READONLY", "Unavailable"],
    ["SQLITE_READONLY_DBMOVED", "Unavailable"],
    ["SQLITE_CANTOPEN", "Unavailable"],
    ["SQLITE_BUSY_SNAPSHOT", "Unavailable"],
    ["SQLITE_NOMEM", "Unavailable"],
    ["SQLITE_CORRUPT_VTAB", "Corrupt"],
    ["SQLITE_IOERR_READ", "Failed"],
    ["SQLITE_CONSTRAINT_UNIQUE", "Failed"],
    ["SQLITE_ERROR", "Failed"]
  ] as const
  for (const [code, reason] of cases) {
    it(`${code} is ${reason}`, () => {
      assert.equal(storeError(new Sqlite.SqliteError("why", code)).reason, reason)
    })
  }
})
