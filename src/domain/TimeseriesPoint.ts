import { Either, Schema } from "effect"
import { decodeMetric, type ProblemDetail } from "./decodeMetric.js"
import { type GenericMetric, Metadata } from "./GenericMetric.js"
import { identity, metadataOf, type Tags } from "./Identity.js"
import type { Json } from "./Json.js"
import { formatIso } from "./Timestamp.js"

/** A point in the form that time-series databases take, as `toTimeseriesFormat` writes it. */
export const TimeseriesPoint = Schema.Struct({
  /** `<origin>_metrics`. */
  measurement: Schema.String,
  /** Identity: `origin`, `metric_type` and the metric's tags. */
  tags: Schema.Record({ key: Schema.String, value: Schema.String }),
  /** `value` and what else belongs to this point alone. */
  fields: Metadata,
  /** ISO 8601, UTC. */
  timestamp: Schema.optionalWith(Schema.String, { exact: true })
}).annotations({ identifier: "TimeseriesPoint" })

/** A point in the form that time-series databases take. */
export type TimeseriesPoint = typeof TimeseriesPoint.Type

const suffix = "_metrics"
const reserved = /^_*(?:origin|metric_type|value)$/
const escaped = /^_+(?:origin|metric_type|value)$/

// A metadata key that would collide with a column of ours gains one `_`, and
// so do the keys that already look escaped: that is what makes it reversible.
const escapeKey = (key: string): string => reserved.test(key) ? `_${key}` : key
const unescapeKey = (key: string): string => escaped.test(key) ? key.slice(1) : key

const mapKeys = <A>(record: { readonly [key: string]: A }, rename: (key: string) => string): { [key: string]: A } =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [rename(key), value]))

/** Writes a metric as a point: `{measurement: "<origin>_metrics", tags, fields, timestamp}`. */
export const toTimeseriesFormat = (metric: GenericMetric): TimeseriesPoint => {
  const { fields, tags } = identity(metric)
  return {
    measurement: metric.origin + suffix,
    tags: { origin: metric.origin, metric_type: metric.metricType, ...mapKeys(tags, escapeKey) },
    fields: {
      value: metric.value === 0 ? 0 : metric.value,
      ...(fields === undefined ? undefined : mapKeys(fields, escapeKey))
    },
    ...(metric.timestamp === undefined ? undefined : { timestamp: formatIso(metric.timestamp) })
  }
}

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Whether a decoded JSON value is meant as a point rather than as a {@link GenericMetric}. */
export const looksLikePoint = (value: unknown): boolean =>
  isRecord(value) && !Object.hasOwn(value, "metric_type") &&
  (Object.hasOwn(value, "measurement") || Object.hasOwn(value, "fields"))

const isTags = (value: unknown): value is Tags =>
  isRecord(value) && Object.values(value).every((item) => typeof item === "string")

const isFields = (value: unknown): value is { readonly [key: string]: Json } => isRecord(value)

/**
 * Reads a point, ours or a foreign one, or says why it cannot be taken. The
 * origin is `tags.origin`, else the measurement less `_metrics`; a point
 * without `metric_type` or without a finite `value` is refused. String fields
 * become `{"value": text}` in metadata, so that they do not identify a series.
 */
export const decodePoint = (input: unknown, detail: ProblemDetail = "full"): Either.Either<GenericMetric, string> => {
  if (!isRecord(input)) return Either.left("expected an object")
  const { fields, measurement, tags = {}, timestamp } = input
  if (measurement !== undefined && typeof measurement !== "string") {
    return Either.left("measurement: expected a string")
  }
  if (!isTags(tags)) return Either.left("tags: expected an object of strings")
  if (!isFields(fields)) return Either.left("fields: expected an object")
  if (!Object.hasOwn(tags, "metric_type")) return Either.left("tags.metric_type: is missing")
  if (!Object.hasOwn(fields, "value")) return Either.left("fields.value: is missing")
  if (Object.hasOwn(tags, "__proto__") || Object.hasOwn(fields, "__proto__")) {
    return Either.left("the key __proto__ is not allowed")
  }
  const { metric_type, origin: taggedOrigin, ...ownTags } = tags
  const { value, ...ownFields } = fields
  const origin = taggedOrigin ??
    (measurement?.endsWith(suffix) === true ? measurement.slice(0, -suffix.length) : measurement)
  const metadata = metadataOf(mapKeys(ownTags, unescapeKey), mapKeys(ownFields, unescapeKey))
  return decodeMetric({ origin, metric_type, value, timestamp, metadata }, detail)
}

/** Reads what a plain client sends: a metric in its wire form or a point. */
export const decodeMetricOrPoint = (
  input: unknown,
  detail: ProblemDetail = "full"
): Either.Either<GenericMetric, string> =>
  looksLikePoint(input) ? decodePoint(input, detail) : decodeMetric(input, detail)
