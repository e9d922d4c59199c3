import { Either, ParseResult, Schema } from "effect"
import { fieldProblems, GenericMetric, isMetricName } from "./GenericMetric.js"
import { deepFreeze, isMetadata, MetadataLimits, metadataProblem } from "./Json.js"
import { parseTimestamp } from "./Timestamp.js"

const decodeBySchema = Schema.decodeUnknownEither(GenericMetric, { errors: "all" })

const maxMessage = 300

/** Writes a parse error in one line, one problem a place: `value: expected a finite number; timestamp: …`. */
export const formatProblem = (error: ParseResult.ParseError): string => {
  const issues = Either.try(() => ParseResult.ArrayFormatter.formatErrorSync(error))
  // The formatter writes what it found, by a recursion that its depth can exhaust.
  if (Either.isLeft(issues)) return "it is nested too deeply"
  const problems = new Map<string, string>()
  for (const { message, path } of issues.right) {
    const place = path.join(".")
    const text = message.length > maxMessage ? `${message.slice(0, maxMessage)}…` : message
    // The first is the problem, those after it are the other members of a union.
    if (!problems.has(place)) {
      problems.set(place, place === "" || message.startsWith(place) ? text : `${place}: ${text}`)
    }
  }
  return Array.from(problems.values()).join("; ")
}

// Only these are copied, because a stranger's object may have a million others.
const known = ["origin", "metric_type", "value", "timestamp", "metadata"]

// The schema's messages hold what it found. Objects are found by no schema but
// that of metadata, whose problem is told without it.
const describeProblem = (input: object): string => {
  const { metadata, ...others } = Object.fromEntries(
    known.flatMap((key) => {
      const own = Object.getOwnPropertyDescriptor(input, key)
      const value: unknown = own?.value
      return own === undefined
        ? []
        : [[key, key !== "metadata" && typeof value === "object" && value !== null ? {} : value]]
    })
  )
  const problem = metadata === undefined || metadata === null ? undefined : metadataProblem(metadata)
  return [
    ...Either.match(decodeBySchema(others), { onLeft: (error) => [formatProblem(error)], onRight: () => [] }),
    ...(problem === undefined ? [] : [problem])
  ].join("; ")
}

/**
 * How much is said of what is wrong: every problem in the words of the schema, or the place of the first one and what
 * belongs there. The full text costs some twenty times as much as a good metric, the short one nothing.
 */
export type ProblemDetail = "full" | "short"

/**
 * Reads a metric from its wire form, or says what is wrong with it.
 *
 * Equal to decoding with the schema (a property test holds them together), at
 * a fraction of its cost: a hand-written guard takes what is right, and the
 * schema runs only on what the guard refuses, for its message. Numbers of this
 * choice are in `docs/benchmarks.md`.
 */
export const decodeMetric = (input: unknown, detail: ProblemDetail = "full"): Either.Either<GenericMetric, string> => {
  const metric = accept(input)
  if (typeof metric === "object") return Either.right(metric)
  if (typeof input !== "object" || input === null || Array.isArray(input)) return Either.left("expected a JSON object")
  return Either.left(detail === "full" ? describeProblem(input) : metric)
}

const metadataShape = `metadata: expected a JSON object of at most ${MetadataLimits.maxBytes} bytes and ` +
  `${MetadataLimits.maxDepth} levels, with well-formed text`

/** The metric, or the first problem of what is none. */
const accept = (input: unknown): GenericMetric | string => {
  if (typeof input !== "object" || input === null || !("origin" in input)) return fieldProblems.origin
  if (!("metric_type" in input)) return fieldProblems.metricType
  if (!("value" in input)) return fieldProblems.value
  const { metric_type: metricType, origin, value } = input
  if (!isMetricName(origin)) return fieldProblems.origin
  if (!isMetricName(metricType)) return fieldProblems.metricType
  if (typeof value !== "number" || !Number.isFinite(value)) return fieldProblems.value
  const fields: { -readonly [K in keyof Fields]: Fields[K] } = { origin, metricType, value: value === 0 ? 0 : value }
  if ("timestamp" in input && input.timestamp !== undefined && input.timestamp !== null) {
    const timestamp = parseTimestamp(input.timestamp)
    if (timestamp === undefined) return fieldProblems.timestamp
    fields.timestamp = timestamp
  }
  if ("metadata" in input && input.metadata !== undefined && input.metadata !== null) {
    if (!isMetadata(input.metadata)) return metadataShape
    fields.metadata = deepFreeze(input.metadata)
  }
  return new GenericMetric(fields, true)
}

type Fields = ConstructorParameters<typeof GenericMetric>[0]
