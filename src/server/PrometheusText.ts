import type { StoreStats } from "../store/MetricStore.js"
import { DURATION_BOUNDS } from "./CommitDurations.js"
import type { ServerCounters } from "./ServerCounters.js"

const escapeLabel = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\"", "\\\"")

/** What the process of the server takes of its machine. */
export interface ProcessUse {
  readonly residentBytes: number
  readonly cpuSeconds: number
}

/**
 * Writes a server's own metrics in the Prometheus text format, version 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export const prometheusText = (
  server: {
    readonly version: string
    /** Ms since the epoch. */
    readonly startedAt: number
    readonly uptimeSeconds: number
    readonly process: ProcessUse
    readonly counters: ServerCounters
    readonly inFlightBytes: number
    readonly store: StoreStats
  }
): string => {
  const { counters, store } = server
  const lines: Array<string> = []
  const write = (
    name: string,
    type: "counter" | "gauge" | "histogram",
    help: string,
    ...samples: ReadonlyArray<readonly [suffixAndLabels: string, value: number]>
  ) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
    for (const [labels, value] of samples) lines.push(`${name}${labels} ${value}`)
  }
  write("metrics_collector_build_info", "gauge", "Version of the server.", [
    `{version="${escapeLabel(server.version)}"}`,
    1
  ])
  write("metrics_collector_uptime_seconds", "gauge", "Time since the server started.", ["", server.uptimeSeconds])
  write("metrics_collector_points_stored_total", "counter", "Points stored since the start.", ["", counters.points])
  write("metrics_collector_received_bytes_total", "counter", "Bytes of bodies and frames that brought metrics.", [
    "",
    counters.bytes
  ])
  write("metrics_collector_points_rejected_total", "counter", "Points refused since the start.", [
    "",
    counters.rejected
  ])
  write("metrics_collector_batches_total", "counter", "Batches committed since the start.", ["", counters.batches])
  write("metrics_collector_plain_requests_total", "counter", "Plain frames and requests answered since the start.", [
    "",
    counters.plainRequests
  ])
  write("metrics_collector_queries_total", "counter", "Queries answered since the start.", ["", counters.queries])
  write("metrics_collector_requests_refused_total", "counter", "Requests refused for their token, origin or host.", [
    "",
    counters.refused
  ])
  write("metrics_collector_busy_total", "counter", "Answers that told a client to come again later.", [
    "",
    counters.busy
  ])
  write(
    "metrics_collector_connections",
    "gauge",
    "Open connections.",
    ["{mode=\"batch\"}", counters.connections.batch],
    ["{mode=\"plain\"}", counters.connections.plain],
    ["{mode=\"live\"}", counters.connections.live]
  )
  write("metrics_collector_in_flight_bytes", "gauge", "Bytes received and not yet stored.", ["", server.inFlightBytes])
  write("metrics_collector_store_series", "gauge", "Series in the store.", ["", store.series])
  write("metrics_collector_store_points", "gauge", "Points in the store.", ["", store.points])
  write("metrics_collector_store_bytes", "gauge", "Bytes of the store on disk.", ["", store.bytes])
  const { commits } = counters
  write(
    "metrics_collector_commit_duration_seconds",
    "histogram",
    "How long the store takes to commit what came.",
    ...commits.cumulative.map((count, i) => [`_bucket{le="${DURATION_BOUNDS[i]}"}`, count] as const),
    ["_bucket{le=\"+Inf\"}", commits.count],
    ["_sum", commits.sum],
    ["_count", commits.count]
  )
  write("process_cpu_seconds_total", "counter", "CPU time of the process, user and system.", [
    "",
    server.process.cpuSeconds
  ])
  write("process_resident_memory_bytes", "gauge", "Memory of the process.", ["", server.process.residentBytes])
  write("process_start_time_seconds", "gauge", "When the server started, since the epoch.", [
    "",
    server.startedAt / 1000
  ])
  return lines.join("\n") + "\n"
}
