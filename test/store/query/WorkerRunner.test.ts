import { describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, Layer, Logger, Scope, TestClock } from "effect"
import * as assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { makeSeries } from "../../../src/domain/Series.js"
import { MetricStore, type QueryError, type StoreError, type StoreQuery } from "../../../src/store/MetricStore.js"
import { QueryThread } from "../../../src/store/query/QueryThread.js"
import { SqliteMetricStore } from "../../../src/store/SqliteMetricStore.js"
import { temporaryDirectory } from "../TemporaryDirectory.js"
import { scanWorker } from "./scanWorker.js"

const series = makeSeries("test", "m", { host: "a" })

const everything: StoreQuery = { metricType: "m", from: 0, to: 1_000_000, limit: 1_000 }

interface Watched {
  readonly store: typeof MetricStore.Service
  /** What the thread was told so far, by the types of the messages. */
  readonly told: () => ReadonlyArray<string>
  /** Makes the thread do something else from its next start on. */
  readonly behave: (as: "well" | "badly") => void
  readonly logged: ReadonlyArray<string>
}

/** A store with three points, whose thread writes down what it is told, and does `badly` when it shall. */
const watched = (
  badly: string,
  queryTimeout: Duration.DurationInput = "30 seconds"
): Effect.Effect<Watched, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const dataDir = yield* temporaryDirectory
    const notes = path.join(dataDir, "told")
    const mark = path.join(dataDir, "badly")
    fs.writeFileSync(notes, "")
    const script = path.join(dataDir, "Worker.mjs")
    fs.writeFileSync(
      script,
      `import { parentPort } from "node:worker_threads"
import * as fs from "node:fs"
if (fs.existsSync(${JSON.stringify(mark)})) { ${badly} }
else await import(${JSON.stringify(scanWorker.href)})
parentPort.on("message", ({ type }) => {
  fs.appendFileSync(${JSON.stringify(notes)}, type + "\\n")
  if (type === "close") parentPort.close()
})
`
    )
    const logged: Array<string> = []
    const layer = SqliteMetricStore.layer({ dataDir, queryTimeout }).pipe(
      Layer.provide(QueryThread.worker(pathToFileURL(script))),
      Layer.provide(Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void logged.push(String(message)))
      ))
    )
    const store = Context.get(yield* Layer.build(layer), MetricStore)
    yield* store.commitPlain({
      series: [series, series, series],
      time: [1, 2, 3],
      value: [1, 2, 3],
      fields: [undefined, { ply: 7 }, undefined]
    })
    return {
      store,
      told: () => fs.readFileSync(notes, "utf8").split("\n").slice(0, -1),
      behave: (as) => as === "badly" ? fs.writeFileSync(mark, "") : fs.rmSync(mark, { force: true }),
      logged
    }
  })

const values = (store: typeof MetricStore.Service): Effect.Effect<ReadonlyArray<number>, StoreError | QueryError> =>
  Effect.map(store.query(everything), (answer) => answer.series.flatMap(({ value }) => value))

const niceOfThread = `
import * as fs from "node:fs"
import * as os from "node:os"
import { workerData } from "node:worker_threads"
const thread = Number(fs.readlinkSync("/proc/thread-self").split("/").at(-1))
const before = os.getPriority(thread)
await import(${JSON.stringify(scanWorker.href)})
fs.writeFileSync(workerData + ".nice", JSON.stringify([before, os.getPriority(thread), os.getPriority(process.pid)]))
`

/** Waits in the time of the machine for what another thread does. */
const eventually = (what: () => boolean): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const end = Date.now() + 90_000
    const look = setInterval(() => {
      if (!what() && Date.now() < end) return
      clearInterval(look)
      resume(what() ? Effect.void : Effect.dieMessage("did not come"))
    }, 5)
  })

const failure = <A, E>(exit: Exit.Exit<A, E>): E => {
  if (Exit.isSuccess(exit) || exit.cause._tag !== "Fail") throw new Error(`did not fail: ${JSON.stringify(exit)}`)
  return exit.cause.error
}

describe("a thread that reads for queries", () => {
  it.scopedLive.runIf(process.platform === "linux")(
    "reads at a lower priority than what stores",
    () =>
      Effect.gen(function*() {
        const dataDir = yield* temporaryDirectory
        const script = path.join(dataDir, "Worker.mjs")
        fs.writeFileSync(script, niceOfThread)
        const layer = Layer.provide(
          SqliteMetricStore.layer({ dataDir }),
          QueryThread.worker(pathToFileURL(script))
        )
        const before = os.getPriority(process.pid)
        const store = Context.get(yield* Layer.build(layer), MetricStore)
        yield* store.query(everything)
        const nice = path.join(dataDir, "store.db.nice")
        assert.deepEqual(JSON.parse(fs.readFileSync(nice, "utf8")), [before, Math.min(19, before + 10), before])
      })
  )

  it.scoped("dies: its query fails, that is logged once, and the next query gets another", () =>
    Effect.gen(function*() {
      const own = yield* watched(`parentPort.on("message", ({ type }) => { if (type === "scan") process.exit(7) })`)
      own.behave("badly")
      const error = failure(yield* Effect.exit(values(own.store)))
      assert.equal(error._tag, "StoreError")
      assert.equal(error.reason, "Unavailable")
      assert.match(error.message, /exit code 7/)
      own.behave("well")
      assert.deepEqual(yield* values(own.store), [1, 2, 3])
      assert.equal(own.logged.length, 1)
      assert.match(own.logged[0], /exit code 7/)
    }))

  it.scoped("cannot be started: the query fails and says why", () =>
    Effect.gen(function*() {
      const own = yield* watched("throw new Error('no program of mine')")
      own.behave("badly")
      assert.match(failure(yield* Effect.exit(values(own.store))).message, /no program of mine/)
    }))

  it.scoped("hangs: the query ends at its deadline, and the next one gets another thread", () =>
    Effect.gen(function*() {
      const own = yield* watched("", "20 seconds")
      own.behave("badly")
      const asked = yield* Effect.fork(values(own.store))
      yield* eventually(() => own.told().includes("scan"))
      yield* TestClock.adjust("20 seconds")
      const error = failure(yield* Fiber.await(asked))
      assert.equal(error._tag, "QueryError")
      assert.equal(error.reason, "TooLong")
      assert.match(error.message, /20s.*step/)
      own.behave("well")
      yield* eventually(() => own.told().includes("end"))
      yield* TestClock.adjust("5 seconds")
      yield* eventually(() => own.logged.some((line) => line.includes("it hung")))
      assert.deepEqual(yield* values(own.store), [1, 2, 3])
    }))

  it.scoped("is told to stop when nobody wants the answer any more", () =>
    Effect.gen(function*() {
      const own = yield* watched("")
      own.behave("badly")
      const asked = yield* Effect.fork(values(own.store))
      yield* eventually(() => own.told().includes("scan"))
      yield* Fiber.interrupt(asked)
      yield* eventually(() => own.told().includes("end"))
    }))

  it.scoped("is ended with the store: who waits for it is told that the store is closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const own = yield* Scope.extend(watched(""), scope)
      own.behave("badly")
      const asked = yield* Effect.fork(values(own.store))
      yield* eventually(() => own.told().includes("scan"))
      yield* Scope.close(scope, Exit.void)
      const error = failure(yield* Fiber.await(asked))
      assert.deepEqual([error._tag, error.reason], ["StoreError", "Closed"])
      assert.deepEqual(own.logged, [])
    }))

  it.scoped("judges the patterns of users", () =>
    Effect.gen(function*() {
      const own = yield* watched("")
      const where = (
        pattern: string
      ) => ({ ...everything, where: [{ _tag: "Matches", key: "host", pattern }] } as const)
      assert.equal((yield* own.store.query(where("a|b"))).series.length, 1)
      assert.equal((yield* own.store.query(where("b+"))).series.length, 0)
      assert.ok(own.told().includes("judge"))
    }))

  it.scoped("writes into memory that was given back, and into no other", () =>
    Effect.gen(function*() {
      const own = yield* watched("")
      const many = Array.from({ length: 40_000 }, (_, i) => i)
      yield* own.store.commitPlain({
        series: many.map(() => series),
        time: many.map((i) => 1_000 + i),
        value: many.map((i) => i / 3),
        fields: many.map(() => undefined)
      })
      const ask = own.store.queryText({ ...everything, limit: 100_000, fields: false })
      const textOf = (pieces: ReadonlyArray<Uint8Array>): string => Buffer.concat(pieces).toString("utf8")
      const kept = yield* ask
      const text = textOf(kept.pieces)
      assert.ok(kept.pieces.length > 2)
      assert.match(text, /\[40999,13333\]\]\}\],"truncated":false\}$/)
      for (let i = 0; i < 5; i++) {
        const lent = yield* ask
        const [first] = lent.pieces
        assert.equal(textOf(lent.pieces), text)
        lent.giveBack()
        lent.giveBack()
        assert.deepEqual([lent.pieces.length, first.length], [0, 0])
      }
      assert.equal(textOf(kept.pieces), text)
      const spent = () => own.told().filter((type) => type === "spent").length
      // What the thread is told last it may not have written down yet.
      yield* eventually(() => spent() >= 5)
      assert.equal(spent(), 5)
    }))

  it.scoped(
    "reads no point twice and misses none that leaves the head for a chunk meanwhile",
    () =>
      Effect.gen(function*() {
        const dataDir = yield* temporaryDirectory
        const layer = SqliteMetricStore.layer({
          dataDir,
          flush: { chunkPoints: 2, maxAge: 0, logBytes: 0 },
          queryTimeout: Duration.infinity
        })
        const store = Context.get(
          yield* Layer.build(Layer.provide(layer, QueryThread.worker(scanWorker))),
          MetricStore
        )
        for (let i = 0; i < 300; i++) {
          const asked = yield* Effect.fork(store.query({ ...everything, limit: 10_000 }))
          yield* store.commitPlain({ series: [series], time: [i], value: [i], fields: [undefined] })
          const found = (yield* Fiber.join(asked)).series.flatMap(({ value }) => value)
          // All that was committed before it was asked, perhaps the one of this turn, and each once.
          assert.ok(found.length === i || found.length === i + 1, `${found.length} points of ${i}`)
          assert.deepEqual(found, found.map((_, at) => at))
        }
      })
  )
})
