import { Console, Context, Effect, Exit, Layer, Logger } from "effect"
import { execFile } from "node:child_process"
import { nextTurn } from "../../src/domain/nextTurn.js"
import { makeSeries, type Series } from "../../src/domain/Series.js"
import { MetricsServer } from "../../src/server/MetricsServer.js"
import { MetricStore } from "../../src/store/MetricStore.js"
import { QueryThread } from "../../src/store/query/QueryThread.js"
import { SqliteMetricStore, type SqliteMetricStoreOptions } from "../../src/store/SqliteMetricStore.js"

// One measurement in a process of its own, started with `--expose-gc`:
// `Child.js <phase> <data directory> <count>`. Prints what it measured as one line of JSON.

const START = 1_763_942_400_000
const MEBIBYTE = 2 ** 20

const cpu = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1e6
}

/** Bytes of objects and buffers that are in use. */
const state = (): number => {
  globalThis.gc?.()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const open = (dataDir: string, options: Partial<SqliteMetricStoreOptions> = {}) =>
  Effect.map(
    Layer.build(Layer.provide(
      SqliteMetricStore.layer({ dataDir, maxSeries: Number.MAX_SAFE_INTEGER, ...options }),
      QueryThread.worker(new URL("./ScanWorker.mjs", import.meta.url))
    )),
    Context.get(MetricStore)
  )

const seriesOf = (i: number): Series =>
  makeSeries("app", `type_${i % 200}`, { host: `host-${Math.floor(i / 5_000)}`, id: `item-${i}` })

const pointsOf = (series: ReadonlyArray<Series>, at: number) => ({
  series,
  time: series.map(() => at),
  value: series.map((_, i) => Math.round((i * 1.1 + at / 7) * 100) / 100),
  fields: series.map(() => undefined)
})

/** New series, each with one point. Making them does not count. */
const define = (dataDir: string, count: number) =>
  Effect.gen(function*() {
    const before = state()
    const store = yield* open(dataDir)
    let used = 0
    for (let from = 0; from < count; from += 1_000) {
      const own = Array.from({ length: Math.min(1_000, count - from) }, (_, i) => seriesOf(from + i))
      const points = pointsOf(own, START + from)
      const start = cpu()
      yield* store.commitPlain(points)
      used += cpu() - start
    }
    return { cpuPerMillion: (used * 1e6) / count, stateBytes: (state() - before) / count }
  })

const started = (dataDir: string) =>
  Effect.gen(function*() {
    const start = performance.now()
    const store = yield* open(dataDir)
    return { store, start: performance.now() - start }
  })

const start = (dataDir: string) =>
  Effect.gen(function*() {
    const { start, store } = yield* started(dataDir)
    const { bytes, points } = yield* store.stats
    return { start, mebibytes: bytes / MEBIBYTE, points }
  })

const client =
  "fetch(process.argv[1]).then((answer) => answer.arrayBuffer()).then((body) => console.log(body.byteLength))"

/** A request of another process. */
const get = (url: string): Effect.Effect<number, Error> =>
  Effect.async((resume) => {
    execFile(process.execPath, ["-e", client, url], (error, printed) => {
      resume(error === null ? Effect.succeed(Number(printed)) : Effect.fail(error))
    })
  })

/** Starts with these series, and answers lists of them, looking how long a turn of the event loop takes meanwhile. */
const list = (dataDir: string) =>
  Effect.gen(function*() {
    const { start, store } = yield* started(dataDir)
    const server = Context.get(
      yield* Layer.build(Layer.provide(MetricsServer.layer({ port: 0 }), Layer.succeed(MetricStore, store))),
      MetricsServer
    )
    let longest = 0
    let last = performance.now()
    yield* Effect.forkScoped(Effect.forever(Effect.flatMap(nextTurn, () =>
      Effect.sync(() => {
        const now = performance.now()
        longest = Math.max(longest, now - last)
        last = now
      }))))
    const ask = (path: string) =>
      Effect.gen(function*() {
        // Once without measuring.
        yield* get(`http://127.0.0.1:${server.port}${path}`)
        yield* nextTurn
        longest = 0
        const before = performance.now()
        const bytes = yield* get(`http://127.0.0.1:${server.port}${path}`)
        return { millis: performance.now() - before, longest, mebibytes: bytes / MEBIBYTE }
      })
    const series = yield* ask("/api/series")
    const latest = yield* ask("/api/latest")
    return { start, series, latest }
  })

/** Fills a file by batches of 5,000 points until it uses so many MiB. */
const fill = (dataDir: string, mebibytes: number, count: number, options: Partial<SqliteMetricStoreOptions>) =>
  Effect.gen(function*() {
    const store = yield* open(dataDir, options)
    const all = Array.from({ length: count }, (_, i) => seriesOf(i))
    for (let tick = 0, place = 0; (yield* store.stats).usedBytes < mebibytes * MEBIBYTE;) {
      yield* store.commitPlain(pointsOf(all.slice(place, place + 5_000), START + tick * 1_000))
      place += 5_000
      if (place < count) continue
      place = 0
      tick++
    }
    return {}
  })

const [, , phase, dataDir, count] = process.argv

const phases: { readonly [phase: string]: (dataDir: string) => Effect.Effect<object, unknown> } = {
  define: (dataDir) => Effect.scoped(define(dataDir, Number(count))),
  list: (dataDir) => Effect.scoped(list(dataDir)),
  start: (dataDir) => Effect.scoped(start(dataDir)),
  // Nothing leaves the log: no series is full, none is old.
  log: (dataDir) =>
    Effect.scoped(fill(dataDir, Number(count), 30_000, { flush: { chunkPoints: 1e9, maxAge: 1e12, logBytes: 1e12 } })),
  chunks: (dataDir) => Effect.scoped(fill(dataDir, Number(count), 5_000, {}))
}

const exit = await phases[phase](dataDir).pipe(
  Effect.flatMap((measured) => Console.log(JSON.stringify(measured))),
  Effect.provide(Logger.remove(Logger.defaultLogger)),
  Effect.runPromiseExit
)
if (Exit.isFailure(exit)) {
  process.stderr.write(`${phase}: ${exit.cause.toString()}\n`)
  process.exitCode = 1
}
