import type { Json, JsonObject } from "../../domain/Json.js"
import { makeSeries, type Series } from "../../domain/Series.js"

const origin = "metrics-collector"

/** The series that takes the points of a metric type that has too many series. */
export const overflowSeries = (metricType: string): Series => makeSeries(origin, metricType, { overflow: "true" })

/** Whether a series is an {@link overflowSeries}. */
export const isOverflow = (series: Series): boolean =>
  series.origin === origin && series.key === overflowSeries(series.metricType).key

/** What a point of the overflow series carries: of which series it was, and its own fields. */
export const overflowFields = ({ origin, tags }: Series, fields: JsonObject | undefined): JsonObject => ({
  overflow: { origin, tags, ...(fields === undefined ? {} : { fields }) }
})

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The series of which a point of the overflow series was; `undefined` when its fields do not say. */
export const originalSeries = (metricType: string, fields: JsonObject | undefined): Series | undefined => {
  const own = fields?.["overflow"]
  if (!isObject(own) || typeof own["origin"] !== "string" || !isObject(own["tags"])) return undefined
  const tags: Array<readonly [string, string]> = []
  for (const [key, value] of Object.entries(own["tags"])) if (typeof value === "string") tags.push([key, value])
  return makeSeries(own["origin"], metricType, Object.fromEntries(tags))
}
