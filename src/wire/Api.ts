import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { aggregates } from "../domain/Aggregate.js"
import { GenericMetric, Metadata } from "../domain/GenericMetric.js"
import { TimeseriesPoint } from "../domain/TimeseriesPoint.js"
import { BATCH_MEDIA_TYPE, Offset, Rejected, SenderId, Skip, StreamId } from "./Frames.js"

/** Most points in the answer to a query that names no `limit`. */
export const DEFAULT_QUERY_LIMIT = 100_000

/** Most points that a query may ask for at once. */
export const MAX_QUERY_LIMIT = 1_000_000

/** Most series of `/metrics` unless a scrape says otherwise. */
export const DEFAULT_SCRAPE_LIMIT = 50_000

/** Every refusal over HTTP: a code for programs and a message for people that says what to do. */
export const Problem = Schema.Struct({
  code: Schema.String,
  message: Schema.String
}).annotations({ identifier: "Problem" })
export type Problem = typeof Problem.Type

/** The answer to metrics in plain mode. `rejected` names the refused ones by their place in the body, from 0 on. */
export const PlainAnswer = Schema.Struct({
  accepted: Schema.Int,
  rejected: Schema.Array(Schema.Struct({ index: Schema.Int, message: Schema.String }))
}).annotations({ identifier: "PlainAnswer" })
export type PlainAnswer = typeof PlainAnswer.Type

/** The answer to a batch or a skip: everything of `stream` before `next` is committed. */
export const BatchAnswer = Schema.Struct({
  stream: StreamId,
  next: Offset,
  rejected: Schema.Array(Rejected)
}).annotations({ identifier: "BatchAnswer" })
export type BatchAnswer = typeof BatchAnswer.Type

/** The answer to a batch that began past `next`: nothing of it was taken. */
export const GapAnswer = Schema.Struct({ stream: StreamId, next: Offset }).annotations({ identifier: "GapAnswer" })
export type GapAnswer = typeof GapAnswer.Type

const Tags = Schema.Record({ key: Schema.String, value: Schema.String })

const identityFields = {
  origin: Schema.String,
  metric_type: Schema.String,
  tags: Tags
}

/** A series and what is stored of it; `first` and `last` are ms since the epoch. */
export const SeriesEntry = Schema.Struct({
  ...identityFields,
  kind: Schema.optionalWith(Schema.String, { exact: true }),
  unit: Schema.optionalWith(Schema.String, { exact: true }),
  points: Schema.Int,
  first: Schema.Int,
  last: Schema.Int
}).annotations({ identifier: "Series" })
export type SeriesEntry = typeof SeriesEntry.Type

/**
 * A point of an answer: ms since the epoch, the value and, where fields were
 * asked for, the fields. The value is `null` when a sum left the range of numbers.
 */
export type AnswerPoint =
  | readonly [time: number, value: number | null]
  | readonly [time: number, value: number | null, fields: typeof Metadata.Type]

const isPoint = (value: unknown): value is AnswerPoint =>
  Array.isArray(value) && (value.length === 2 || value.length === 3) && typeof value[0] === "number" &&
  (typeof value[1] === "number" || value[1] === null) &&
  (value.length === 2 || (typeof value[2] === "object" && value[2] !== null))

/** Schema of an {@link AnswerPoint}: a plain guard, because an answer may hold a million of them. */
export const AnswerPoint: Schema.Schema<AnswerPoint> = Schema.declare(isPoint, {
  identifier: "Point",
  description: "[ms since the epoch, value] or, with fields=true, [ms, value, {…}]",
  jsonSchema: { type: "array", minItems: 2, maxItems: 3 }
})

/** The answer to a query. When it was cut, `cursor` continues it. */
export const QueryResult = Schema.Struct({
  series: Schema.Array(Schema.Struct({ ...identityFields, points: Schema.Array(AnswerPoint) })),
  truncated: Schema.Boolean,
  /** The metric type has too many series; points of some stand in one series that takes their place. */
  overflow: Schema.optionalWith(Schema.Boolean, { exact: true }),
  cursor: Schema.optionalWith(Schema.String, { exact: true })
}).annotations({ identifier: "QueryResult" })
export type QueryResult = typeof QueryResult.Type

/** The newest point of a series, and a point of the live stream; `timestamp` is ms since the epoch. */
export const LatestEntry = Schema.Struct({
  ...identityFields,
  timestamp: Schema.Int,
  value: Schema.Number,
  fields: Schema.optionalWith(Metadata, { exact: true })
}).annotations({ identifier: "Latest" })
export type LatestEntry = typeof LatestEntry.Type

/**
 * A loss that the server knows of: offsets `from` ≤ o < `to` of a stream; `at`
 * is ms since the epoch. With `generator` it is one that a collector wrote down:
 * metrics of that generator which no sender had accepted, lost from `timeFrom`
 * to `timeTo` (ms since the epoch).
 */
export const LossEntry = Schema.Struct({
  stream: Schema.String,
  sender: Schema.String,
  from: Schema.Int,
  to: Schema.Int,
  /** `null`: nobody could count. */
  count: Schema.NullOr(Schema.Int),
  reason: Schema.String,
  at: Schema.Int,
  generator: Schema.optionalWith(Schema.String, { exact: true }),
  timeFrom: Schema.optionalWith(Schema.Int, { exact: true }),
  timeTo: Schema.optionalWith(Schema.Int, { exact: true })
}).annotations({ identifier: "Loss" })
export type LossEntry = typeof LossEntry.Type

/** The state of the server. Times are ms since the epoch; counts are since its start. */
export const ServerStatus = Schema.Struct({
  version: Schema.String,
  /** The server's clock. */
  time: Schema.Int,
  startedAt: Schema.Int,
  uptimeSeconds: Schema.Number,
  process: Schema.Struct({ residentBytes: Schema.Int, cpuSeconds: Schema.Number }),
  store: Schema.Struct({
    id: Schema.String,
    series: Schema.Int,
    points: Schema.Int,
    bytes: Schema.Int,
    batches: Schema.Int
  }),
  /** How many streams there are: `streams` holds the 1,000 that wrote last, newest first. */
  streamCount: Schema.Int,
  streams: Schema.Array(Schema.Struct({
    stream: Schema.String,
    sender: Schema.String,
    next: Schema.Int,
    rejected: Schema.Int,
    /** Offsets that were metrics and are declared lost. */
    lost: Schema.optionalWith(Schema.Int, { exact: true }),
    /** Offsets that told of a loss of the collector and never were a metric. */
    declarations: Schema.optionalWith(Schema.Int, { exact: true }),
    firstSeen: Schema.Int,
    lastSeen: Schema.Int,
    /** The way it comes now; absent when no socket holds it and it did not come by HTTP since the start. */
    transport: Schema.optionalWith(Schema.Literal("socket", "http"), { exact: true })
  })),
  connections: Schema.Struct({ batch: Schema.Int, plain: Schema.Int, live: Schema.Int }),
  received: Schema.Struct({
    bytes: Schema.Int,
    batches: Schema.Int,
    plainRequests: Schema.Int,
    points: Schema.Int,
    rejected: Schema.Int,
    queries: Schema.Int,
    /** Requests refused for their token, origin or host. */
    refused: Schema.Int,
    /** Answers that told a client to come again later. */
    busy: Schema.Int
  }),
  /** How long the store takes to commit: half, and 99 of 100, of the newest 1,024 commits took no longer. */
  commits: Schema.Struct({ count: Schema.Int, p50Millis: Schema.Number, p99Millis: Schema.Number }),
  inFlightBytes: Schema.Int,
  limits: Schema.Struct({
    maxBodyBytes: Schema.Int,
    maxFrameBytes: Schema.Int,
    maxInFlightBytes: Schema.Int,
    window: Schema.Int
  }),
  /** The collector in the same process, where there is one: a `PipelineSnapshot`. */
  pipeline: Schema.optionalWith(Schema.Unknown, { exact: true })
}).annotations({ identifier: "ServerStatus" })
export type ServerStatus = typeof ServerStatus.Type

/** A batch as it is documented; the server checks it with `decodeBatchFrame`, point by point. */
const Batch = Schema.Struct({
  type: Schema.Literal("batch"),
  stream: StreamId,
  first: Offset,
  sender: SenderId,
  acked: Offset,
  define: Schema.Array(Schema.Struct({ id: Schema.Int, ...identityFields })),
  series: Schema.Array(Schema.Int),
  time: Schema.Array(Schema.Number),
  value: Schema.Array(Schema.Number),
  fields: Schema.optional(Schema.Array(Schema.Tuple(Schema.Int, Metadata)))
}).annotations({ identifier: "Batch" })

const inBatchType = <S extends Schema.Schema.Any>(schema: S) =>
  HttpApiSchema.withEncoding(schema, { kind: "Json", contentType: BATCH_MEDIA_TYPE })

const PlainBody = Schema.Union(
  GenericMetric,
  TimeseriesPoint,
  Schema.Array(Schema.Union(GenericMetric, TimeseriesPoint))
)

const text = (description: string) => Schema.optional(Schema.String.annotations({ description }))

const seriesParameters = {
  metric_type: text("Only this metric type"),
  origin: text("Only this origin")
}

/** Parameters of `/api/series`, `/api/latest` and `/api/live`; `tag.<key>=<value>` may be added. */
const FilterParameters = Schema.Struct(seriesParameters)

const QueryParameters = Schema.Struct({
  metric_type: text("The metric type to read; it must be given"),
  origin: seriesParameters.origin,
  from: text("First instant, ISO 8601 or ms since the epoch"),
  to: text("Instant before which points lie, ISO 8601 or ms since the epoch"),
  step: text("Width of a bucket: 500ms, 10s, 1m, 1h, 1d; a bare number is ms. Without it: raw points"),
  aggregate: text(
    `${aggregates.join(", ")}: how the points of each bucket become one value; avg when only step is given`
  ),
  by: Schema.optional(
    Schema.Union(Schema.String, Schema.Array(Schema.String)).annotations({
      description: "Tags by which series are put together, separated by commas; may be repeated"
    })
  ),
  fields: text("true: raw points carry their fields"),
  limit: text(`Most points in the answer, ${DEFAULT_QUERY_LIMIT} unless given, at most ${MAX_QUERY_LIMIT}`),
  cursor: text("Where an answer that was cut goes on")
})

// OpenAPI cannot name a parameter by pattern, and the schema of a route cannot either.
const withTagParameter = OpenApi.annotations({
  transform: (operation: { readonly parameters?: ReadonlyArray<unknown> }) => ({
    ...operation,
    parameters: [
      ...(operation.parameters ?? []),
      ...Object.entries({
        "tag.<key>": "Only series whose tag <key> has exactly this value; may be given for several keys",
        "tag-any.<key>": "Only series whose tag <key> has this value or another one given; may be repeated",
        "tag-not.<key>": "Only series whose tag <key> has not this value; may be repeated",
        "tag-match.<key>": "Only series whose tag <key> matches this regular expression as a whole",
        "tag-not-match.<key>": "Only series whose tag <key> does not match this regular expression"
      }).map(([name, description]) => ({
        name,
        in: "query",
        required: false,
        description,
        schema: { type: "string" }
      }))
    ]
  })
})

const describe = (summary: string, description?: string) =>
  OpenApi.annotations({ summary, ...(description === undefined ? undefined : { description }) })

const ingest = HttpApiGroup.make("ingest").add(
  HttpApiEndpoint.post("metrics", "/api/metrics")
    .annotateContext(describe(
      "Store metrics",
      "application/json: one metric, one time-series point, or an array of them. " +
        `${BATCH_MEDIA_TYPE}: a batch or a skip of a stream. Bodies may be gzipped.`
    ))
    .setPayload(Schema.Union(PlainBody, inBatchType(Batch), inBatchType(Skip)))
    .addSuccess(Schema.Union(PlainAnswer, BatchAnswer))
    .addError(Problem, { status: 400 })
    .addError(Problem, { status: 401 })
    .addError(Problem, { status: 403 })
    .addError(GapAnswer, { status: 409 })
    .addError(Problem, { status: 413 })
    .addError(Problem, { status: 415 })
    .addError(PlainAnswer, { status: 422 })
    .addError(Problem, { status: 503 })
)

const reading = HttpApiGroup.make("reading").add(
  HttpApiEndpoint.get("series", "/api/series")
    .annotateContext(describe("Which series there are"))
    .annotateContext(withTagParameter)
    .setUrlParams(FilterParameters)
    .addSuccess(Schema.Array(SeriesEntry))
    .addError(Problem, { status: 400 })
    .addError(Problem, { status: 401 })
).add(
  HttpApiEndpoint.get("query", "/api/query")
    .annotateContext(describe("Points of one metric type, raw or in buckets", "Times: from ≤ t < to. Oldest first."))
    .annotateContext(withTagParameter)
    .setUrlParams(QueryParameters)
    .addSuccess(QueryResult)
    .addError(Problem, { status: 400 })
    .addError(Problem, { status: 401 })
).add(
  HttpApiEndpoint.get("latest", "/api/latest")
    .annotateContext(describe("The newest point of each series"))
    .annotateContext(withTagParameter)
    .setUrlParams(FilterParameters)
    .addSuccess(Schema.Array(LatestEntry))
    .addError(Problem, { status: 400 })
    .addError(Problem, { status: 401 })
).add(
  HttpApiEndpoint.get("live", "/api/live")
    .annotateContext(describe(
      "Points as they are stored, as server-sent events",
      "event: metrics carries an array of the objects of /api/latest; event: dropped says how many commits a slow reader missed."
    ))
    .annotateContext(withTagParameter)
    .setUrlParams(FilterParameters)
    .addSuccess(HttpApiSchema.Text({ contentType: "text/event-stream" }))
    .addError(Problem, { status: 400 })
    .addError(Problem, { status: 401 })
)

const operating = HttpApiGroup.make("operating").add(
  HttpApiEndpoint.get("status", "/api/status")
    .annotateContext(describe("What the server does and holds"))
    .setUrlParams(
      Schema.Struct({ sender: text("Only streams of this sender, all of them instead of the newest 1000") })
    )
    .addSuccess(ServerStatus)
    .addError(Problem, { status: 400 })
    .addError(Problem, { status: 401 })
).add(
  HttpApiEndpoint.get("losses", "/api/losses")
    .annotateContext(describe("Points that will never come, newest first: refused, or declared lost by their sender"))
    .setUrlParams(Schema.Struct({
      limit: text("Most entries in the answer, 1000 unless given, at most 100000"),
      sender: text("Only losses of this sender")
    }))
    .addSuccess(Schema.Array(LossEntry))
    .addError(Problem, { status: 400 })
    .addError(Problem, { status: 401 })
).add(
  HttpApiEndpoint.get("prometheus", "/metrics")
    .annotateContext(describe(
      "The server's own metrics and the newest value of every series, for Prometheus",
      "Prometheus text format, or OpenMetrics where the Accept header names application/openmetrics-text. " +
        "Values older than five minutes are left out."
    ))
    .annotateContext(withTagParameter)
    .setUrlParams(Schema.Struct({
      ...seriesParameters,
      limit: text(`Most series in the answer, ${DEFAULT_SCRAPE_LIMIT} unless given, at most ${MAX_QUERY_LIMIT}`)
    }))
    .addSuccess(HttpApiSchema.Text({ contentType: "text/plain; version=0.0.4; charset=utf-8" }))
    .addError(Problem, { status: 400 })
    .addError(Problem, { status: 401 })
).add(
  HttpApiEndpoint.get("healthz", "/healthz")
    .annotateContext(describe("Whether the process answers; asks for no token"))
    .addSuccess(Schema.Struct({ status: Schema.Literal("ok") }))
).add(
  HttpApiEndpoint.get("readyz", "/readyz")
    .annotateContext(describe("Whether the store reads and writes; asks for no token"))
    .addSuccess(Schema.Struct({ status: Schema.Literal("ready") }))
    .addError(Problem, { status: 503 })
)

const session = HttpApiGroup.make("session").add(
  HttpApiEndpoint.post("login", "/api/session")
    .annotateContext(describe("Exchange a token for a cookie, for browsers"))
    .setPayload(Schema.Struct({ token: Schema.String }))
    .addSuccess(HttpApiSchema.NoContent)
    .addError(Problem, { status: 400 })
    .addError(Problem, { status: 401 })
    .addError(Problem, { status: 403 })
).add(
  HttpApiEndpoint.del("logout", "/api/session")
    .annotateContext(describe("Forget the cookie"))
    .addSuccess(HttpApiSchema.NoContent)
)

/** The HTTP API of a server, as it is documented under `/docs`. */
export class Api extends HttpApi.make("metrics-collector").add(ingest).add(reading).add(operating).add(session)
  .annotateContext(OpenApi.annotations({
    title: "metrics-collector",
    description: "Takes metrics, answers queries. The WebSocket /ws/metrics is described in docs/wire-protocol.md.",
    transform: (spec: { readonly components?: object }) => ({
      ...spec,
      components: {
        ...spec.components,
        securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "Where the server has a token" } }
      },
      security: [{}, { bearer: [] }]
    })
  }))
{}
