/**
 * How long the program takes from its start: to say its version, to have its
 * first metric stored by a server, to be ready. Every round starts processes of
 * its own; the files they read are in the cache of the system.
 *
 *     npm run bench:start -- [--rounds 9] [--write]
 *
 * `--write` puts the table into docs/benchmarks.md.
 */
import { Effect, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { median, provenance, show, writeSection } from "./BenchmarksPage.js"
import { serverStatus } from "./peers/Agents.js"
import { startDaemon } from "./peers/Daemon.js"
import { freePort, get } from "./peers/Network.js"
import type { PeerError } from "./peers/Peer.js"

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    write: { type: "boolean", default: false }
  }
})
const rounds = Number(values.rounds)
if (!(Number.isInteger(rounds) && rounds >= 1)) throw new Error("--rounds: expected a whole number from 1 on")

const measuredBy = provenance(`npm run bench:start -- --rounds ${rounds}`)
const executable = fileURLToPath(new URL("../dist/bin.js", import.meta.url))
if (!fs.existsSync(executable)) throw new Error("there is no build to run: npm run build:bundles")

type Measured = Effect.Effect<number, PeerError, Scope.Scope>

const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "bench-start-"))),
  (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
)

/** Ms until a program has ended by itself. */
const ended = (...words: ReadonlyArray<string>): Measured =>
  Effect.sync(() => {
    const begun = performance.now()
    execFileSync(process.execPath, words, { stdio: "ignore" })
    return performance.now() - begun
  })

/** Ms from the start of a program until `asked` is answered and says yes. It is asked every 5 ms. */
const until = (words: ReadonlyArray<string>, asked: Effect.Effect<boolean, PeerError>): Measured =>
  Effect.gen(function*() {
    const begun = performance.now()
    const program = yield* startDaemon(process.execPath, executable, ...words)
    while (!(yield* Effect.orElseSucceed(asked, () => false))) {
      yield* Effect.sleep("5 millis")
      // Fails when it has ended.
      if (performance.now() - begun > 10_000) yield* program.usage
    }
    return performance.now() - begun
  })

/** Ms from the start of an agent until the server, that runs already, has stored its first metric. */
const untilStored = (url: string, dataDir: string): Measured =>
  Effect.gen(function*() {
    const before = (yield* serverStatus(url)).store.points
    return yield* until(
      ["run", "--system", "--endpoint", `${url.replace("http", "ws")}/ws/metrics`, "--data-dir", dataDir],
      Effect.map(serverStatus(url), ({ store }) => store.points > before)
    )
  })

interface Row {
  readonly title: string
  readonly measure: Measured
}

const rowsFor = (url: string): ReadonlyArray<Row> => [
  { title: "Node.js, a program that does nothing", measure: ended("-e", "0") },
  { title: "`--version`", measure: ended(executable, "--version") },
  {
    title: "`run --system`, a new outbox: first metric stored by the server",
    measure: Effect.flatMap(folder, (dataDir) => untilStored(url, dataDir))
  },
  {
    title: "`run --system`, an outbox that is there: first metric stored by the server",
    measure: Effect.flatMap(
      folder,
      (dataDir) => Effect.zipRight(Effect.scoped(untilStored(url, dataDir)), untilStored(url, dataDir))
    )
  },
  {
    title: "`serve`, a new store: ready",
    measure: Effect.gen(function*() {
      const port = yield* freePort
      const dataDir = yield* folder
      return yield* until(
        ["serve", "--port", String(port), "--data-dir", dataDir],
        Effect.as(get(`http://127.0.0.1:${port}/readyz`), true)
      )
    })
  },
  {
    title: "`up`, a new store: first metric stored",
    measure: Effect.gen(function*() {
      const port = yield* freePort
      const dataDir = yield* folder
      return yield* until(
        ["up", "--port", String(port), "--data-dir", dataDir],
        Effect.map(serverStatus(`http://127.0.0.1:${port}`), ({ store }) => store.points > 0)
      )
    })
  }
]

const measureAll = Effect.gen(function*() {
  const dataDir = yield* folder
  const server = yield* startDaemon(process.execPath, executable, "serve", "--port", "0", "--data-dir", dataDir)
  const port = yield* server.says(/listening on http:\/\/[\w.]+:(\d+)/)
  const rows = rowsFor(`http://127.0.0.1:${port}`)
  const millis = rows.map((): Array<number> => [])
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`round ${round + 1} of ${rounds}\n`)
    for (const [i, { measure }] of rows.entries()) millis[i].push(yield* Effect.scoped(measure))
  }
  return rows.map(({ title }, i) =>
    `| ${title} | ${show(median(millis[i]), 0)} | ${show(Math.min(...millis[i]), 0)} | ${
      show(Math.max(...millis[i]), 0)
    } |`
  )
})

const lines = await Effect.runPromise(Effect.scoped(measureAll))
const table = ["| ms from the start of the process | median | least | most |", "|---|---|---|---|", ...lines].join("\n")
process.stdout.write(`${table}\n`)
if (values.write) {
  writeSection(
    "bench:start",
    `## Start

${measuredBy}, ${rounds} rounds. A metric counts when the server has stored it, which is when it
acknowledges it.

${table}
`
  )
}
