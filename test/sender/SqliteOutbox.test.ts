import { assert, describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Effect, Exit, Fiber, Layer, Logger, type Scope, TestClock } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as readline from "node:readline"
import { fileURLToPath } from "node:url"
import { SeriesDictionary } from "../../src/sender/batch/SeriesDictionary.js"
import { type NewBatch, Outbox, type OutboxError } from "../../src/sender/Outbox.js"
import type { DiskSpace } from "../../src/sender/outbox/DiskReserve.js"
import { OUTBOX_APPLICATION_ID, outboxMigrations } from "../../src/sender/outbox/OutboxSchema.js"
import { makeSqliteOutbox, OUTBOX_FILE, SqliteOutbox, type SqliteOutboxOptions } from "../../src/sender/SqliteOutbox.js"
import { SqliteFile } from "../../src/sqlite/SqliteFile.js"
import { fileBytes } from "../../src/sqlite/SqliteSpace.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { allEntries, shapeOf, suiteBatch } from "../../src/testing/OutboxSuite.js"
import { interruptedAt } from "./interruptedAt.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

type OutboxService = typeof Outbox.Service

/** One life of an outbox in a folder. */
const opened = <A, E>(
  options: SqliteOutboxOptions,
  body: (outbox: OutboxService, ledger: LossLedger) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E | OutboxError> =>
  Effect.gen(function*() {
    return yield* body(yield* Outbox, yield* LossLedger)
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(SqliteOutbox.layer(options), LossLedger.Default))
  )

const append = (outbox: OutboxService, batch: NewBatch) => outbox.append([batch], () => {})

const reasonsOf = (ledger: LossLedger) =>
  Effect.map(ledger.losses, (losses) => losses.map(({ count, reason }) => [reason, count]))

const viteNode = fileURLToPath(new URL("../../node_modules/vite-node/vite-node.mjs", import.meta.url))

const edit = (dataDir: string, work: (db: Sqlite.Database) => void): Effect.Effect<void> =>
  Effect.sync(() => {
    const db = new Sqlite(path.join(dataDir, OUTBOX_FILE))
    work(db)
    db.close()
  })

describe("SqliteOutbox", () => {
  it.scoped("opened again it delivers what older streams left, before its own, and keeps its name", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const first = yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          for (const n of [0, 10, 20]) yield* append(outbox, suiteBatch(dictionary, n, n + 10))
          yield* outbox.acknowledge(outbox.stream, 10, [[4, "no"]])
          return { sender: outbox.sender, stream: outbox.stream }
        }))
      const second = yield* opened({ dataDir }, (outbox, ledger) =>
        Effect.gen(function*() {
          assert.strictEqual(outbox.sender, first.sender)
          assert.notStrictEqual(outbox.stream, first.stream)
          yield* append(outbox, suiteBatch(new SeriesDictionary(), 30, 35))
          assert.deepStrictEqual(yield* outbox.streams, [
            { stream: first.stream, acked: 10, next: 30 },
            { stream: outbox.stream, acked: 0, next: 5 }
          ])
          assert.strictEqual((yield* outbox.stats).metrics, 25)
          assert.strictEqual((yield* outbox.stats).batches, 3)
          assert.deepStrictEqual((yield* outbox.deadLetters).map(({ offset }) => offset), [4])
          assert.deepStrictEqual((yield* allEntries(outbox, first.stream)).map(shapeOf), [[10, 20], [20, 30]])
          assert.strictEqual((yield* outbox.definitions(first.stream, [0, 1])).length, 2)
          assert.deepStrictEqual(yield* reasonsOf(ledger), [])
          yield* outbox.acknowledge(first.stream, 30, [])
          assert.deepStrictEqual(yield* outbox.streams, [{ stream: outbox.stream, acked: 0, next: 5 }])
          return outbox.stream
        }))
      yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          assert.deepStrictEqual((yield* outbox.streams).map(({ stream }) => stream), [second, outbox.stream])
        }))
    }))

  it.scoped("what it dropped or declared is declared after the next opening too", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const stream = yield* opened({ dataDir, maxBytes: 1_000, overflow: "drop-oldest" }, (outbox) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          for (const n of [0, 10, 20, 30]) {
            yield* append(outbox, suiteBatch(dictionary, n, n + 10))
          }
          return outbox.stream
        }))
      yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          assert.deepStrictEqual((yield* allEntries(outbox, stream)).map(shapeOf), [[0, 20, "drop-oldest"], [20, 30], [
            30,
            40
          ]])
          assert.strictEqual((yield* outbox.stats).metrics, 20)
        }))
    }))

  it.scoped("a row that is not what was written costs only its own points", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const stream = yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          for (const n of [0, 10, 20]) yield* append(outbox, suiteBatch(dictionary, n, n + 10))
          return outbox.stream
        }))
      yield* edit(
        dataDir,
        (db) => db.exec("UPDATE batches SET columns = replace(columns, '12', '13') WHERE first = 10")
      )
      const whole = ["outbox-damaged", 10]
      yield* opened({ dataDir }, (outbox, ledger) =>
        Effect.gen(function*() {
          const shapes = (yield* allEntries(outbox, stream)).map(shapeOf)
          assert.deepStrictEqual(shapes, [[0, 10], [10, 20, "outbox-damaged"], [20, 30]])
          assert.deepStrictEqual(yield* reasonsOf(ledger), [whole])
          assert.deepStrictEqual(yield* outbox.acknowledge(stream, 30, []), { acknowledged: 20, rejected: 0 })
          const { batches, bytes } = yield* outbox.stats
          assert.deepStrictEqual([batches, bytes], [0, 0])
        }))
    }))

  it.scoped("a row that is gone costs only its own points", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const stream = yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          for (const n of [0, 10, 20]) yield* append(outbox, suiteBatch(dictionary, n, n + 10))
          return outbox.stream
        }))
      yield* edit(dataDir, (db) => db.exec("DELETE FROM batches WHERE first = 0"))
      yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          const shapes = (yield* allEntries(outbox, stream)).map(shapeOf)
          assert.deepStrictEqual(shapes, [[0, 10, "outbox-damaged"], [10, 20], [20, 30]])
        }))
    }))

  it.scoped("a series whose definition is gone is sent with an empty one, for the server to refuse", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          const batch = suiteBatch(new SeriesDictionary(), 0, 2)
          yield* append(outbox, batch)
          assert.deepStrictEqual(yield* outbox.definitions(outbox.stream, [0, 77, 1]), [
            batch.define[0][1],
            "{\"id\":77}",
            batch.define[1][1]
          ])
        }))
    }))

  it.scoped("a damaged file is set aside, and a loss of unknown count written down", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* opened({ dataDir }, (outbox) => append(outbox, suiteBatch(new SeriesDictionary(), 0, 1_000)))
      const file = path.join(dataDir, OUTBOX_FILE)
      const bytes = fs.readFileSync(file)
      bytes.fill(0xa5, 4_096, 20_000)
      fs.writeFileSync(file, bytes)
      yield* opened({ dataDir }, (outbox, ledger) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* reasonsOf(ledger), [["outbox-damaged", "unknown"]])
          assert.strictEqual((yield* outbox.stats).metrics, 0)
          yield* append(outbox, suiteBatch(new SeriesDictionary(), 0, 1))
          assert.ok(fs.readdirSync(dataDir).some((name) => name.startsWith(`${OUTBOX_FILE}.damaged-`)))
        }))
    }))

  it.scoped("a second process is refused with advice, as long as the first lives", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const refused = yield* opened({ dataDir }, () => Effect.flip(opened({ dataDir }, () => Effect.void)))
      assert.strictEqual(refused.reason, "Locked")
      assert.match(refused.message, /in use by another process/)
      yield* opened({ dataDir }, () => Effect.void)
    }))

  it.scoped("a file that is no outbox is refused and left as it is", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* edit(dataDir, (db) => db.exec("CREATE TABLE other (x)"))
      const before = fs.readFileSync(path.join(dataDir, OUTBOX_FILE))
      const error = yield* Effect.flip(opened({ dataDir }, () => Effect.void))
      assert.match(error.message, /database of another program/)
      assert.deepStrictEqual(fs.readFileSync(path.join(dataDir, OUTBOX_FILE)), before)
    }))

  it.scoped("on a full disk callers wait, acknowledgements free room, and all goes on by itself", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const file = yield* SqliteFile.openDatabase({
        path: path.join(dataDir, OUTBOX_FILE),
        applicationId: OUTBOX_APPLICATION_ID,
        migrations: outboxMigrations,
        onDamaged: "fail"
      })
      const outbox = yield* makeSqliteOutbox(file.path, file.db, {})
      const dictionary = new SeriesDictionary()
      let accepted = 0
      const appending = Effect.gen(function*() {
        while (accepted < 40_000) {
          const batch = suiteBatch(dictionary, accepted, accepted + 1_000)
          yield* outbox.append([batch], () => {
            accepted += 1_000
          })
        }
      })
      file.db.pragma(`max_page_count = ${Number(file.db.pragma("page_count", { simple: true })) + 100}`)
      const fiber = yield* Effect.fork(appending)
      yield* TestClock.adjust("5 seconds")
      const whenFull = accepted
      assert.isBelow(whenFull, 40_000)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(accepted, whenFull)
      yield* outbox.acknowledge(outbox.stream, 2_000, [])
      yield* TestClock.adjust("5 seconds")
      assert.isAbove(accepted, whenFull)
      file.db.pragma("max_page_count = 1000000")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(accepted, 40_000)
      assert.strictEqual((yield* outbox.stats).metrics, 38_000)
      assert.strictEqual((yield* allEntries(outbox, outbox.stream)).length, 38)
    }).pipe(Effect.provide(Layer.merge(LossLedger.Default, PipelineStatus.Default))))

  /** An outbox on a disk of `total` bytes of which so many are free as `free` says, given the bytes of its files. */
  const onDisk = (overflow: "block" | "drop-oldest", total: number, free: (bytes: number) => number) =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const file = yield* SqliteFile.openDatabase({
        path: path.join(dataDir, OUTBOX_FILE),
        applicationId: OUTBOX_APPLICATION_ID,
        migrations: outboxMigrations,
        onDamaged: "fail"
      })
      const space = (): DiskSpace => {
        const bytes = fileBytes(file.path)
        return { free: free(bytes.file + bytes.wal), total }
      }
      return { outbox: yield* makeSqliteOutbox(file.path, file.db, { overflow }, [], space), space }
    })

  const nearlyFullDisk = (overflow: "block" | "drop-oldest") =>
    Effect.gen(function*() {
      const total = 16 * 1_048_576
      const { outbox, space } = yield* onDisk(overflow, total, (bytes) => total - bytes)
      const free = () => space().free
      const first = suiteBatch(new SeriesDictionary(), 0, 1_000)
      const batches = Array.from({ length: 5 }, () => ({ ...first, define: [] }))
      yield* append(outbox, first)
      let accepted = first.count
      const most = 1_000_000
      const appending = Effect.gen(function*() {
        while (accepted < most) {
          yield* outbox.append(batches, () => {
            accepted += 5 * first.count
          })
        }
      })
      return { appending, free, most, outbox, accepted: () => accepted }
    })

  it.scoped("the last of a disk is kept for acknowledgements: they make room where the outbox itself filled it", () => {
    const logs: Array<string> = []
    return Effect.gen(function*() {
      const { accepted, appending, free, most, outbox } = yield* nearlyFullDisk("block")
      const fiber = yield* Effect.fork(appending)
      yield* TestClock.adjust("5 seconds")
      const whenFull = accepted()
      assert.isBelow(whenFull, most)
      assert.isAtLeast(free(), 1_048_576)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(accepted(), whenFull)
      assert.deepStrictEqual(logs.filter((text) => text.includes("nearly full")).length, 1)
      let acked = 0
      while (accepted() < most) {
        acked += 50_000
        assert.isAtMost(acked, accepted())
        yield* outbox.acknowledge(outbox.stream, acked, [])
        yield* TestClock.adjust("1 second")
      }
      yield* Fiber.join(fiber)
      assert.isAtLeast(free(), 0)
      assert.strictEqual((yield* outbox.stats).metrics, accepted() - acked)
    }).pipe(
      Effect.provide(Layer.mergeAll(
        LossLedger.Default,
        PipelineStatus.Default,
        Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => logs.push(String(message))))
      ))
    )
  })

  it.scoped("an outbox that drops its oldest does so too where its disk is nearly full", () =>
    Effect.gen(function*() {
      const { accepted, appending, free, outbox } = yield* nearlyFullDisk("drop-oldest")
      yield* appending
      assert.isAtLeast(free(), 0)
      const ledger = yield* LossLedger
      const [dropped] = yield* ledger.losses
      assert.strictEqual(dropped.reason, "outbox-overflow")
      assert.strictEqual((yield* outbox.stats).metrics, accepted() - Number(dropped.count))
    }).pipe(
      Effect.provide(
        Layer.mergeAll(LossLedger.Default, PipelineStatus.Default, Logger.remove(Logger.defaultLogger))
      )
    ))

  it.scoped("an outbox that others left no disk drops no more than makes it small beside them", () =>
    Effect.gen(function*() {
      const total = 16 * 1_048_576
      const { outbox } = yield* onDisk("drop-oldest", total, () => 0)
      const first = suiteBatch(new SeriesDictionary(), 0, 1_000)
      yield* append(outbox, first)
      const held: Array<number> = []
      for (let i = 0; i < 100; i++) {
        yield* append(outbox, { ...first, define: [] })
        held.push((yield* outbox.stats).bytes)
      }
      // A quarter of what is kept for acknowledgements, which is a quarter of the disk.
      const small = total / 16
      const grown = held.slice(held.findIndex((bytes) => bytes > small))
      assert.isAbove(grown.length, 50)
      assert.isAtLeast(Math.min(...grown), small - 200_000)
      assert.isAtMost(Math.max(...grown), small + 200_000)
    }).pipe(
      Effect.provide(
        Layer.mergeAll(LossLedger.Default, PipelineStatus.Default, Logger.remove(Logger.defaultLogger))
      )
    ))

  it.scoped("interrupted at any step, what was dropped for want of disk is written down", () =>
    Effect.gen(function*() {
      let interrupted = 0
      let complete = 0
      for (let step = 1; step <= 120; step++) {
        yield* Effect.gen(function*() {
          const db = new Sqlite(":memory:")
          for (const sql of outboxMigrations) db.exec(sql)
          const space = () => ({ free: 0, total: 1_048_576 })
          const outbox = yield* makeSqliteOutbox("outbox.db", db, { overflow: "drop-oldest" }, [], space)
          const first = suiteBatch(new SeriesDictionary(), 0, 1_000)
          const more = { ...first, define: [] }
          yield* outbox.append([first, more, more], () => {})
          let accepted = 3_000
          const appending = outbox.append([more], () => {
            accepted += 1_000
          })
          if (yield* interruptedAt(step, appending)) interrupted++
          else complete++
          const dropped = (yield* (yield* LossLedger).losses).reduce((sum, { count }) => sum + Number(count), 0)
          assert.strictEqual((yield* outbox.stats).metrics, accepted - dropped, `up to step ${step}`)
          assert.strictEqual((yield* PipelineStatus).sender.dropped, dropped)
        }).pipe(
          Effect.scoped,
          Effect.provide(
            Layer.mergeAll(LossLedger.Default, PipelineStatus.Default, Logger.remove(Logger.defaultLogger))
          )
        )
      }
      assert.isAbove(interrupted, 5)
      assert.isAbove(complete, 5)
    }))

  it.scoped("keeps losses over a restart, and delivers them at their place in their own stream", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const loss = { source: "dice", reason: "missed-tick", count: 17, from: 1_000, to: 2_000, detail: "slow" } as const
      const stream = yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          yield* append(outbox, suiteBatch(new SeriesDictionary(), 0, 10))
          yield* outbox.declare([loss, { ...loss, count: "unknown" }], () => {})
          yield* outbox.acknowledge(outbox.stream, 11, [])
          return outbox.stream
        }))
      yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          const entries = yield* allEntries(outbox, stream)
          assert.deepStrictEqual(entries.map((entry) => entry._tag === "Skip" ? entry.range : undefined), [
            { stream, from: 11, to: 12, reason: "missed-tick", loss: { ...loss, count: "unknown" } }
          ])
          const { losses, metrics } = yield* outbox.stats
          assert.deepStrictEqual({ losses, metrics }, { losses: 1, metrics: 0 })
          yield* outbox.acknowledge(stream, 12, [])
          assert.strictEqual((yield* outbox.stats).losses, 0)
        }))
      yield* opened(
        { dataDir },
        (outbox) =>
          Effect.map(outbox.streams, (streams) => assert.deepStrictEqual(streams.map(({ next }) => next), [0]))
      )
    }))

  it.scoped("each unclean end is a loss of its own, dated from the first loss that was not written down", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const crashed = edit(dataDir, (db) => db.exec("INSERT OR REPLACE INTO meta VALUES ('opened', '0')"))
      yield* TestClock.adjust("1 minute")
      yield* opened({ dataDir }, (outbox, ledger) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 minute")
          yield* ledger.record({ source: "dice", reason: "missed-tick", count: 1, from: 90_000 })
          yield* TestClock.adjust("1 minute")
          yield* append(outbox, suiteBatch(new SeriesDictionary(), 0, 10))
        }))
      yield* crashed
      yield* TestClock.adjust("1 minute")
      const endsOf = (outbox: OutboxService) =>
        Effect.gen(function*() {
          const found: Array<unknown> = []
          for (const { stream } of yield* outbox.streams) {
            for (const entry of yield* allEntries(outbox, stream)) {
              if (entry._tag !== "Skip" || entry.range.loss === undefined) continue
              const { count, from, reason, to } = entry.range.loss
              found.push([reason, count, from, to])
            }
          }
          return found
        })
      const first = ["unclean-end", "unknown", 90_000, 240_000]
      yield* opened(
        { dataDir },
        (outbox) => Effect.map(endsOf(outbox), (ends) => assert.deepStrictEqual(ends, [first]))
      )
      yield* crashed
      yield* TestClock.adjust("1 minute")
      yield* opened({ dataDir }, (outbox, ledger) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* endsOf(outbox), [first, ["unclean-end", "unknown", 240_000, 300_000]])
          // It stands in the outbox already, and is not told a second time.
          assert.strictEqual(yield* ledger.pendingSince, Infinity)
        }))
    }))

  it.scopedLive("a process killed while it appends: everything it accepted is there, and that alone", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const child = yield* Effect.acquireRelease(
        Effect.sync((): ChildProcess =>
          spawn(process.execPath, [viteNode, path.join(import.meta.dirname, "appendForever.ts"), dataDir], {
            stdio: ["ignore", "pipe", "inherit"]
          })
        ),
        (one) => Effect.sync(() => one.kill("SIGKILL"))
      )
      // Its lock goes with it, not with the last that it says.
      const said = yield* Effect.async<string>((resume) => {
        let lines = 0
        let last = ""
        if (child.stdout === null) return
        readline.createInterface({ input: child.stdout }).on("line", (line) => {
          last = line
          if (++lines === 50) child.kill("SIGKILL")
        })
        child.on("close", () => resume(Effect.succeed(last)))
      })
      const [stream, count] = said.split(" ")
      // The process may have been killed after a commit, before it could say so.
      const told = Number(count)
      assert.isAtLeast(told, 5_000)
      yield* opened({ dataDir }, (outbox, ledger) =>
        Effect.gen(function*() {
          const left = (yield* outbox.streams).find((one) => one.stream === stream)
          const next = left?.next ?? 0
          assert.isTrue(next === told || next === told + 100, `${next} points, told ${told}`)
          const entries = yield* allEntries(outbox, stream)
          assert.deepStrictEqual(
            entries.map(shapeOf),
            Array.from({ length: next / 100 }, (_, i) => [i * 100, i * 100 + 100])
          )
          const columns = entries.map((entry) => entry._tag === "Batch" ? entry.batch.columns : "")
          const dictionary = new SeriesDictionary()
          assert.deepStrictEqual(
            columns,
            columns.map((_, i) => suiteBatch(dictionary, i * 100, i * 100 + 100).columns)
          )
          const losses = yield* ledger.losses
          assert.deepStrictEqual(losses.map(({ count, reason }) => [reason, count]), [["unclean-end", "unknown"]])
          assert.isAtMost(losses[0].from, losses[0].to)
        }))
      const closed = yield* Effect.exit(opened({ dataDir }, (_, ledger) => reasonsOf(ledger)))
      assert.deepStrictEqual(closed, Exit.succeed([]))
    }))
})
