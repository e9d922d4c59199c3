import type { Json, JsonObject } from "./Json.js"

/** Tags of a series: names and their string values, sorted by name. */
export interface Tags {
  readonly [key: string]: string
}

/** What identifies a series beside `origin` and `metric_type`, and what belongs to the single point. */
export interface Identity {
  readonly tags: Tags
  /** Fields beside `value`; `undefined` when there are none. */
  readonly fields: JsonObject | undefined
}

const isText = (value: Json): value is { readonly value: string } => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false
  const keys = Object.keys(value)
  return keys.length === 1 && keys[0] === "value" && typeof Object.values(value)[0] === "string"
}

// UTF-16 order, the order of `Array.prototype.sort`: the same on every machine.
const sortedTags = (pairs: Array<readonly [string, string]>): Tags => {
  if (pairs.length > 1) pairs.sort((a, b) => a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)
  return Object.fromEntries(pairs)
}

/**
 * Splits metadata into tags and fields: top-level strings are tags, everything
 * else is fields. A string that must not identify is written `{"value": "x"}`
 * in metadata and is the string field `"x"` here. {@link metadataOf} is the
 * exact inverse.
 */
export const identity = (metric: { readonly metadata: JsonObject }): Identity => {
  const tags: Array<readonly [string, string]> = []
  const fields: Array<readonly [string, Json]> = []
  for (const [key, value] of Object.entries(metric.metadata)) {
    if (typeof value === "string") tags.push([key, value])
    else fields.push([key, isText(value) ? value.value : value])
  }
  return { tags: sortedTags(tags), fields: fields.length === 0 ? undefined : Object.fromEntries(fields) }
}

/** Puts tags and fields together again as metadata. */
export const metadataOf = (tags: Tags, fields: JsonObject | undefined): JsonObject => {
  const entries: Array<readonly [string, Json]> = Object.entries(tags)
  if (fields !== undefined) {
    for (const [key, value] of Object.entries(fields)) {
      entries.push([key, typeof value === "string" ? { value } : value])
    }
  }
  return Object.fromEntries(entries)
}

/** A text that is equal for two series exactly when they are the same series. Tags must be sorted. */
export const seriesKey = (origin: string, metricType: string, tags: Tags): string =>
  JSON.stringify([origin, metricType, tags])
