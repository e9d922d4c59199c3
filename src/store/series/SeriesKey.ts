import type { Tags } from "../../domain/Identity.js"
import type { Series } from "../../domain/Series.js"

const isTags = (value: unknown): value is Tags =>
  typeof value === "object" && value !== null && !Array.isArray(value) &&
  Object.values(value).every((tag) => typeof tag === "string")

const isList = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

/** The series that a key names, or `undefined` for a text that is no key. The inverse of `seriesKey`. */
export const readSeriesKey = (key: string): Series | undefined => {
  let parsed: unknown
  try {
    parsed = JSON.parse(key)
  } catch {
    return undefined
  }
  if (!isList(parsed) || parsed.length !== 3) return undefined
  const [origin, metricType, tags] = parsed
  return typeof origin === "string" && typeof metricType === "string" && isTags(tags)
    ? { origin, metricType, tags, key }
    : undefined
}
