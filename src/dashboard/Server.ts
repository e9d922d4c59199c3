import type { Point, QueriedSeries } from "./Points.js"

/** The server asks for a token. */
export class Unauthorized extends Error {}

const get = async <A>(path: string, read: (json: unknown) => A | undefined): Promise<A> => {
  const response = await fetch(path, { headers: { accept: "application/json" } })
  if (response.status === 401) throw new Unauthorized(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  const json: unknown = await response.json()
  const value = read(json)
  if (value === undefined) throw new Error(`${path}: unexpected answer`)
  return value
}

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isPoint = (value: unknown): value is Point =>
  isRecord(value) && typeof value["origin"] === "string" && typeof value["metric_type"] === "string" &&
  isRecord(value["tags"]) && typeof value["timestamp"] === "number" && typeof value["value"] === "number"

const points = (json: unknown): ReadonlyArray<Point> | undefined =>
  Array.isArray(json) ? json.filter(isPoint) : undefined

const isSeries = (value: unknown): value is QueriedSeries =>
  isRecord(value) && typeof value["origin"] === "string" && isRecord(value["tags"]) && Array.isArray(value["points"])

/** The newest point of each series. */
export const latest = (): Promise<ReadonlyArray<Point>> => get("api/latest", points)

/** Averages of one chart's series from `from` (ms since the epoch) on, one every `step` ms. */
export const history = (
  origin: string,
  metricType: string,
  from: number,
  step: number
): Promise<ReadonlyArray<QueriedSeries>> => {
  const query = new URLSearchParams({
    origin,
    metric_type: metricType,
    from: String(from),
    step: String(step),
    aggregate: "avg"
  })
  return get(
    `api/query?${query}`,
    (json) => isRecord(json) && Array.isArray(json["series"]) ? json["series"].filter(isSeries) : undefined
  )
}

/** Trades the token for a session cookie, because an EventSource cannot send headers. */
export const openSession = async (token: string): Promise<boolean> => {
  const response = await fetch("api/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token })
  })
  return response.ok
}

/** What happens on the live feed. */
export interface LiveListener {
  readonly opened: () => void
  readonly arrived: (points: ReadonlyArray<Point>) => void
  readonly lost: () => void
}

/** Follows the points as they are stored; the browser reconnects by itself. */
export const follow = (listener: LiveListener): EventSource => {
  const source = new EventSource("api/live")
  source.addEventListener("open", listener.opened)
  source.addEventListener("metrics", (event: MessageEvent<string>) => {
    listener.arrived(points(JSON.parse(event.data)) ?? [])
  })
  source.addEventListener("error", listener.lost)
  return source
}
