/**
 * What many series and much data cost the store: memory and inserting of a
 * series, a start with them, with a log at its cap and with a large file, and
 * how long lists of all series hold others up.
 *
 *     npm run bench:series -- [--series 1000000] [--mebibytes 1024] [--write]
 *
 * `--mebibytes` is the size of the large file; `--write` puts the table into
 * docs/benchmarks.md. The code is bundled as the executable is.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { parseArgs } from "node:util"
import { provenance, show, writeSection } from "./BenchmarksPage.js"
import { bundle } from "./Bundle.js"

const { values } = parseArgs({
  options: {
    series: { type: "string", default: "1000000" },
    mebibytes: { type: "string", default: "1024" },
    write: { type: "boolean", default: false }
  }
})
const count = Number(values.series)
const mebibytes = Number(values.mebibytes)
if (!(Number.isInteger(count) && count >= 10_000)) throw new Error("--series: expected a whole number from 10000 on")
if (!(Number.isInteger(mebibytes) && mebibytes >= 16)) {
  throw new Error("--mebibytes: expected a whole number from 16 on")
}

// A little below the cap of 64 MiB.
const logMebibytes = 62

const measuredBy = provenance(
  `npm run bench:series -- --series ${count} --mebibytes ${mebibytes} --write`
)

const [child] = await bundle(["scripts/series/Child", "src/store/query/ScanWorker"])

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const run = (phase: string, dataDir: string, count = 0): Readonly<Record<string, unknown>> => {
  process.stderr.write(`${phase}\n`)
  const words = ["--expose-gc", "--max-old-space-size=8192", child, phase, dataDir, String(count)]
  const printed = execFileSync(process.execPath, words, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })
  const measured: unknown = JSON.parse(printed)
  if (!isRecord(measured)) throw new Error(`${phase}: printed ${printed}`)
  return measured
}

const inDirectory = <A>(use: (dataDir: string) => A): A => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "bench-series-"))
  try {
    return use(dataDir)
  } finally {
    fs.rmSync(dataDir, { recursive: true, force: true })
  }
}

const listRow = (name: string, measured: unknown): ReadonlyArray<readonly [string, string]> => {
  if (!isRecord(measured)) throw new Error(`${name}: was not measured`)
  return [
    [
      `\`${name}\` of all, s (${show(Number(measured["mebibytes"]), 0)} MiB)`,
      show(Number(measured["millis"]) / 1e3, 1)
    ],
    ["… longest turn of the event loop meanwhile, ms", show(Number(measured["longest"]), 0)]
  ]
}

const startRow = (label: string, measured: Readonly<Record<string, unknown>>): readonly [string, string] => [
  `start with ${label}: ${show(Number(measured["mebibytes"]), 0)} MiB, ${
    show(Number(measured["points"]) / 1e6, 1)
  }M points, ms`,
  show(Number(measured["start"]), 0)
]

const many = inDirectory((dataDir) => ({ ...run("define", dataDir, count), ...run("list", dataDir) }))
const log = inDirectory((dataDir) => {
  run("log", dataDir, logMebibytes)
  return run("start", dataDir)
})
const large = inDirectory((dataDir) => {
  run("chunks", dataDir, mebibytes)
  return run("start", dataDir)
})

const rows: ReadonlyArray<readonly [string, string]> = [
  ["new series, CPU-s per million", show(Number(many["cpuPerMillion"]), 1)],
  ["memory a series, its newest point waiting in the log, bytes", show(Number(many["stateBytes"]), 0)],
  ["start with them, ms", show(Number(many["start"]), 0)],
  ...listRow("/api/series", many["series"]),
  ...listRow("/api/latest", many["latest"]),
  startRow("a log near its cap, 30,000 series", log),
  startRow("a large file, 5,000 series", large)
]

const table = ["| | |", "|---|---|", ...rows.map(([label, value]) => `| ${label} | ${value} |`)].join("\n")

const section = `## Many series, much data

${measuredBy}. Each measurement once, in a process of its own.
${show(count, 0)} series of 200 metric types with two tags and one point each; the memory is that of objects and buffers
after a garbage collection. A list is read by another process; the turn is the longest time that a socket had to wait for
the server's thread while it was made.

${table}
`

process.stdout.write(`\n${table}\n`)
if (values.write) writeSection("bench:series", section)
