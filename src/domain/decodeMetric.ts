import { Either, ParseResult, Schema } from "effect"
import { GenericMetric, isMetricName } from "./GenericMetric.js"
import { deepFreeze, isMetadata } from "./Json.js"
import { parseTimestamp } from "./Timestamp.js"

const decodeBySchema = Schema.decodeUnknownEither(GenericMetric, { errors: "all" })

/** Writes a parse error in one line, one problem a place: `value: expected a finite number; timestamp: …`. */
export const formatProblem = (error: ParseResult.ParseError): string => {
  const problems = new Map<string, string>()
  for (const { message, path } of ParseResult.ArrayFormatter.formatErrorSync(error)) {
    const place = path.join(".")
    // The first is the problem, those after it are the other members of a union.
    if (!problems.has(place)) {
      problems.set(place, place === "" || message.startsWith(place) ? message : `${place}: ${message}`)
    }
  }
  return Array.from(problems.values()).join("; ")
}

/**
 * Reads a metric from its wire form, or says what is wrong with it.
 *
 * Equal to decoding with the schema (a property test holds them together), at
 * a fraction of its cost: a hand-written guard takes what is right, and the
 * schema runs only on what the guard refuses, for its message. Numbers of this
 * choice are in `docs/benchmarks.md`.
 */
export const decodeMetric = (input: unknown): Either.Either<GenericMetric, string> => {
  const metric = accept(input)
  if (metric !== undefined) return Either.right(metric)
  if (typeof input !== "object" || input === null || Array.isArray(input)) return Either.left("expected a JSON object")
  return Either.mapLeft(decodeBySchema(input), formatProblem)
}

const accept = (input: unknown): GenericMetric | undefined => {
  if (typeof input !== "object" || input === null) return undefined
  if (!("origin" in input) || !("metric_type" in input) || !("value" in input)) return undefined
  const { metric_type: metricType, origin, value } = input
  if (!isMetricName(origin) || !isMetricName(metricType)) return undefined
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined
  const fields: { -readonly [K in keyof Fields]: Fields[K] } = { origin, metricType, value: value === 0 ? 0 : value }
  if ("timestamp" in input && input.timestamp !== undefined && input.timestamp !== null) {
    const timestamp = parseTimestamp(input.timestamp)
    if (timestamp === undefined) return undefined
    fields.timestamp = timestamp
  }
  if ("metadata" in input && input.metadata !== undefined && input.metadata !== null) {
    if (!isMetadata(input.metadata)) return undefined
    fields.metadata = deepFreeze(input.metadata)
  }
  return new GenericMetric(fields, true)
}

type Fields = ConstructorParameters<typeof GenericMetric>[0]
