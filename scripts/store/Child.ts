import { Console, Effect, Exit, Logger, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { preferMainThread } from "../../src/cli/preferMainThread.js"
import { BenchData, type Dataset, datasets, endOf, START } from "./BenchData.js"
import { openChunks } from "./ChunkContender.js"
import type { Answer, Contender } from "./Contender.js"
import { floor } from "./Floor.js"
import { lateness } from "./Pace.js"
import { openRows } from "./RowContender.js"

// One measurement in a process of its own: `Child.js <phase> <store> <dataset> <points> <data directory> <turns>`.
// Prints what it measured as one line of JSON. Phases with commas between them have a process each, one after another.

const DAY = 86_400_000
const HOUR = 3_600_000

const cpu = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

const megabytes = (bytes: number): number => bytes / 2 ** 20

const quantile = (sorted: ReadonlyArray<number>, q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]

const ascending = (values: Iterable<number>): Array<number> => Array.from(values).sort((a, b) => a - b)

/**
 * Most memory of the process so far, sampled: what the system calls the most
 * would begin with that of the process that started this one.
 */
class PeakMemory {
  private most = 0

  sample(): number {
    this.most = Math.max(this.most, megabytes(process.memoryUsage.rss()))
    return this.most
  }
}

/** Median ms of a query after one that warms up, and its answer. */
const timed = (query: Effect.Effect<Answer, unknown>, runs: number, memory: PeakMemory) =>
  Effect.gen(function*() {
    let answer = yield* query
    const took: Array<number> = []
    for (let i = 0; i < runs; i++) {
      const before = performance.now()
      answer = yield* query
      memory.sample()
      took.push(performance.now() - before)
    }
    return { millis: quantile(ascending(took), 0.5), answer }
  })

/** Everything of a dataset, as fast as it goes. Making the points does not count. */
const insert = (contender: Contender, data: BenchData) =>
  Effect.gen(function*() {
    const memory = new PeakMemory()
    const rssBefore = memory.sample()
    let idleCpu = 0
    let idle = 0
    const latency: Array<number> = []
    const startCpu = cpu()
    const start = performance.now()
    while (true) {
      const makingCpu = cpu()
      const making = performance.now()
      const points = data.batch()
      const made = performance.now()
      idleCpu += cpu() - makingCpu
      idle += made - making
      if (points === undefined) break
      memory.sample()
      yield* contender.commit(points)
      latency.push(performance.now() - made)
    }
    const millions = data.dataset.points / 1e6
    const sorted = ascending(latency)
    return {
      cpuPerMillion: (cpu() - startCpu - idleCpu) / 1000 / millions,
      pointsPerSecond: data.dataset.points / ((performance.now() - start - idle) / 1000),
      commitP50: quantile(sorted, 0.5),
      commitP99: quantile(sorted, 0.99),
      rssBefore,
      rssPeak: memory.sample()
    }
  })

const read = (contender: Contender, data: BenchData, end: number, turns: number) =>
  Effect.gen(function*() {
    const from = Math.max(START, end - DAY)
    const middle = START + Math.floor((end - START) / 2)
    const memory = new PeakMemory()
    const last = yield* timed(contender.latest, 50, memory)
    const raw = yield* timed(contender.raw(middle, middle + HOUR), 50, memory)
    const one = yield* timed(contender.minutes("series", from, end), 20, memory)
    const many = yield* timed(contender.minutes("group", from, end), 5, memory)
    data.skip()
    const late = yield* lateness(contender.commit, data, contender.minutesText(from, end), turns)
    const beforeExpire = performance.now()
    const expired = yield* contender.expire(START + Math.floor((end - START) / 4))
    return {
      last: last.millis,
      raw: raw.millis,
      one: one.millis,
      many: many.millis,
      ...late,
      expire: performance.now() - beforeExpire,
      rssRead: memory.sample(),
      answers: [last.answer, raw.answer, one.answer, many.answer, { count: expired, sum: 0 }]
    }
  })

const sizeOf = (dataDir: string): number =>
  fs.readdirSync(dataDir).reduce((bytes, name) => bytes + fs.statSync(path.join(dataDir, name)).size, 0)

const measure = (
  phase: string,
  open: (settling: boolean) => Effect.Effect<Contender, unknown, Scope.Scope>,
  dataset: Dataset,
  dataDir: string,
  turns: number
) =>
  Effect.gen(function*() {
    // As the command does.
    yield* preferMainThread
    if (phase === "floor") return yield* floor(dataDir, new BenchData(dataset), turns)
    const settling = phase === "settle"
    const before = performance.now()
    const contender = yield* open(settling)
    const start = performance.now() - before
    if (phase === "insert") return yield* insert(contender, new BenchData(dataset))
    if (phase === "read") return { start, ...yield* read(contender, new BenchData(dataset), endOf(dataset), turns) }
    const settlingCpu = cpu()
    yield* contender.settle
    return { startWithLog: start, settleCpuPerMillion: (cpu() - settlingCpu) / 1000 / (dataset.points / 1e6) }
  }).pipe(
    Effect.scoped,
    // Closed: what was in the write-ahead log stands in the file.
    Effect.map((measured) => ({ ...measured, bytesPerPoint: sizeOf(dataDir) / dataset.points }))
  )

const [, script, phases, store, name, points, dataDir, turns] = process.argv
const dataset = datasets(Number(points)).find((one) => one.name === name)
if (dataset === undefined) throw new Error(`no dataset ${name}`)

const open = (settling: boolean) => store === "rows" ? openRows(dataDir) : openChunks(dataDir, settling)

const [phase, ...others] = phases.split(",")
if (others.length > 0) {
  for (const one of [phase, ...others]) {
    execFileSync(process.execPath, [...process.execArgv, script, one, store, name, points, dataDir, turns], {
      stdio: "inherit"
    })
  }
} else {
  const exit = await measure(phase, open, dataset, dataDir, Number(turns)).pipe(
    Effect.flatMap((measured) => Console.log(JSON.stringify(measured))),
    Effect.provide(Logger.remove(Logger.defaultLogger)),
    Effect.runPromiseExit
  )
  if (Exit.isFailure(exit)) {
    process.stderr.write(`${phase} ${store}: ${exit.cause.toString()}\n`)
    process.exitCode = 1
  }
}
