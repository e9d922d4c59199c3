import { Array as Arr, Effect } from "effect"
import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { transitionNames } from "../src/sender/delivery/DeliveryState.js"
import { describeFault, type Fault, simulate, type SimulationReport } from "../src/testing/simulation/Simulation.js"

// Runs the simulation for many seeds, or one of them with all that happens:
//
//   npm run simulate -- --seeds 100000 [--from 1] [--jobs 2]
//   npm run simulate -- --seed 17 --trace
//
// A seed that fails is run again with ever fewer faults, and what is left is
// printed. Ends with 1 when one failed or a transition of delivery was not seen.

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: String(availableParallelism()) },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    child: { type: "boolean", default: false }
  }
})

interface Seen {
  readonly seeds: number
  readonly failed: ReadonlyArray<number>
  readonly accepted: number
  readonly stored: number
  readonly lost: number
  readonly transitions: Readonly<Record<string, number>>
}

const nothing: Seen = { seeds: 0, failed: [], accepted: 0, stored: 0, lost: 0, transitions: {} }

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null

const isNumbers = (value: unknown): value is Readonly<Record<string, number>> =>
  typeof value === "object" && value !== null && Object.values(value).every((item) => typeof item === "number")

const add = (seen: Seen, other: Seen): Seen => {
  const transitions = { ...seen.transitions }
  for (const [name, times] of Object.entries(other.transitions)) transitions[name] = (transitions[name] ?? 0) + times
  return {
    seeds: seen.seeds + other.seeds,
    failed: [...seen.failed, ...other.failed],
    accepted: seen.accepted + other.accepted,
    stored: seen.stored + other.stored,
    lost: seen.lost + other.lost,
    transitions
  }
}

const seenIn = ({ points, problems, seed, transitions }: SimulationReport): Seen => ({
  seeds: 1,
  failed: problems.length > 0 ? [seed] : [],
  ...points,
  transitions: Object.fromEntries(transitions)
})

/** Leaves out one fault after the other, as long as the seed fails without it. */
const shrink = (seed: number, faults: ReadonlyArray<Fault>): Effect.Effect<SimulationReport> =>
  Effect.gen(function*() {
    let left = faults
    for (let at = left.length - 1; at >= 0; at--) {
      const fewer = Arr.remove(left, at)
      if ((yield* simulate({ seed, faults: fewer })).problems.length > 0) left = fewer
    }
    return yield* simulate({ seed, faults: left })
  })

const show = ({ faults, problems, seed }: SimulationReport): void => {
  console.log(`seed ${seed} fails:`)
  for (const problem of problems) console.log(`  ${problem.slice(0, 500)}`)
  console.log("the faults that it takes:")
  for (const fault of faults) console.log(`  ${describeFault(fault)}`)
  console.log(`all that happens: npm run simulate -- --seed ${seed} --trace`)
}

const runSeed = (seed: number): Effect.Effect<Seen> =>
  Effect.gen(function*() {
    const report = yield* simulate({ seed })
    if (report.problems.length > 0) show(yield* shrink(seed, report.faults))
    return seenIn(report)
  })

/** Every `step`-th seed from `from` on, in this process. */
const runSeeds = (from: number, count: number, step: number, every: (seen: Seen) => void): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let i = 0; i < count; i++) every(yield* runSeed(from + i * step))
  })

const mark = "seen "

const readSeen = (line: string): Seen | undefined => {
  if (!line.startsWith(mark)) return undefined
  const parsed: unknown = JSON.parse(line.slice(mark.length))
  if (!isObject(parsed)) return undefined
  const { accepted, failed, lost, seeds, stored, transitions } = parsed
  const ok = typeof accepted === "number" && typeof stored === "number" && typeof lost === "number" &&
    typeof seeds === "number" && isNumbers(transitions) && Array.isArray(failed)
  return ok ? { accepted, stored, lost, seeds, transitions, failed: failed.map(Number) } : undefined
}

/** One of several processes; answers with its exit code. */
const runJob = (job: number, jobs: number, every: (seen: Seen) => void): Effect.Effect<number> =>
  Effect.async((resume) => {
    const viteNode = fileURLToPath(new URL("../node_modules/vite-node/vite-node.mjs", import.meta.url))
    const seeds = Number(values.seeds)
    const count = Math.floor(seeds / jobs) + (job < seeds % jobs ? 1 : 0)
    const words = ["--child", "--from", String(Number(values.from) + job), "--seeds", String(count)]
    const script = fileURLToPath(import.meta.url)
    const running = spawn(process.execPath, [viteNode, script, ...words, "--jobs", String(jobs)], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let rest = ""
    running.stdout.on("data", (data) => {
      const lines = (rest + String(data)).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) {
        const seen = readSeen(line)
        if (seen === undefined) console.log(line)
        else every(seen)
      }
    })
    running.on("close", (code) => resume(Effect.succeed(code ?? 1)))
  })

const summarize = (seen: Seen): boolean => {
  const missing = transitionNames.filter((name) => seen.transitions[name] === undefined)
  console.log(
    `\n${seen.seeds} seeds, ${seen.failed.length} failed${
      seen.failed.length === 0 ? "" : `: ${seen.failed.join(", ")}`
    }`
  )
  console.log(`${seen.accepted} metrics accepted, ${seen.stored} stored, ${seen.lost} offsets declared lost`)
  const covered = transitionNames.length - missing.length
  console.log(
    `${covered} of ${transitionNames.length} transitions of delivery (${
      (100 * covered / transitionNames.length).toFixed(0)
    } %)`
  )
  for (const name of transitionNames) {
    console.log(`  ${String(seen.transitions[name] ?? 0).padStart(9)}  ${name}`)
  }
  return seen.failed.length === 0 && missing.length === 0
}

const main = Effect.gen(function*() {
  const jobs = Math.max(1, Number(values.jobs))
  if (values.seed !== undefined) {
    const report = yield* simulate({ seed: Number(values.seed), trace: values.trace })
    for (const line of report.trace) console.log(line)
    if (report.problems.length > 0) show(yield* shrink(report.seed, report.faults))
    else console.log(`seed ${report.seed} passes: ${JSON.stringify(report.points)}`)
    return report.problems.length === 0
  }
  if (values.child) {
    yield* runSeeds(Number(values.from), Number(values.seeds), jobs, (seen) => {
      console.log(mark + JSON.stringify(seen))
    })
    return true
  }
  let seen = nothing
  let told = Date.now()
  const every = (other: Seen): void => {
    seen = add(seen, other)
    if (Date.now() - told < 10_000) return
    told = Date.now()
    console.log(`${seen.seeds}/${values.seeds} seeds, ${seen.failed.length} failed`)
  }
  const codes = yield* Effect.forEach(Arr.range(0, jobs - 1), (job) => runJob(job, jobs, every), {
    concurrency: "unbounded"
  })
  return summarize(seen) && codes.every((code) => code === 0)
})

Effect.runPromise(main).then(
  (isWell) => {
    process.exitCode = isWell ? 0 : 1
  },
  (error: unknown) => {
    console.error(error)
    process.exitCode = 1
  }
)
