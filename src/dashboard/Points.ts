/** A point as `/api/latest` and `/api/live` give it. */
export interface Point {
  readonly origin: string
  readonly metric_type: string
  readonly tags: { readonly [key: string]: string }
  /** Ms since the epoch. */
  readonly timestamp: number
  readonly value: number
  readonly fields?: { readonly [key: string]: unknown } | null
}

/** A series as `/api/query` answers it: `[ms, value]` pairs, oldest first. */
export interface QueriedSeries {
  readonly origin: string
  readonly metric_type: string
  readonly tags: { readonly [key: string]: string }
  readonly points: ReadonlyArray<readonly [number, number | null]>
}

/** Equal for two points exactly when they belong to one series. */
export const seriesKey = (point: Pick<Point, "origin" | "metric_type" | "tags">): string =>
  JSON.stringify([point.origin, point.metric_type, Object.entries(point.tags).sort(([a], [b]) => a < b ? -1 : 1)])

/** Equal for two series exactly when they share a chart. */
export const chartKey = (point: Pick<Point, "origin" | "metric_type">): string =>
  JSON.stringify([point.origin, point.metric_type])

/** Tags as people write them: `core=3 host=web-1`. */
export const tagText = (tags: { readonly [key: string]: string }, without: ReadonlySet<string> = new Set()): string =>
  Object.entries(tags).filter(([key]) => !without.has(key)).map(([key, value]) => `${key}=${value}`).join(" ")

/**
 * Whether a point passes the filter: every word must occur in its origin,
 * metric type or `key=value` tags.
 */
export const passes = (filter: string, point: Pick<Point, "origin" | "metric_type" | "tags">): boolean => {
  const text = `${point.origin} ${point.metric_type} ${tagText(point.tags)}`.toLowerCase()
  return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word))
}
