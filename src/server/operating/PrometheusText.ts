import { Effect } from "effect"
import { nextTurn } from "../../domain/nextTurn.js"
import type { LatestPoint, StoreStats } from "../../store/MetricStore.js"
import type { ServerCounters } from "../ServerCounters.js"
import { DURATION_BOUNDS } from "./CommitDurations.js"
import {
  Exposition,
  type ExpositionFormat,
  expositionName,
  type FamilyType,
  labelsText,
  type Sample
} from "./Exposition.js"

/** What the process of the server takes of its machine. */
export interface ProcessUse {
  readonly residentBytes: number
  readonly cpuSeconds: number
}

/** What a server knows of itself. */
export interface ServerState {
  readonly version: string
  /** Ms since the epoch. */
  readonly startedAt: number
  readonly uptimeSeconds: number
  readonly process: ProcessUse
  readonly counters: ServerCounters
  readonly inFlightBytes: number
  readonly store: StoreStats
}

/** Newest values older than this are left out, as a scraper leaves out a target that is gone. */
export const LATEST_AGE = 5 * 60_000

// Series looked at, or written, in one turn of the event loop: about 2 ms.
const slice = 1_000

const encoder = new TextEncoder()

/**
 * Writes a server's own metrics, and the newest value of every series: its
 * metric type is the name of the family, its origin and tags are labels, and
 * it carries its own time. `now` is ms since the epoch; of more than `limit`
 * series the rest is left out, and a comment says how many. The text comes in
 * pieces of some 100 KiB, and others have their turn while it is written.
 */
export const prometheusText = (
  format: ExpositionFormat,
  server: ServerState,
  latest: ReadonlyArray<LatestPoint>,
  now: number,
  limit: number
): Effect.Effect<ReadonlyArray<Uint8Array>> =>
  Effect.gen(function*() {
    const out = new Exposition(format)
    const pieces: Array<Uint8Array> = []
    writeServer(out, server)
    const families = new Families(out)
    let met = 0
    for (let i = 0; i < latest.length; i++) {
      if (latest[i].time > now - LATEST_AGE && met++ < limit) families.add(latest[i])
      if ((i + 1) % slice === 0) yield* nextTurn
    }
    let written = 0
    for (const [name, { samples, type }] of families.byName) {
      out.begin(name, type, help)
      for (const [labels, { time, value }] of samples) {
        out.sample(labels, value, time)
        if (++written % slice === 0) {
          pieces.push(encoder.encode(out.take()))
          yield* nextTurn
        }
      }
    }
    if (met > limit) out.comment(`${met - limit} series were left out: ask for more with limit=`)
    out.end()
    pieces.push(encoder.encode(out.take()))
    return pieces
  })

const writeServer = (out: Exposition, server: ServerState): void => {
  const { counters, store } = server
  const counter = (name: string, help: string, value: number) =>
    out.family(`metrics_collector_${name}`, "counter", help, [{ value }])
  const gauge = (name: string, help: string, ...samples: ReadonlyArray<Sample>) =>
    out.family(`metrics_collector_${name}`, "gauge", help, samples)
  const { commits, connections } = counters

  gauge("build_info", "Version of the server.", { labels: [["version", server.version]], value: 1 })
  gauge("uptime_seconds", "Time since the server started.", { value: server.uptimeSeconds })
  counter("points_stored", "Points stored since the start.", counters.points)
  counter("received_bytes", "Bytes of bodies and frames that brought metrics.", counters.bytes)
  counter("points_rejected", "Points refused since the start.", counters.rejected)
  counter("batches", "Batches committed since the start.", counters.batches)
  counter("plain_requests", "Plain frames and requests answered since the start.", counters.plainRequests)
  counter("queries", "Queries answered since the start.", counters.queries)
  counter("requests_refused", "Requests refused for their token, origin or host.", counters.refused)
  counter("busy", "Answers that told a client to come again later.", counters.busy)
  gauge(
    "connections",
    "Open connections.",
    { labels: [["mode", "batch"]], value: connections.batch },
    { labels: [["mode", "plain"]], value: connections.plain },
    { labels: [["mode", "live"]], value: connections.live }
  )
  gauge("in_flight_bytes", "Bytes received and not yet stored.", { value: server.inFlightBytes })
  gauge("store_series", "Series in the store.", { value: store.series })
  gauge("store_points", "Points in the store.", { value: store.points })
  gauge("store_bytes", "Bytes of the store on disk.", { value: store.bytes })
  out.family(
    "metrics_collector_commit_duration_seconds",
    "histogram",
    "How long the store takes to commit what came.",
    [
      ...commits.cumulative.map((value, i): Sample => ({
        suffix: "_bucket",
        labels: [["le", String(DURATION_BOUNDS[i])]],
        value
      })),
      { suffix: "_bucket", labels: [["le", "+Inf"]], value: commits.count },
      { suffix: "_sum", value: commits.sum },
      { suffix: "_count", value: commits.count }
    ]
  )
  out.family("process_cpu_seconds", "counter", "CPU time of the process, user and system.", [
    { value: server.process.cpuSeconds }
  ])
  out.family("process_resident_memory_bytes", "gauge", "Memory of the process.", [
    { value: server.process.residentBytes }
  ])
  out.family("process_start_time_seconds", "gauge", "When the server started, since the epoch.", [
    { value: server.startedAt / 1000 }
  ])
}

const help = "Newest value of each series of this metric type."

interface Family {
  readonly type: FamilyType
  /** Points by their labels, as they are written. */
  readonly samples: Map<string, LatestPoint>
}

/** The newest points by the family that each belongs to. */
class Families {
  readonly byName = new Map<string, Family>()
  private readonly names = new Map<string, string>()

  constructor(private readonly out: Exposition) {}

  add(point: LatestPoint): void {
    const { kind, metricType } = point.series
    const plain = this.nameOf(metricType)
    const type = kind === "counter" || kind === "gauge" ? kind : "unknown"
    // A family has one type, and is not one of the server's own.
    let name = type === "counter" ? plain.replace(/_total$/, "") : plain
    while (this.out.has(name) || (this.byName.get(name)?.type ?? type) !== type) name += "_"
    const { samples } = this.byName.get(name) ?? this.begin(name, type)
    samples.set(labelsText(this.labelsOf(point, plain !== metricType)), point)
  }

  private begin(name: string, type: FamilyType): Family {
    const made: Family = { type, samples: new Map() }
    this.byName.set(name, made)
    return made
  }

  private nameOf(text: string): string {
    const known = this.names.get(text)
    if (known !== undefined) return known
    const name = expositionName(text)
    this.names.set(text, name)
    return name
  }

  /** Origin and tags; the metric type as well where the family's name is not it, so that no two series become one. */
  private labelsOf({ series }: LatestPoint, renamed: boolean): NonNullable<Sample["labels"]> {
    const labels = new Map([["origin", series.origin]])
    if (renamed) labels.set("metric_type", series.metricType)
    for (const [key, value] of Object.entries(series.tags)) {
      let name = this.nameOf(key)
      // Names that begin with two underscores belong to Prometheus.
      if (name.startsWith("__")) name = `tag${name}`
      while (labels.has(name)) name += "_"
      labels.set(name, value)
    }
    return Array.from(labels)
  }
}
