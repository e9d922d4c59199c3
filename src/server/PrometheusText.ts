import type { LatestPoint, StoreStats } from "../store/MetricStore.js"
import { DURATION_BOUNDS } from "./CommitDurations.js"
import { Exposition, type ExpositionFormat, expositionName, type FamilyType, type Sample } from "./Exposition.js"
import type { ServerCounters } from "./ServerCounters.js"

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

/**
 * Writes a server's own metrics, and the newest value of every series: its
 * metric type is the name of the family, its origin and tags are labels, and
 * it carries its own time. `now` is ms since the epoch; of more than `limit`
 * series the rest is left out, and a comment says how many.
 */
export const prometheusText = (
  format: ExpositionFormat,
  server: ServerState,
  latest: ReadonlyArray<LatestPoint>,
  now: number,
  limit: number
): string => {
  const out = new Exposition(format)
  writeServer(out, server)
  writeLatest(out, latest.filter(({ time }) => time > now - LATEST_AGE), limit)
  return out.text()
}

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
  readonly samples: Map<string, Sample>
}

const writeLatest = (out: Exposition, latest: ReadonlyArray<LatestPoint>, limit: number): void => {
  const families = new Map<string, Family>()
  for (const point of latest.slice(0, limit)) {
    const { kind, metricType } = point.series
    const plain = expositionName(metricType)
    const type = kind === "counter" || kind === "gauge" ? kind : "unknown"
    const name = type === "counter" ? plain.replace(/_total$/, "") : plain
    const labels = labelsOf(point, plain !== metricType)
    // A family has one type, and is not one of the server's own.
    let family = name
    while (out.has(family) || (families.get(family)?.type ?? type) !== type) family += "_"
    const { samples } = families.get(family) ?? newFamily(families, family, type)
    samples.set(JSON.stringify(labels), { labels, value: point.value, timestamp: point.time })
  }
  for (const [name, { samples, type }] of families) out.family(name, type, help, samples.values())
  if (latest.length > limit) out.comment(`${latest.length - limit} series were left out: ask for more with limit=`)
}

const newFamily = (families: Map<string, Family>, name: string, type: FamilyType): Family => {
  const made: Family = { type, samples: new Map() }
  families.set(name, made)
  return made
}

/** Origin and tags; the metric type as well where the family's name is not it, so that no two series become one. */
const labelsOf = ({ series }: LatestPoint, renamed: boolean): NonNullable<Sample["labels"]> => {
  const labels = new Map([["origin", series.origin]])
  if (renamed) labels.set("metric_type", series.metricType)
  for (const [key, value] of Object.entries(series.tags)) {
    let name = expositionName(key)
    // Names that begin with two underscores belong to Prometheus.
    if (name.startsWith("__")) name = `tag${name}`
    while (labels.has(name)) name += "_"
    labels.set(name, value)
  }
  return Array.from(labels)
}
