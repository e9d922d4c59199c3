/**
 * Where the processor time goes: a profile of a collector of this host once it
 * has settled, and of a sender and a server under full load, summed by function
 * and by area.
 *
 *     npm run profile -- [--seconds 60] [--metrics 8000000] [--only collector|load] [--write]
 *
 * `--seconds` is how long the collector is watched, `--metrics` how many the
 * load delivers; `--write` puts the tables into docs/benchmarks.md. The code is
 * bundled as the executable is, but for the names.
 */
import { Data, Effect, Schedule } from "effect"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { provenance, show, writeSection } from "./BenchmarksPage.js"
import { bundle } from "./Bundle.js"
import { startChild } from "./delivery/Child.js"
import { summarize, type Summary } from "./profile/Profile.js"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    metrics: { type: "string", default: "8000000" },
    only: { type: "string" },
    write: { type: "boolean", default: false }
  }
})

const wholeNumber = (name: "seconds" | "metrics", least: number): number => {
  const value = Number(values[name])
  if (Number.isInteger(value) && value % least === 0 && value > 0) return value
  throw new Error(`--${name}: expected a multiple of ${least}`)
}
const seconds = wholeNumber("seconds", 1)
const metrics = wholeNumber("metrics", 1_000)
if (values.only !== undefined && values.only !== "collector" && values.only !== "load") {
  throw new Error("--only: expected collector or load")
}

class ProfileError extends Data.TaggedError("ProfileError")<{ readonly message: string }> {}

const command = `npm run profile -- --seconds ${seconds} --metrics ${metrics}` +
  (values.only === undefined ? "" : ` --only ${values.only}`)
const measuredBy = provenance(command)

// Before so many the compiler of Node has not seen enough.
const warmUp = 1_000_000

// Until then a collector has started, and delivered its first ticks.
const settling = 10

// Below it, percent, a line is left out.
const least = 2

const [collector, server, client, recorder] = await bundle([
  "src/bin",
  "scripts/delivery/Server",
  "scripts/delivery/Client",
  "scripts/profile/Recorder"
], true)

const note = (text: string) => Effect.sync(() => process.stderr.write(`${text}\n`))

const newFolder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "profile-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
)

/** Waits for a file that another process writes. */
const awaitFile = (file: string): Effect.Effect<string, ProfileError> =>
  Effect.try({
    try: () => fs.readFileSync(file, "utf8"),
    catch: () => new ProfileError({ message: `${file} was not written` })
  }).pipe(Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.upTo("60 seconds"))))

const signal = (folder: string, name: string): Effect.Effect<void, ProfileError> =>
  Effect.flatMap(awaitFile(path.join(folder, `${name}.pid`)), (pid) =>
    Effect.try({
      try: () => void process.kill(Number(pid), "SIGUSR2"),
      catch: () => new ProfileError({ message: `${name} has ended` })
    }))

/** Profiles processes of these names while some work is done. */
const profiled = <E>(
  folder: string,
  names: ReadonlyArray<string>,
  work: Effect.Effect<unknown, E>
): Effect.Effect<ReadonlyArray<Summary>, E | ProfileError> =>
  Effect.gen(function*() {
    yield* Effect.forEach(names, (name) => signal(folder, name))
    yield* work
    yield* Effect.forEach(names, (name) => signal(folder, name))
    return yield* Effect.forEach(names, (name) =>
      Effect.map(awaitFile(path.join(folder, `${name}.cpuprofile`)), summarize))
  })

/** The recorder is loaded into every process that is started from here on. */
const recordInto = (folder: string): void => {
  process.env["PROFILE_DIR"] = folder
  process.env["NODE_OPTIONS"] = `--import=${pathToFileURL(recorder).href}`
}

const profileLoad = Effect.gen(function*() {
  const folder = yield* newFolder
  recordInto(folder)
  const serving = yield* startChild(server, path.join(folder, "store"), "0")
  const { port } = yield* serving.next
  const sending = yield* startChild(
    client,
    "socket",
    `ws://127.0.0.1:${port}/ws/metrics`,
    path.join(folder, "outbox")
  )
  yield* sending.next
  yield* note("full load")
  yield* sending.ask(`deliver ${warmUp}`)
  return yield* profiled(folder, ["Client", "Server"], sending.ask(`deliver ${metrics}`))
}).pipe(Effect.scoped)

const profileCollector = Effect.gen(function*() {
  const folder = yield* newFolder
  recordInto(folder)
  const serving = yield* startChild(server, path.join(folder, "store"), "0")
  const { port } = yield* serving.next
  const words = ["run", "--system", "--endpoint", `ws://127.0.0.1:${port}/ws/metrics`, "--data-dir", folder]
  yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [collector, ...words], { cwd: folder, stdio: "ignore" })),
    (started) => Effect.sync(() => started.kill("SIGKILL"))
  )
  yield* note(`a collector for ${settling + seconds} s`)
  yield* Effect.sleep(`${settling} seconds`)
  return yield* profiled(folder, ["bin"], Effect.sleep(`${seconds} seconds`))
}).pipe(Effect.scoped)

const tables = ({ areas, functions, hits }: Summary): string => {
  const percent = (own: number): number => 100 * own / hits
  const share = (own: number): string => `${show(percent(own), 1)} %`
  const isShown = (one: { readonly hits: number }): boolean => percent(one.hits) >= least
  const where = (file: string): string => file === "" ? "" : `\`${file}\``
  return [
    "| area | share |",
    "|---|---|",
    ...areas.filter(isShown).map((one) => `| ${one.area} | ${share(one.hits)} |`),
    "",
    "| function | in, or called from | share |",
    "|---|---|---|",
    ...functions.filter(isShown).map((one) => `| \`${one.name}\` | ${where(one.file)} | ${share(one.hits)} |`)
  ].join("\n")
}

const parts = Effect.gen(function*() {
  const all: Array<string> = []
  if (values.only !== "load") {
    const [watched] = yield* profileCollector
    all.push(
      `A collector of this host, \`run --system\` each second, from its ${settling}th second on for ${seconds} s, in ` +
        `which it was found busy ${show(watched.hits, 0)} times:\n\n${tables(watched)}`
    )
  }
  if (values.only !== "collector") {
    const [sender, receiver] = yield* profileLoad
    const load = `${show(metrics, 0)} metrics over a socket, after ${show(warmUp, 0)}`
    all.push(
      `A sender with its outbox on disk at full load, ${load}:\n\n${tables(sender)}`,
      `The server and its store at the same load:\n\n${tables(receiver)}`
    )
  }
  return all
})

const section = `## Where the time goes

${measuredBy}. The main thread of each process is looked at every 100 µs; of the samples in which it was busy, the share
by area and by function, what is below ${least} % left out. What is native counts where it is called from, but for JSON
and SQLite, whose waits for the disk are in it.

${(await Effect.runPromise(parts)).join("\n\n")}
`

process.stdout.write(`\n${section}`)
if (values.write) writeSection("profile", section)
