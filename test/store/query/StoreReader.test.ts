import { describe, it } from "@effect/vitest"
import { Context, Effect, FastCheck, Layer, type Scope } from "effect"
import * as assert from "node:assert/strict"
import { nextTurn } from "../../../src/domain/nextTurn.js"
import { makeSeries } from "../../../src/domain/Series.js"
import { MetricStore, type StoreQuery } from "../../../src/store/MetricStore.js"
import { makeLocalRunner } from "../../../src/store/query/LocalRunner.js"
import { type OpenRunner, QueryThread } from "../../../src/store/query/QueryThread.js"
import { makeWorkerRunner } from "../../../src/store/query/WorkerRunner.js"
import { SqliteMetricStore } from "../../../src/store/SqliteMetricStore.js"
import { temporaryDirectory } from "../TemporaryDirectory.js"
import { scanWorker } from "./scanWorker.js"

type Store = typeof MetricStore.Service

const hosts = ["a", "b", "c"].map((host) => makeSeries("test", "m", { host }))

const everything: StoreQuery = { metricType: "m", from: 0, to: 1_000_000, limit: 10_000 }

/** A full chunk of a series is written at once. */
const chunkPoints = 4

interface Interrupted {
  readonly store: Store
  /** Asks for everything, and has something happen when the head was looked at and before the snapshot is opened. */
  readonly askAround: (between: Effect.Effect<void, unknown>) => Effect.Effect<ReadonlyArray<number>, unknown>
}

const interrupted = (open: OpenRunner["open"], maxSeries = 100): Effect.Effect<Interrupted, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    let between: Effect.Effect<void, unknown> = Effect.void
    const thread = Layer.succeed(QueryThread, {
      open: (path) =>
        Effect.map(open(path), (runner) => ({
          ...runner,
          scan: (request) => Effect.zipRight(Effect.orDie(between), runner.scan(request))
        }))
    })
    const dataDir = yield* temporaryDirectory
    const layer = SqliteMetricStore.layer({ dataDir, flush: { chunkPoints }, maxQuerySeries: maxSeries })
    const store = Context.get(yield* Layer.build(Layer.provide(layer, thread)), MetricStore)
    return {
      store,
      askAround: (event) => {
        between = event
        return Effect.map(store.query(everything), ({ series }) => series.flatMap(({ value }) => value))
      }
    }
  })

/** Lets the store write what is full. */
const settle = Effect.repeatN(nextTurn, 10)

const threads: ReadonlyArray<readonly [name: string, open: OpenRunner["open"]]> = [
  ["the program's own thread", makeLocalRunner],
  ["a thread of its own", (path) => makeWorkerRunner(path, scanWorker)]
]

describe.each(threads)("a query that reads in %s", (_, open) => {
  /** Commits of points, whose values count up over all, by which of the series each belongs to. */
  const commits = FastCheck.array(
    FastCheck.array(FastCheck.integer({ min: 0, max: hosts.length - 1 }), { minLength: 1, maxLength: 7 }),
    { maxLength: 5 }
  )

  it.effect.prop(
    "finds each point once whatever becomes a chunk between its look at the head and its snapshot",
    [commits, commits],
    ([before, between]) =>
      Effect.scoped(Effect.gen(function*() {
        const { askAround, store } = yield* interrupted(open)
        let count = 0
        const commitAll = (list: typeof before) =>
          Effect.forEach(list, (places) => {
            const numbers = places.map(() => count++)
            return Effect.zipRight(
              store.commitPlain({
                series: places.map((place) => hosts[place]),
                time: numbers,
                value: numbers,
                fields: numbers.map((n) => n % 3 === 0 ? { n } : undefined)
              }),
              settle
            )
          }, { discard: true })
        yield* commitAll(before)
        const asked = count
        const found = yield* askAround(commitAll(between))
        assert.equal(new Set(found).size, found.length)
        assert.deepEqual(
          found.filter((value) => value < asked).toSorted((a, b) => a - b),
          Array.from(Array(asked).keys())
        )
        assert.ok(found.every((value) => value < count))
      })),
    { fastCheck: { numRuns: 25 } }
  )

  it.scoped("finds the points of a head that became a chunk meanwhile, and not those that came later to the new head", () =>
    Effect.gen(function*() {
      const { askAround, store } = yield* interrupted(open)
      const commit = (...values: ReadonlyArray<number>) =>
        Effect.zipRight(
          store.commitPlain({
            series: values.map(() => hosts[0]),
            time: values,
            value: values,
            fields: values.map(() => undefined)
          }),
          settle
        )
      yield* commit(1, 2, 3)
      // The fourth fills the chunk: all four stand in the snapshot, and none in the head.
      assert.deepEqual(yield* askAround(Effect.zipRight(commit(4), commit(5))), [1, 2, 3, 4])
      assert.deepEqual(yield* askAround(commit(6)), [1, 2, 3, 4, 5])
      assert.deepEqual(yield* askAround(Effect.void), [1, 2, 3, 4, 5, 6])
    }))

  it.scoped("finds nothing of a series that expired as a whole meanwhile", () =>
    Effect.gen(function*() {
      const { askAround, store } = yield* interrupted(open)
      yield* store.commitPlain({
        series: [hosts[0], hosts[0], hosts[1]],
        time: [1, 2, 500],
        value: [1, 2, 500],
        fields: [undefined, undefined, undefined]
      })
      assert.deepEqual(yield* askAround(Effect.asVoid(store.expire(100))), [500])
    }))

  it.scoped("refuses to read more series than it may, and says what to change", () =>
    Effect.gen(function*() {
      const { askAround, store } = yield* interrupted(open, 2)
      const commit = (count: number) =>
        store.commitPlain({
          series: hosts.slice(0, count),
          time: [1, 2, 3].slice(0, count),
          value: [1, 2, 3].slice(0, count),
          fields: hosts.slice(0, count).map(() => undefined)
        })
      yield* commit(2)
      assert.deepEqual(yield* askAround(Effect.void), [1, 2])
      yield* commit(3)
      const error = yield* Effect.flip(store.query(everything))
      assert.equal(error._tag, "QueryError")
      assert.match(error.message, /3 series.*may read 2.*origin/)
      assert.equal((yield* store.query({ ...everything, tags: { host: "c" } })).series.length, 1)
    }))
})
