/**
 * What the store costs beside a row a point in SQLite, both in the same run and
 * each in processes of its own, in turns: processor time and latency of
 * inserting, bytes on disk, queries, retention, start-up, memory.
 *
 *     npm run bench:store -- [--points N] [--rounds 3] [--under COMMAND] [--write]
 *
 * `--points` cuts the datasets short; `--under` runs every measurement under a
 * command, such as one that waits until the machine is idle; `--write` puts the
 * tables into docs/benchmarks.md. The code is bundled as the executable is.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { parseArgs } from "node:util"
import { median, provenance, show, writeSection } from "./BenchmarksPage.js"
import { bundle } from "./Bundle.js"
import { type Dataset, datasets } from "./store/BenchData.js"

const { values } = parseArgs({
  options: {
    points: { type: "string", default: "4320000" },
    rounds: { type: "string", default: "3" },
    under: { type: "string" },
    write: { type: "boolean", default: false }
  }
})
const most = Number(values.points)
const rounds = Number(values.rounds)
if (!(Number.isInteger(most) && most >= 100_000)) throw new Error("--points: expected a whole number from 100000 on")
if (!(Number.isInteger(rounds) && rounds >= 1)) throw new Error("--rounds: expected a whole number from 1 on")

const measuredBy = provenance(
  `npm run bench:store -- ${most < 4_320_000 ? `--points ${most} ` : ""}--rounds ${rounds} --write`
)

const stores = ["rows", "chunks"] as const
type Store = typeof stores[number]

const [child] = await bundle(["scripts/store/Child", "scripts/store/BusyThread", "src/store/query/ScanWorker"])

/** Turns of a round in which batches come at a pace, 400 of them each: at least 2,000 of all rounds. */
const turns = Math.ceil(5 / rounds)

type Measured = Readonly<Record<string, unknown>>

const isMeasured = (value: unknown): value is Measured => typeof value === "object" && value !== null

// The flag is the one that src/bin.ts sets.
const [command, ...before] = [...(values.under?.split(" ") ?? []), process.execPath, "--no-concurrent-marking"]

/** Runs phases, each in a process of its own, one after another under one command. */
const run = (
  phases: ReadonlyArray<string>,
  store: Store | "plain",
  dataset: Dataset,
  dataDir: string
): ReadonlyArray<Measured> => {
  const asked = [child, phases.join(), store, dataset.name, String(most), dataDir, String(turns)]
  const printed = execFileSync(command, [...before, ...asked], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"]
  })
  const measured = printed.trimEnd().split("\n").map((line): unknown => JSON.parse(line)).filter(isMeasured)
  if (measured.length !== phases.length) throw new Error(`${phases.join()} ${store}: printed ${printed}`)
  return measured
}

const inDirectory = (work: (dataDir: string) => Measured): Measured => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "bench-store-"))
  try {
    return work(dataDir)
  } finally {
    fs.rmSync(dataDir, { recursive: true, force: true })
  }
}

/** One store filled, settled, read and made smaller: everything that was measured of it. */
const measure = (store: Store, dataset: Dataset): Measured =>
  inDirectory((dataDir) => {
    const [inserted, settled, read] = run(["insert", "settle", "read"], store, dataset, dataDir)
    return { ...inserted, ...read, ...settled }
  })

const isAnswer = (value: unknown): value is { readonly count: number; readonly sum: number } =>
  isMeasured(value) && typeof value.count === "number" && typeof value.sum === "number"

const answersOf = ({ answers }: Measured) => Array.isArray(answers) ? answers.filter(isAnswer) : []

/** Measures that compare stores which answer differently would say nothing. */
const compareAnswers = (one: Measured, other: Measured): void => {
  const left = answersOf(one)
  const right = answersOf(other)
  left.forEach(({ count, sum }, i) => {
    if (count !== right[i].count || Math.abs(sum - right[i].sum) > Math.abs(sum) * 1e-9) {
      throw new Error(`query ${i} is answered with ${count} values of sum ${sum}, and with ${JSON.stringify(right[i])}`)
    }
  })
}

/** What some rounds say together. */
type Figure = (all: ReadonlyArray<Measured>) => number

const medianOf = (key: string): Figure => (all) => median(all.map((one) => Number(one[key])))

type Late = "alone" | "scanned"

/** Of all batches of all rounds together, as many as came at a pace. */
const late = (of: Late, quantile: number): Figure => (all) => {
  const sorted = all.flatMap((one) => {
    const own = one[of]
    return Array.isArray(own) ? own.map(Number) : []
  }).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN
}

const timesAsLate: Figure = (all) => late("scanned", 0.99)(all) / late("alone", 0.99)(all)

type Row = readonly [label: string, figure: Figure, digits: number]

const lateRows: ReadonlyArray<Row> = [
  ["1,000 points every 10 ms, p50 ms late", late("alone", 0.5), 1],
  ["… p99", late("alone", 0.99), 1],
  ["… the latest", late("alone", 1), 1],
  ["the same beside scans without a pause, p50 ms late", late("scanned", 0.5), 1],
  ["… p99", late("scanned", 0.99), 1],
  ["… the latest", late("scanned", 1), 1],
  ["… p99 as many times as late as alone", timesAsLate, 1]
]

const rows: ReadonlyArray<Row> = [
  ["insert, CPU-s per million", medianOf("cpuPerMillion"), 2],
  ["insert, points/s", medianOf("pointsPerSecond"), 0],
  ["commit of 1,000, p50 ms", medianOf("commitP50"), 2],
  ["commit of 1,000, p99 ms", medianOf("commitP99"), 2],
  ["rest of the log to chunks, CPU-s per million", medianOf("settleCpuPerMillion"), 3],
  ["bytes a point on disk", medianOf("bytesPerPoint"), 2],
  ["newest values of all series, ms", medianOf("last"), 2],
  ["raw hour of one series, ms", medianOf("raw"), 2],
  ["24 h by minute, one series, ms", medianOf("one"), 1],
  ["24 h by minute, 50 series, ms", medianOf("many"), 0],
  ...lateRows,
  ["… scans a second meanwhile", medianOf("scansPerSecond"), 1],
  ["delete the oldest quarter, ms", medianOf("expire"), 0],
  ["start with a log to read, ms", medianOf("startWithLog"), 0],
  ["start, ms", medianOf("start"), 0],
  ["RSS before inserting, MB", medianOf("rssBefore"), 0],
  ["RSS at most while inserting, MB", medianOf("rssPeak"), 0],
  ["RSS at most while reading, MB", medianOf("rssRead"), 0]
]

const table = (dataset: Dataset, measured: ReadonlyMap<Store, ReadonlyArray<Measured>>): string => {
  const lines = rows.map(([label, figure, digits]) => {
    const [ofRows, ofChunks] = stores.map((store) => figure(measured.get(store) ?? []))
    const ratio = ofChunks > 0 ? ofRows / ofChunks : Number.NaN
    return `| ${label} | ${show(ofRows, digits)} | ${show(ofChunks, digits)} | ${
      Number.isFinite(ratio) && ratio > 0 ? show(ratio, ratio < 10 ? 2 : 0) : ""
    } |`
  })
  return [
    `${show(dataset.points, 0)} points, ${dataset.name}:`,
    "",
    "| | a row a point | the store | ratio |",
    "|---|---|---|---|",
    ...lines
  ].join("\n")
}

const floorTable = (measured: ReadonlyArray<Measured>): string =>
  [
    "The same pace without a store, a plain loop that computes and waits for the disk about as long, alone and beside a",
    "thread of low priority that only keeps a processor busy:",
    "",
    "| | plain loop |",
    "|---|---|",
    ...lateRows.map(([label, figure, digits]) =>
      `| ${label.replace("scans without a pause", "the busy thread")} | ${show(figure(measured), digits)} |`
    )
  ].join("\n")

const tables: Array<string> = []
const floors: Array<Measured> = []
for (const dataset of datasets(most)) {
  const measured = new Map<Store, Array<Measured>>(stores.map((store) => [store, []]))
  for (let round = 0; round < rounds; round++) {
    for (const store of stores) {
      process.stderr.write(`${dataset.name}, round ${round + 1} of ${rounds}: ${store}\n`)
      measured.get(store)?.push(measure(store, dataset))
    }
    process.stderr.write(`${dataset.name}, round ${round + 1} of ${rounds}: plain loop\n`)
    floors.push(inDirectory((dataDir) => run(["floor"], "plain", dataset, dataDir)[0]))
    const [one, other] = stores.map((store) => measured.get(store)?.at(-1) ?? {})
    compareAnswers(one, other)
  }
  tables.push(table(dataset, measured))
}
tables.push(floorTable(floors))

const section = `## Store

${measuredBy}. ${
  rounds === 1 ? "One round" : `Medians of ${rounds} rounds`
}, each store in processes of its own, in turns. The
row a point is a table \`(series, time, value)\` with the primary key \`(series, time)\`, prepared statements, one
transaction a batch, called without anything around; the store is called through \`MetricStore\`. Both answer a batch of
1,000 points when it is on disk (\`synchronous=FULL\`). The values are those of machines: percentages and loads of two
decimals, memory in KiB, byte counters, latencies, constants, and one series in eight with all digits of a double.
A ratio above 1 is in favour of the store, but for points/s and scans. Batches come at a pace in turns of 4 s, alone and
beside scans; how late one is acknowledged counts from when it was due, of ${
  show(rounds * turns * 400, 0)
} batches of all rounds together. A
scan is the JSON of 24 h of 50 series by minute, read over and over.

${tables.join("\n\n")}
`

process.stdout.write(`\n${tables.join("\n\n")}\n`)
if (values.write) writeSection("bench:store", section)
