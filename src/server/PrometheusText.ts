import type { StoreStats } from "../store/MetricStore.js"
import type { ServerCounters } from "./ServerCounters.js"

const escapeLabel = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\"", "\\\"")

/**
 * Writes a server's own metrics in the Prometheus text format, version 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export const prometheusText = (
  server: {
    readonly version: string
    readonly uptimeSeconds: number
    readonly counters: ServerCounters
    readonly inFlightBytes: number
    readonly store: StoreStats
  }
): string => {
  const { counters, store } = server
  const lines: Array<string> = []
  const write = (
    name: string,
    type: "counter" | "gauge",
    help: string,
    ...samples: ReadonlyArray<readonly [labels: string, value: number]>
  ) => {
    lines.push(`# HELP metrics_collector_${name} ${help}`, `# TYPE metrics_collector_${name} ${type}`)
    for (const [labels, value] of samples) lines.push(`metrics_collector_${name}${labels} ${value}`)
  }
  write("build_info", "gauge", "Version of the server.", [`{version="${escapeLabel(server.version)}"}`, 1])
  write("uptime_seconds", "gauge", "Time since the server started.", ["", server.uptimeSeconds])
  write("points_stored_total", "counter", "Points stored since the start.", ["", counters.points])
  write("points_rejected_total", "counter", "Points refused since the start.", ["", counters.rejected])
  write("batches_total", "counter", "Batches committed since the start.", ["", counters.batches])
  write("plain_requests_total", "counter", "Plain frames and requests answered since the start.", [
    "",
    counters.plainRequests
  ])
  write("queries_total", "counter", "Queries answered since the start.", ["", counters.queries])
  write("requests_refused_total", "counter", "Requests refused for their token, origin or host.", [
    "",
    counters.refused
  ])
  write("busy_total", "counter", "Answers that told a client to come again later.", ["", counters.busy])
  write(
    "connections",
    "gauge",
    "Open connections.",
    ["{mode=\"batch\"}", counters.connections.batch],
    ["{mode=\"plain\"}", counters.connections.plain],
    ["{mode=\"live\"}", counters.connections.live]
  )
  write("in_flight_bytes", "gauge", "Bytes received and not yet stored.", ["", server.inFlightBytes])
  write("store_series", "gauge", "Series in the store.", ["", store.series])
  write("store_points", "gauge", "Points in the store.", ["", store.points])
  write("store_bytes", "gauge", "Bytes of the store on disk.", ["", store.bytes])
  return lines.join("\n") + "\n"
}
