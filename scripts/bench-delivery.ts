/**
 * What delivery costs, end to end: a sender with its outbox on disk and a
 * server with its store, in two processes, beside the least that plain Node
 * can do for the same, which keeps nothing on the sending side and cannot be
 * queried on the other. In the same run and in turns, over a socket and over
 * HTTP. Then what `sendMetric` and `sendMetrics` cost, and an outage that is
 * buffered on disk and made up for.
 *
 *     npm run bench:delivery -- [--delivered N] [--metrics N] [--rounds 5] [--only delivery|calls|outage] [--write]
 *
 * `--delivered` is how many metrics a measurement delivers, `--metrics` how
 * many the outage lasts; `--write` puts the tables into docs/benchmarks.md. The
 * code is bundled as the executable is.
 */
import { Effect, Fiber } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { parseArgs } from "node:util"
import { median, provenance, show, writeSection } from "./BenchmarksPage.js"
import { bundle } from "./Bundle.js"
import { startChild } from "./delivery/Child.js"

const { values } = parseArgs({
  options: {
    delivered: { type: "string", default: "2000000" },
    metrics: { type: "string", default: "10000000" },
    rounds: { type: "string", default: "5" },
    only: { type: "string" },
    write: { type: "boolean", default: false }
  }
})

const wholeNumber = (name: "delivered" | "metrics" | "rounds", least: number): number => {
  const value = Number(values[name])
  if (Number.isInteger(value) && value >= least && value % Math.min(least, 1_000) === 0) return value
  throw new Error(`--${name}: expected a whole number from ${least} on${least > 1 ? ", a multiple of 1,000" : ""}`)
}
const delivered = wholeNumber("delivered", 100_000)
const outageMetrics = wholeNumber("metrics", 100_000)
const rounds = wholeNumber("rounds", 1)
const parts = ["delivery", "calls", "outage"]
if (values.only !== undefined && !parts.includes(values.only)) throw new Error(`--only: expected ${parts.join(", ")}`)
const isWanted = (part: string): boolean => values.only === undefined || values.only === part

const command = "npm run bench:delivery -- " +
  Object.entries({ delivered, metrics: outageMetrics, rounds }).map(([name, value]) => `--${name} ${value}`).join(" ") +
  (values.only === undefined ? "" : ` --only ${values.only}`)
const measuredBy = provenance(command)

// Before so many the compiler of Node has not seen enough.
const warmUp = 500_000

// An outage comes to a collector that has been delivering under the same load.
const beforeOutage = 2_000_000

const [ceilingServer, ceilingClient, server, client, acceptance] = await bundle([
  "scripts/delivery/CeilingServer",
  "scripts/delivery/CeilingClient",
  "scripts/delivery/Server",
  "scripts/delivery/Client",
  "scripts/delivery/Acceptance"
])

const note = (text: string) => Effect.sync(() => process.stderr.write(`${text}\n`))

const newFolder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "bench-delivery-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
)

interface Delivered {
  readonly rate: number
  readonly client: number
  readonly server: number
  readonly both: number
  readonly bytes: number
}

type Way = "socket" | "http" | "plain"

const urlOf = (way: Way, port: number): string =>
  way === "http" ? `http://127.0.0.1:${port}/api/metrics` : `ws://127.0.0.1:${port}/ws/metrics`

/** Delivers from one process to another; costs are a million metrics, bytes a metric. */
const deliver = (who: "ceiling" | "own", way: Way): Effect.Effect<Delivered> =>
  Effect.gen(function*() {
    const folder = yield* newFolder
    const serving = yield* who === "own" ? startChild(server, path.join(folder, "store"), "0") : startChild(
      ceilingServer,
      folder
    )
    const { port } = yield* serving.next
    const url = urlOf(way, Number(port))
    const sending = yield* who === "own" && way !== "plain"
      ? startChild(client, way, url, path.join(folder, "outbox"))
      : startChild(ceilingClient, way, url)
    yield* sending.next
    yield* sending.ask(`deliver ${warmUp}`)
    const before = yield* serving.ask("mark")
    const { cpu, seconds } = yield* sending.ask(`deliver ${delivered}`)
    const after = yield* serving.ask("mark")
    const millions = delivered / 1e6
    const own = Number(cpu) / millions
    const others = (Number(after.cpu) - Number(before.cpu)) / millions
    return {
      rate: delivered / Number(seconds),
      client: own,
      server: others,
      both: own + others,
      bytes: (Number(after.bytes) - Number(before.bytes)) / delivered
    }
  }).pipe(Effect.scoped)

const spread = (all: ReadonlyArray<number>, digits: number): string => {
  const middle = show(median(all), digits)
  return all.length === 1
    ? middle
    : `${middle} (${show(Math.min(...all), digits)}–${show(Math.max(...all), digits)})`
}

const rows: ReadonlyArray<readonly [label: string, key: keyof Delivered, digits: number]> = [
  ["metrics/s", "rate", 0],
  ["sender, CPU-s per million", "client", 2],
  ["server, CPU-s per million", "server", 2],
  ["both, CPU-s per million", "both", 2],
  ["bytes a metric on the wire", "bytes", 1]
]

const deliveryTable = (way: Way) =>
  Effect.gen(function*() {
    const ceilings: Array<Delivered> = []
    const owns: Array<Delivered> = []
    for (let round = 0; round < rounds; round++) {
      yield* note(`${way}, round ${round + 1} of ${rounds}`)
      ceilings.push(yield* deliver("ceiling", way))
      owns.push(yield* deliver("own", way))
    }
    const lines = rows.map(([label, key, digits]) => {
      const ratios = owns.map((one, i) => key === "rate" ? one[key] / ceilings[i][key] : ceilings[i][key] / one[key])
      const of = (all: ReadonlyArray<Delivered>) => spread(all.map((one) => one[key]), digits)
      return `| ${label} | ${of(ceilings)} | ${of(owns)} | ${spread(ratios, 2)} |`
    })
    return ["| | the ceiling | this package | ratio |", "|---|---|---|---|", ...lines].join("\n")
  })

const callsTable = Effect.gen(function*() {
  yield* note("sendMetric and sendMetrics")
  const calling = yield* startChild(acceptance, "200")
  const lines: Array<string> = []
  for (let i = 0; i < 5; i++) {
    const { best, cpu, name, wall } = yield* calling.next
    lines.push(`| ${name} | ${[cpu, wall, best].map((micros) => show(Number(micros), 3)).join(" | ")} |`)
  }
  return ["| | CPU, µs a metric | median µs | best µs |", "|---|---|---|---|", ...lines].join("\n")
}).pipe(Effect.scoped)

const outageTable = Effect.gen(function*() {
  const folder = yield* newFolder
  const outbox = path.join(folder, "outbox")
  const store = path.join(folder, "store")
  const before = yield* startChild(server, store, "0")
  const port = Number((yield* before.next).port)
  yield* note(`outage of ${show(outageMetrics, 0)} metrics`)
  const sending = yield* startChild(client, "socket", urlOf("socket", port), outbox)
  yield* sending.next
  const delivering = yield* sending.ask(`deliver ${beforeOutage}`)
  yield* before.end
  const buffered = yield* sending.ask(`buffer ${outageMetrics}`)
  const draining = yield* Effect.fork(sending.ask("drain"))
  const serving = yield* startChild(server, store, String(port))
  yield* serving.next
  const drained = yield* Fiber.join(draining)
  const { cpu } = yield* serving.ask("mark")
  const left = Number(drained.left)
  const perMillion = (seconds: unknown, metrics: number): string => show(Number(seconds) / (metrics / 1e6), 2)
  const lines: ReadonlyArray<readonly [string, string]> = [
    [`RSS at most while delivering ${show(beforeOutage, 0)} before it, MB`, show(Number(delivering.rssPeak), 0)],
    ["buffered, metrics/s", show(outageMetrics / Number(buffered.seconds), 0)],
    ["buffered, CPU-s per million", perMillion(buffered.cpu, outageMetrics)],
    ["bytes on disk a metric", show(Number(buffered.bytes) / outageMetrics, 1)],
    ["RSS at most while buffering, MB", show(Number(buffered.rssPeak), 0)],
    ["until the first was acknowledged after the server came back, s", show(Number(drained.waited), 1)],
    ["drained, metrics/s", show(left / Number(drained.seconds), 0)],
    ["drained, sender's CPU-s per million", perMillion(drained.cpu, left)],
    ["drained, server's CPU-s per million, its start included", perMillion(cpu, outageMetrics)],
    ["RSS at most while draining, MB", show(Number(drained.rssPeak), 0)]
  ]
  return ["| | |", "|---|---|", ...lines.map(([label, value]) => `| ${label} | ${value} |`)].join("\n")
}).pipe(Effect.scoped)

const sections = Effect.gen(function*() {
  const all: Array<string> = []
  const add = <E>(title: string, table: Effect.Effect<string, E>) =>
    Effect.map(table, (text) => {
      all.push(`${title}:\n\n${text}`)
    })
  if (isWanted("delivery")) {
    yield* add("Batches of 1,000 over a WebSocket, eight under way", deliveryTable("socket"))
    yield* add("The same over HTTP, one request at a time, because batches stay in order", deliveryTable("http"))
    yield* add(
      "Plain mode: arrays of 1,000 GenericMetric over a WebSocket, eight under way, sent by the ceiling's sender to " +
        "both servers",
      deliveryTable("plain")
    )
  }
  if (isWanted("calls")) {
    yield* add(
      "Accepting: until the metrics are in the outbox on disk, its server being away. A fiber that does nothing is " +
        "what Effect asks for a concurrent call",
      callsTable
    )
  }
  if (isWanted("outage")) {
    yield* add(
      `An outage of ${show(outageMetrics, 0)} metrics, given as fast as they are accepted and then delivered`,
      outageTable
    )
  }
  return all
})

const section = `## Delivery

${measuredBy}. ${rounds === 1 ? "One round" : `Medians of ${rounds} rounds, with the least and the most`}, each
measurement in processes of its own after ${show(warmUp, 0)} metrics, the ceiling and this package in turns;
${show(delivered, 0)} metrics a measurement, of 200 series, made as the benchmark of the store makes them. The ceiling
is what a program in plain Node could do at best: its sender writes columns as JSON and keeps nothing, its server parses
them and writes them as one row, which is on disk before the answer (\`synchronous=FULL\`, one commit for what came in a
turn); it checks nothing and can answer no query. A ratio of 1 is as good as the ceiling, 0.5 is half as good; it is the
median of the ratios within a round.

${(await Effect.runPromise(sections)).join("\n\n")}
`

process.stdout.write(`\n${section}`)
if (values.write) writeSection("bench:delivery", section)
