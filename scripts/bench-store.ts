/**
 * What the store costs beside a row a point in SQLite, both in the same run and
 * each in processes of its own, in turns: processor time and latency of
 * inserting, bytes on disk, queries, retention, start-up, memory.
 *
 *     npm run bench:store -- [--points N] [--rounds 3] [--write]
 *
 * `--points` cuts the datasets short; `--write` puts the tables into
 * docs/benchmarks.md. The code is bundled as the executable is.
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

const [child] = await bundle(["scripts/store/Child", "src/store/query/ScanWorker"])

type Measured = Readonly<Record<string, unknown>>

const isMeasured = (value: unknown): value is Measured => typeof value === "object" && value !== null

const run = (phase: string, store: Store, dataset: Dataset, dataDir: string): Measured => {
  const printed = execFileSync(process.execPath, [child, phase, store, dataset.name, String(most), dataDir], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"]
  })
  const measured: unknown = JSON.parse(printed)
  if (!isMeasured(measured)) throw new Error(`${phase} ${store}: printed ${printed}`)
  return measured
}

/** One store filled, settled, read and made smaller: everything that was measured of it. */
const measure = (store: Store, dataset: Dataset): Measured => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "bench-store-"))
  try {
    const inserted = run("insert", store, dataset, dataDir)
    const settled = run("settle", store, dataset, dataDir)
    const read = run("read", store, dataset, dataDir)
    return { ...inserted, ...read, ...settled }
  } finally {
    fs.rmSync(dataDir, { recursive: true, force: true })
  }
}

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

const rows: ReadonlyArray<readonly [label: string, key: string, digits: number]> = [
  ["insert, CPU-s per million", "cpuPerMillion", 2],
  ["insert, points/s", "pointsPerSecond", 0],
  ["commit of 1,000, p50 ms", "commitP50", 2],
  ["commit of 1,000, p99 ms", "commitP99", 2],
  ["rest of the log to chunks, CPU-s per million", "settleCpuPerMillion", 3],
  ["bytes a point on disk", "bytesPerPoint", 2],
  ["newest values of all series, ms", "last", 2],
  ["raw hour of one series, ms", "raw", 2],
  ["24 h by minute, one series, ms", "one", 1],
  ["24 h by minute, 50 series, ms", "many", 0],
  ["1,000 points every 10 ms, p99 ms late", "idleP99", 1],
  ["… while the JSON of 50 series is read over and over", "scanP99", 1],
  ["… as many times as late as alone", "scanTimesIdle", 1],
  ["delete the oldest quarter, ms", "expire", 0],
  ["start with a log to read, ms", "startWithLog", 0],
  ["start, ms", "start", 0],
  ["RSS before inserting, MB", "rssBefore", 0],
  ["RSS at most while inserting, MB", "rssPeak", 0],
  ["RSS at most while reading, MB", "rssRead", 0]
]

const medianOf = (all: ReadonlyArray<Measured>, key: string): number => median(all.map((one) => Number(one[key])))

const table = (dataset: Dataset, measured: ReadonlyMap<Store, ReadonlyArray<Measured>>): string => {
  const lines = rows.map(([label, key, digits]) => {
    const [ofRows, ofChunks] = stores.map((store) => medianOf(measured.get(store) ?? [], key))
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

const tables: Array<string> = []
for (const dataset of datasets(most)) {
  const measured = new Map<Store, Array<Measured>>(stores.map((store) => [store, []]))
  for (let round = 0; round < rounds; round++) {
    for (const store of stores) {
      process.stderr.write(`${dataset.name}, round ${round + 1} of ${rounds}: ${store}\n`)
      measured.get(store)?.push(measure(store, dataset))
    }
    const [one, other] = stores.map((store) => measured.get(store)?.at(-1) ?? {})
    compareAnswers(one, other)
  }
  tables.push(table(dataset, measured))
}

const section = `## Store

${measuredBy}. ${
  rounds === 1 ? "One round" : `Medians of ${rounds} rounds`
}, each store in processes of its own, in turns. The
row a point is a table \`(series, time, value)\` with the primary key \`(series, time)\`, prepared statements, one
transaction a batch, called without anything around; the store is called through \`MetricStore\`. Both answer a batch of
1,000 points when it is on disk (\`synchronous=FULL\`). The values are those of machines: percentages and loads of two
decimals, memory in KiB, byte counters, latencies, constants, and one series in eight with all digits of a double.
A ratio above 1 is in favour of the store, but for points/s.

${tables.join("\n\n")}
`

process.stdout.write(`\n${tables.join("\n\n")}\n`)
if (values.write) writeSection("bench:store", section)
