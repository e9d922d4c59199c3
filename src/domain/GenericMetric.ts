import { ParseResult, Schema } from "effect"
import { deepFreeze, isMetadata, isWellFormed, type JsonObject, metadataProblem } from "./Json.js"
import { formatIso, isTimestamp, MAX_TIMESTAMP, MIN_TIMESTAMP, parseTimestamp } from "./Timestamp.js"

/** Most UTF-16 units of an `origin` or a `metric_type`. */
export const MAX_NAME_LENGTH = 255

/** Whether a value can be an `origin` or a `metric_type`: 1 to 255 units of well-formed text. */
export const isMetricName = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= MAX_NAME_LENGTH && isWellFormed(value)

/** An `origin` or a `metric_type`: non-empty, at most 255 units, well-formed Unicode. */
export const MetricName = Schema.String.annotations({ message: () => "expected a string" }).pipe(
  Schema.minLength(1, { message: () => "expected a non-empty string" }),
  Schema.maxLength(MAX_NAME_LENGTH, { message: () => `expected at most ${MAX_NAME_LENGTH} characters` }),
  Schema.filter(isWellFormed, { message: () => "the string holds a lone surrogate" })
).annotations({ identifier: "MetricName" })

/** A finite number. −0 becomes 0 on the wire, because JSON writes both as `0`. */
export const MetricValue = Schema.transform(
  Schema.Number.annotations({ message: () => "expected a finite number" }).pipe(
    Schema.finite({ message: () => "expected a finite number" })
  ),
  Schema.Finite,
  { strict: true, decode: (value) => value === 0 ? 0 : value, encode: (value) => value }
)

const TimestampMillis = Schema.Number.pipe(
  Schema.filter(isTimestamp, {
    message: () => "expected whole milliseconds since the epoch, years 0 to 9999",
    arbitrary: () => (fc) => fc.integer({ min: MIN_TIMESTAMP, max: MAX_TIMESTAMP }),
    jsonSchema: { type: "integer", minimum: MIN_TIMESTAMP, maximum: MAX_TIMESTAMP }
  })
)

const timestampProblem = "expected ISO 8601 or milliseconds since the epoch, years 0 to 9999"

/**
 * A timestamp: ms since the epoch in the program; on the wire ISO 8601 text is
 * written, and ISO 8601 text or epoch ms is read. See `domain/Timestamp`.
 */
export const Timestamp = Schema.transformOrFail(
  Schema.Union(Schema.String, Schema.Number).annotations({
    message: () => ({ message: timestampProblem, override: true })
  }),
  TimestampMillis,
  {
    strict: true,
    decode: (value, _, ast) => {
      const millis = parseTimestamp(value)
      return millis === undefined
        ? ParseResult.fail(
          new ParseResult.Type(ast, value, timestampProblem)
        )
        : ParseResult.succeed(millis)
    },
    encode: (millis) => ParseResult.succeed(formatIso(millis))
  }
).annotations({ identifier: "Timestamp" })

const checkMetadata = (value: unknown, ast: Schema.Schema.Any["ast"]) => {
  const problem = metadataProblem(value)
  return problem === undefined && isMetadata(value)
    ? ParseResult.succeed(value)
    : ParseResult.fail(new ParseResult.Type(ast, value, problem))
}

/** A JSON object within `MetadataLimits`: 8 KiB as JSON, 8 levels, no `__proto__`, no lone surrogates. */
export const Metadata: Schema.Schema<JsonObject> = Schema.declare([], {
  decode: () => (value: unknown, _, ast) => checkMetadata(value, ast),
  encode: () => (value: unknown, _, ast) => checkMetadata(value, ast)
}, {
  identifier: "Metadata",
  description: "A JSON object of at most 8 KiB and 8 levels. Top-level strings identify the series.",
  jsonSchema: { type: "object", additionalProperties: true },
  arbitrary: () => (fc) =>
    fc.dictionary(
      fc.oneof(
        fc.string({ unit: "grapheme", maxLength: 12 }),
        fc.constantFrom("value", "_value", "origin", "__origin", "metric_type", "host", "constructor")
      ),
      fc.oneof(
        fc.string({ unit: "grapheme", maxLength: 20 }),
        fc.constant("").map((value) => ({ value })),
        fc.string({ unit: "grapheme", maxLength: 20 }).map((value) => ({ value })),
        fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme" })
      ),
      { maxKeys: 6 }
    ).map((object) => JSON.parse(JSON.stringify(object)) as unknown).filter(isMetadata)
})

const noMetadata: JsonObject = Object.freeze({})

/**
 * One number that a source measured at one instant: the form in which every
 * number travels from a generator to the store.
 *
 * `timestamp` is ms since the epoch; a metric without one is stamped from the
 * Clock by whoever accepts it. Top-level strings in `metadata` are tags and,
 * with `origin` and `metricType`, identify the series; everything else is
 * context of the point (see `identity`). Absent metadata is the empty object.
 *
 * On the wire: `{"origin","metric_type","value","timestamp","metadata"}`.
 */
export class GenericMetric extends Schema.Class<GenericMetric>("GenericMetric")({
  origin: MetricName,
  metricType: Schema.propertySignature(MetricName).pipe(Schema.fromKey("metric_type")),
  value: MetricValue,
  timestamp: Schema.optionalWith(Timestamp, { nullable: true }),
  metadata: Schema.optionalWith(Metadata, { default: () => noMetadata, nullable: true })
}) {}

/** A {@link GenericMetric} as JSON carries it. */
export type WireMetric = typeof GenericMetric.Encoded

/** Writes a metric in its wire form. */
export const toWire = (metric: GenericMetric): WireMetric => ({
  origin: metric.origin,
  metric_type: metric.metricType,
  value: metric.value === 0 ? 0 : metric.value,
  ...(metric.timestamp === undefined ? undefined : { timestamp: formatIso(metric.timestamp) }),
  metadata: metric.metadata
})

/** What the fields of a metric must be, as it is told of one of which they are not. */
export const fieldProblems = {
  origin: `origin: expected 1 to ${MAX_NAME_LENGTH} characters`,
  metricType: `metric_type: expected 1 to ${MAX_NAME_LENGTH} characters`,
  value: "value: expected a finite number",
  /** In the wire form. */
  timestamp: `timestamp: ${timestampProblem}`
} as const

/**
 * Says what is wrong with a metric made in the program (`new GenericMetric`
 * checks, but validation can be switched off and values computed), or
 * `undefined` when it may be accepted. Freezes its metadata, so that later
 * changes by the caller cannot reach a metric that was accepted.
 */
export const metricProblem = (metric: GenericMetric): string | undefined => {
  if (!isMetricName(metric.origin)) return fieldProblems.origin
  if (!isMetricName(metric.metricType)) return fieldProblems.metricType
  if (!Number.isFinite(metric.value)) return fieldProblems.value
  if (metric.timestamp !== undefined && !isTimestamp(metric.timestamp)) {
    return "timestamp: expected whole milliseconds since the epoch, years 0 to 9999"
  }
  return frozenMetadataProblem(metric.metadata)
}

// Generators reuse one metadata object for many metrics: what was checked and
// frozen once needs no second walk.
const checked = new WeakSet<JsonObject>([noMetadata])

const frozenMetadataProblem = (metadata: JsonObject): string | undefined => {
  if (checked.has(metadata)) return undefined
  const problem = metadataProblem(metadata)
  if (problem === undefined) checked.add(deepFreeze(metadata))
  return problem
}
