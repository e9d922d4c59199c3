import type { Point, QueriedSeries } from "./Points.js"

/** The server asks for a token. */
export class Unauthorized extends Error {}

/** The server refused a question; the message is the server's. */
export class Refused extends Error {}

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const get = async <A>(path: string, read: (json: unknown) => A | undefined, signal?: AbortSignal): Promise<A> => {
  const response = await fetch(path, {
    headers: { accept: "application/json" },
    ...(signal === undefined ? undefined : { signal })
  })
  if (response.status === 401) throw new Unauthorized(path)
  const json: unknown = await response.json()
  if (!response.ok) {
    throw new Refused(
      isRecord(json) && typeof json["message"] === "string" ? json["message"] : `${path}: ${response.status}`
    )
  }
  const value = read(json)
  if (value === undefined) throw new Error(`${path}: unexpected answer`)
  return value
}

const isPoint = (value: unknown): value is Point =>
  isRecord(value) && typeof value["origin"] === "string" && typeof value["metric_type"] === "string" &&
  isRecord(value["tags"]) && typeof value["timestamp"] === "number" && typeof value["value"] === "number"

/** Reads an array of points, leaving out what is none. */
export const readPoints = (json: unknown): ReadonlyArray<Point> | undefined =>
  Array.isArray(json) ? json.filter(isPoint) : undefined

const isSeries = (value: unknown): value is QueriedSeries =>
  isRecord(value) && typeof value["origin"] === "string" && isRecord(value["tags"]) && Array.isArray(value["points"])

/** The newest point of each series. */
export const latest = (): Promise<ReadonlyArray<Point>> => get("api/latest", readPoints)

/** A series of `/api/series`. */
export interface SeriesEntry {
  readonly origin: string
  readonly metric_type: string
  readonly tags: { readonly [key: string]: string }
}

const isEntry = (value: unknown): value is SeriesEntry =>
  isRecord(value) && typeof value["origin"] === "string" && typeof value["metric_type"] === "string" &&
  isRecord(value["tags"])

/** Which series there are. */
export const allSeries = (): Promise<ReadonlyArray<SeriesEntry>> =>
  get("api/series", (json) => Array.isArray(json) ? json.filter(isEntry) : undefined)

/** A question of `/api/query`. Times are ms since the epoch, `from` ≤ t < `to`; `step` is in ms. */
export interface Query {
  readonly metricType: string
  readonly origin?: string | undefined
  readonly tags?: { readonly [key: string]: string } | undefined
  readonly from: number
  readonly to?: number | undefined
  readonly step: number
  readonly aggregate?: string | undefined
  /** Tags by which series are put together; `undefined`: each for itself. */
  readonly by?: ReadonlyArray<string> | undefined
}

/** The URL of a question, for people who want the same from a program. */
export const queryPath = (query: Query): string => {
  const parameters = new URLSearchParams({ metric_type: query.metricType })
  if (query.origin !== undefined) parameters.set("origin", query.origin)
  for (const [key, value] of Object.entries(query.tags ?? {})) parameters.set(`tag.${key}`, value)
  parameters.set("from", String(Math.floor(query.from)))
  if (query.to !== undefined) parameters.set("to", String(Math.ceil(query.to)))
  parameters.set("step", String(query.step))
  parameters.set("aggregate", query.aggregate ?? "avg")
  if (query.by !== undefined) parameters.set("by", query.by.join(","))
  return `api/query?${parameters}`
}

/** Series with one value every `step`, oldest first. */
export const ask = (query: Query, signal?: AbortSignal): Promise<ReadonlyArray<QueriedSeries>> =>
  get(
    queryPath(query),
    (json) => isRecord(json) && Array.isArray(json["series"]) ? json["series"].filter(isSeries) : undefined,
    signal
  )

const isAnswered = (value: unknown): value is ServerStatus =>
  isRecord(value) && isRecord(value["store"]) && isRecord(value["received"]) && Array.isArray(value["streams"])

/** What the dashboard reads of `/api/status`; see `ServerStatus` in `wire/Api`. */
export interface ServerStatus {
  readonly version: string
  readonly time: number
  readonly startedAt: number
  readonly uptimeSeconds: number
  readonly process: { readonly residentBytes: number; readonly cpuSeconds: number }
  readonly store: { readonly series: number; readonly points: number; readonly bytes: number }
  readonly streamCount: number
  readonly streams: ReadonlyArray<{
    readonly stream: string
    readonly sender: string
    readonly next: number
    readonly rejected: number
    readonly firstSeen: number
    readonly lastSeen: number
    readonly transport?: "socket" | "http"
  }>
  readonly connections: { readonly batch: number; readonly plain: number; readonly live: number }
  readonly received: {
    readonly bytes: number
    readonly batches: number
    readonly plainRequests: number
    readonly points: number
    readonly rejected: number
    readonly queries: number
    readonly refused: number
    readonly busy: number
  }
  readonly commits: { readonly count: number; readonly p50Millis: number; readonly p99Millis: number }
  readonly inFlightBytes: number
}

/** What the server does and holds. */
export const status = (): Promise<ServerStatus> => get("api/status", (json) => isAnswered(json) ? json : undefined)

/** A loss as `/api/losses` tells it. */
export interface Loss {
  readonly stream: string
  readonly sender: string
  readonly from: number
  readonly to: number
  /** `null`: nobody could count. */
  readonly count: number | null
  readonly reason: string
  /** When the server wrote it down, ms since the epoch. */
  readonly at: number
  /** Of a loss before anything was accepted: who lost it, and from when to when. */
  readonly generator?: string
  readonly timeFrom?: number
  readonly timeTo?: number
}

const isLoss = (value: unknown): value is Loss =>
  isRecord(value) && typeof value["reason"] === "string" &&
  (typeof value["count"] === "number" || value["count"] === null)

/** The newest losses. */
export const losses = (limit: number): Promise<ReadonlyArray<Loss>> =>
  get(`api/losses?limit=${limit}`, (json) => Array.isArray(json) ? json.filter(isLoss) : undefined)

/** Trades the token for a session cookie, because an EventSource cannot send headers. */
export const openSession = async (token: string): Promise<boolean> => {
  const response = await fetch("api/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token })
  })
  return response.ok
}
