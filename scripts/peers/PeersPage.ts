import { show } from "../BenchmarksPage.js"
import type { PartResult, ResultsFile } from "../ResultsFile.js"
import type { Part } from "./Peer.js"

/** What the page about peers is made of. */
export interface PeersMeasured {
  readonly agents: ReadonlyArray<Part>
  readonly libraries: ReadonlyArray<Part>
  readonly ingests: ReadonlyArray<Part>
  readonly results: ResultsFile
  /** Why parts were not measured, by their names. */
  readonly skipped: ReadonlyMap<string, string>
}

type Values = Readonly<Record<string, number>>

interface Column {
  readonly title: string
  readonly cell: (values: Values, own: Values) => string
}

// A ratio above 1 says that the peer needs more.
const ratioOf = (peer: number, own: number): string => {
  const ratio = peer / own
  return Number.isFinite(ratio) && ratio > 0 ? show(ratio, ratio < 10 ? 2 : 0) : ""
}

const microsPerMetric = ({ cpu, metrics }: Values): number => cpu * 1e6 / metrics

const agentColumns: ReadonlyArray<Column> = [
  { title: "CPU-s in 120 s", cell: ({ cpu, seconds }) => show(cpu * 120 / seconds, 2) },
  { title: "ratio", cell: (peer, own) => ratioOf(peer["cpu"] / peer["seconds"], own["cpu"] / own["seconds"]) },
  { title: "RSS, MB", cell: ({ rss }) => show(rss, 0) },
  { title: "ratio", cell: ({ rss }, own) => ratioOf(rss, own["rss"]) },
  {
    title: "processes",
    cell: ({ processes, startsOthers }) => `${processes}${startsOthers > 0 ? ", starts others" : ""}`
  },
  { title: "values a second", cell: ({ metrics, seconds }) => metrics > 0 ? show(metrics / seconds, 0) : "" },
  { title: "CPU, µs a value", cell: (peer) => peer["metrics"] > 0 ? show(microsPerMetric(peer), 1) : "" },
  {
    title: "ratio",
    cell: (peer, own) => peer["metrics"] > 0 ? ratioOf(microsPerMetric(peer), microsPerMetric(own)) : ""
  }
]

const libraryColumns: ReadonlyArray<Column> = [
  { title: "update, µs", cell: ({ updateMicros }) => show(updateMicros, 2) },
  { title: "update and export, CPU µs a metric", cell: ({ micros }) => show(micros, 2) },
  { title: "ratio", cell: ({ micros }, own) => ratioOf(micros, own["micros"]) },
  { title: "bytes a metric", cell: ({ bytes }) => show(bytes, 1) }
]

const ingestColumns: ReadonlyArray<Column> = [
  { title: "metrics a CPU-second", cell: ({ cpuPerMillion }) => show(1e6 / cpuPerMillion, 0) },
  { title: "CPU-s per million", cell: ({ cpuPerMillion }) => show(cpuPerMillion, 2) },
  { title: "ratio", cell: ({ cpuPerMillion }, own) => ratioOf(cpuPerMillion, own["cpuPerMillion"]) },
  { title: "metrics/s meanwhile", cell: ({ perSecond }) => show(perSecond, 0) },
  { title: "lost on the way", cell: ({ lost }) => lost > 0 ? `${show(lost * 100, 1)} %` : "none" },
  { title: "RSS, MB", cell: ({ rss }) => show(rss, 0) }
]

interface Measured {
  readonly part: Part
  readonly result: PartResult
}

const measuredOf = (parts: ReadonlyArray<Part>, results: ResultsFile): ReadonlyArray<Measured> =>
  parts.flatMap((part) => {
    const result = results.get(part.name)
    return result === undefined ? [] : [{ part, result }]
  })

/** The table, and below it where a peer needs less and why; `cost` is what peers are compared by. */
const table = (
  parts: ReadonlyArray<Part>,
  results: ResultsFile,
  columns: ReadonlyArray<Column>,
  cost: (values: Values) => number
): string => {
  const all = measuredOf(parts, results)
  const own = results.get(parts[0].name)?.values ?? {}
  const lines = all.map(({ part, result: { values, version } }) =>
    `| ${part.title}${version === undefined ? "" : ` ${version}`} | ${
      columns.map(({ cell }) => cell(values, own)).join(" | ")
    } |`
  )
  const winners = all.filter(({ part, result: { values } }) => part.why !== undefined && cost(values) < cost(own))
    .map(({ part, result: { values } }) =>
      `- ${part.title}: ${ratioOf(cost(values), cost(own))} of the processor time; ${part.why}.`
    )
  return [
    [
      `| | ${columns.map(({ title }) => title).join(" | ")} |`,
      `|---|${columns.map(() => "---|").join("")}`,
      ...lines
    ].join("\n"),
    ...(winners.length === 0 ? [] : [`Where a peer needs less:\n\n${winners.join("\n")}`])
  ].join("\n\n")
}

const skippedText = ({ agents, ingests, libraries, results, skipped }: PeersMeasured): string => {
  const lines = [...agents, ...libraries, ...ingests].flatMap(({ name, title }) => {
    const reason = results.get(name) === undefined ? skipped.get(name) : undefined
    return reason === undefined ? [] : [`- ${title}: ${reason}`]
  })
  return lines.length === 0 ? "" : `\n\nSkipped:\n\n${lines.join("\n")}`
}

const serverText = (results: ResultsFile): string => {
  const own = results.get("agent")?.values
  return own === undefined ?
    "" :
    ` The server that takes what \`run --system\` sends is not in its row: it needed ${
      show(own["serverCpu"] * 120 / own["seconds"], 2)
    } CPU-s in 120 s and ${show(own["serverRss"], 0)} MB.`
}

/** The section of docs/benchmarks.md about peers. */
export const peersSection = (measured: PeersMeasured): string => {
  const { agents, ingests, libraries, results } = measured
  const seconds = show(results.get("agent")?.values["seconds"] ?? Number.NaN, 0)
  return `## Peers

${results.provenances.join("; ")}. One after another on the same host; what needs to be installed for it,
\`npm run bench:peers -- --help\` says. Processor time and memory are those of the whole tree of processes, read from
/proc. A ratio is the peer's figure by this package's: above 1 the peer needs more.

Watching this host each second for ${seconds} s, after 10 s for the start: processor, memory, disks, network, load. This
package keeps every value on disk until its server has acknowledged it; of the others none, as set up here, keeps
anything for a server that is away.${serverText(results)} collectd sends to a socket of the benchmark, which counts what
comes; node_exporter is asked by the benchmark. How many values each gives is its own choice, which is why the cost of a
value stands beside that of the whole. A program on Node.js needs more at first, while its code is compiled: the first
row, by which the ratios are, is that of an agent that has been running for a while, the second that of one that has
just begun. Memory of processes that share pages counts for each.

${table(agents, results, agentColumns, ({ cpu, seconds }) => cpu / seconds)}

Measuring a program from within: 1,000 gauges with two labels are updated, then exported, 1,000 times after 300 times for
warming up, everything in one process; who takes it is in another and is not counted. The update is timed by the clock,
the whole in processor time. This package makes a metric of every update and sends each of them; \`sendMetrics\` returns
when they are in the outbox, and all are acknowledged at the end. The sender checks every metric; \`new GenericMetric\`
does so too, unless its second argument is \`true\`. The others keep the last value of each series and export that; they keep no outbox: what cannot be exported is
gone, or overwritten by the next value. A program that updates a series more often than it exports pays them only the
update.

${table(libraries, results, libraryColumns, ({ micros }) => micros)}

Taking metrics: 2,000,000 after 500,000 for warming up, of 200 series. Over UDP at a pace of 200,000/s, because nothing
says when it is too much, 50 in a datagram; the others as fast as they are taken. The server of this package has them on
disk, ready for queries, when it answers; the others sum up in memory or forget. Its plain mode, for clients that know
nothing of batches, reads names and metadata anew with every metric, which is what it needs more.

${table(ingests, results, ingestColumns, ({ cpuPerMillion }) => cpuPerMillion)}${skippedText(measured)}
`
}
