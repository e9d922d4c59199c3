/**
 * What watching this host costs: `npx vite-node scripts/bench-probe.ts [--seconds 30] [--probe proc]`.
 *
 * Says how long one pass of the /proc probe takes, metrics included, beside a
 * plain reading of the same files in the same run; and how much processor time
 * the generator alone takes at one sample a second, and whether it started
 * processes.
 */
import { Clock, Duration, Effect, Stream } from "effect"
import * as fs from "node:fs"
import { parseArgs } from "node:util"
import { SystemTags } from "../src/domain/SystemTags.js"
import { ProcProbe } from "../src/generators/system/ProcProbe.js"
import { SystemMetricsGenerator } from "../src/generators/SystemMetricsGenerator.js"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "30" },
    probe: { type: "string", default: "proc" }
  }
})
const seconds = Number(values.seconds)
if (!(seconds >= 2)) throw new Error("--seconds: expected a number of at least 2")
const { probe } = values
if (probe !== "proc" && probe !== "systeminformation") {
  throw new Error("--probe: expected proc or systeminformation")
}

const batches = 300
const passesInBatch = 20

/** The files of a pass, as the probe reads them each time. */
const files = [
  "stat",
  "meminfo",
  "loadavg",
  "uptime",
  "sys/fs/file-nr",
  "diskstats",
  "self/net/dev",
  "pressure/cpu",
  "pressure/memory",
  "pressure/io",
  "pressure/irq"
].map((file) => `/proc/${file}`).filter((file) => {
  try {
    fs.readFileSync(file)
    return true
  } catch {
    return false
  }
})

/** Reads the files the plainest way; gives their length, so that nothing can be optimised away. */
const readPlainly = (): number => {
  let length = 0
  for (const file of files) length += fs.readFileSync(file, "utf8").length
  return length
}

/** A clock on which every pass is a second after the one before, so that each computes all rates. */
const makeQuickClock = Effect.map(Effect.clock, (live) => {
  let seconds = 0
  const clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => 1_700_000_000_000 + seconds * 1000,
    unsafeCurrentTimeNanos: () => BigInt(seconds) * 1_000_000_000n,
    currentTimeMillis: Effect.sync(() => 1_700_000_000_000 + seconds * 1000),
    currentTimeNanos: Effect.sync(() => BigInt(seconds) * 1_000_000_000n),
    // What is read in the background keeps up with the passes; who waits for an answer waits as ever.
    sleep: (duration) =>
      live.sleep(Duration.greaterThan(duration, "1 second") ? Duration.times(duration, 1 / 2500) : duration)
  }
  return {
    clock,
    tick: () => {
      seconds++
    },
    live
  }
})

const median = (sorted: ReadonlyArray<number>): number => sorted[Math.floor(sorted.length / 2)]

const measurePasses = Effect.gen(function*() {
  const { clock, live, tick } = yield* makeQuickClock
  yield* Effect.gen(function*() {
    const { sample } = yield* ProcProbe.make()
    const tags = new SystemTags("bench")
    const pass = Effect.map(sample, (metrics) => metrics.toGenericMetrics(tags).length)
    const probed: Array<number> = []
    const plain: Array<number> = []
    let metrics = 0
    let characters = 0
    for (let batch = 0; batch < batches; batch++) {
      const start = process.hrtime.bigint()
      for (let i = 0; i < passesInBatch; i++) {
        tick()
        metrics = yield* pass
      }
      const between = process.hrtime.bigint()
      for (let i = 0; i < passesInBatch; i++) characters = readPlainly()
      const end = process.hrtime.bigint()
      probed.push(Number(between - start) / 1000 / passesInBatch)
      plain.push(Number(end - between) / 1000 / passesInBatch)
      yield* live.sleep(Duration.millis(2))
    }
    // The first half warms the compiler up.
    const [probeMicros, plainMicros] = [probed, plain].map((times) =>
      median(times.slice(batches / 2).sort((a, b) => a - b))
    )
    console.log(`a pass of the probe:      ${probeMicros.toFixed(0)} µs, ${metrics} metrics`)
    console.log(
      `readFileSync of its files: ${plainMicros.toFixed(0)} µs, ${files.length} files, ${characters} characters`
    )
    console.log(`ratio:                    ${(probeMicros / plainMicros).toFixed(2)}`)
  }).pipe(Effect.scoped, Effect.withClock(clock))
})

/**
 * What children that have ended left in /proc/self/stat: processor time in
 * seconds, and page faults, of which every process has some.
 */
const ofChildren = () => {
  const text = fs.readFileSync("/proc/self/stat", "utf8")
  // Columns are counted from the one after the name, which may hold blanks.
  const columns = text.slice(text.lastIndexOf(")") + 2).split(" ")
  return { seconds: (Number(columns[13]) + Number(columns[14])) / 100, faults: Number(columns[8]) }
}

const measureRun = Effect.gen(function*() {
  const { generateMetrics } = yield* SystemMetricsGenerator
  // Building the layers and the first samples are not what goes on for months.
  const warmUp = 3
  let ticks = 0
  let metrics = 0
  let from = process.cpuUsage()
  let before = ofChildren()
  yield* generateMetrics.pipe(
    Stream.chunks,
    Stream.take(seconds + warmUp),
    Stream.runForEach((chunk) =>
      Effect.sync(() => {
        metrics = chunk.length
        if (++ticks !== warmUp) return
        before = ofChildren()
        from = process.cpuUsage()
      })
    )
  )
  const { system, user } = process.cpuUsage(from)
  const children = ofChildren()
  const in120 = (cpuSeconds: number) => (cpuSeconds * 120 / seconds).toFixed(3)
  console.log(`the generator (${probe}) at 1 s for ${seconds} s: ${metrics} metrics a tick`)
  console.log(`  CPU-s in 120 s:         ${in120((system + user) / 1e6)}`)
  console.log(
    children.faults === before.faults
      ? "  no process was started"
      : `  processes were started: ${in120(children.seconds - before.seconds)} CPU-s in 120 s of theirs`
  )
  console.log(`  resident memory:        ${Math.round(process.memoryUsage.rss() / 1e6)} MB`)
}).pipe(Effect.provide(SystemMetricsGenerator.layer({ probe })))

const idle = Effect.gen(function*() {
  const from = process.cpuUsage()
  yield* Effect.sleep(Duration.seconds(Math.min(seconds, 10)))
  const { system, user } = process.cpuUsage(from)
  console.log(
    `this process doing nothing: ${((system + user) / 1e6 * 120 / Math.min(seconds, 10)).toFixed(3)} CPU-s in 120 s`
  )
})

await Effect.runPromise(
  Effect.scoped(
    probe === "proc"
      ? Effect.zipRight(measurePasses, Effect.zipRight(idle, measureRun))
      : Effect.zipRight(idle, measureRun)
  )
)
