import { HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { Context, Duration, Effect, Layer, type Redacted, Schema, Stream } from "effect"
import type { Aggregate } from "../domain/Aggregate.js"
import type { Tags } from "../domain/Identity.js"
import { LatestEntry, LossEntry, Problem, QueryResult, SeriesEntry, ServerStatus } from "../wire/Api.js"
import { certificateProblem } from "../wire/CertificateProblem.js"
import { httpConnections } from "../wire/HttpConnections.js"
import { BadRequest, type ClientError, Failed, Unauthorized, Unreachable } from "./ClientError.js"
import { parseEvents } from "./ServerSentEvents.js"

/** Which series are meant; an absent part matches all. */
export interface SeriesQuestion {
  readonly metricType?: string | undefined
  readonly origin?: string | undefined
  readonly tags?: Tags | undefined
}

/** A query as `/api/query` takes it. Times are ms since the epoch, `from` ≤ t < `to`; `step` is in ms. */
export interface PointsQuestion extends SeriesQuestion {
  readonly metricType: string
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly step?: number | undefined
  readonly aggregate?: Aggregate | undefined
  readonly by?: ReadonlyArray<string> | undefined
  readonly fields?: boolean | undefined
  readonly limit?: number | undefined
  /** From the answer before, where that was cut. */
  readonly cursor?: string | undefined
}

/** What the live stream brings: points, or the count of commits that were missed because the reader was slow. */
export type LiveEvent =
  | { readonly _tag: "Metrics"; readonly metrics: ReadonlyArray<LatestEntry> }
  | { readonly _tag: "Dropped"; readonly count: number }

/** Where the server is and how to be let in. */
export interface MetricsClientOptions {
  /** As in `http://localhost:5000`; a path before `/api`, as behind a proxy, may follow. */
  readonly serverUrl: string
  readonly token?: Redacted.Redacted | undefined
  /** Certificates (PEM) that are trusted in place of the authorities that Node trusts. */
  readonly ca?: string | undefined
  /** How long an answer may take; 30 s by default. The live stream may be silent for 45 s. */
  readonly timeout?: Duration.DurationInput | undefined
}

// The server says something every 5 s: this is nine beats missed.
const silence = Duration.seconds(45)

const filterParameters = (question: SeriesQuestion): Array<readonly [string, string]> => [
  ...(question.metricType === undefined ? [] : [["metric_type", question.metricType] as const]),
  ...(question.origin === undefined ? [] : [["origin", question.origin] as const]),
  ...Object.entries(question.tags ?? {}).map(([key, value]) => [`tag.${key}`, value] as const)
]

const queryParameters = (question: PointsQuestion): Array<readonly [string, string]> => {
  const { aggregate, by, cursor, fields, from, limit, step, to } = question
  return [
    ...filterParameters(question),
    ...Object.entries({ from, to, step, aggregate, limit, cursor }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as const]
    ),
    ...(fields === true ? [["fields", "true"] as const] : []),
    // No key at all still means "put all together".
    ...(by === undefined ? [] : by.length === 0 ? [["by", ""] as const] : by.map((key) => ["by", key] as const))
  ]
}

const ProblemJson = Schema.parseJson(Problem)
const Live = Schema.parseJson(Schema.Array(LatestEntry))
const Dropped = Schema.parseJson(Schema.Struct({ count: Schema.Int }))

const make = (options: MetricsClientOptions) =>
  Effect.gen(function*() {
    const http = yield* HttpClient.HttpClient
    const base = options.serverUrl.replace(/\/+$/, "")
    const timeout = options.timeout ?? Duration.seconds(30)

    const refusal = (url: string, response: HttpClientResponse.HttpClientResponse): Effect.Effect<never, ClientError> =>
      response.text.pipe(
        Effect.flatMap(Schema.decode(ProblemJson)),
        Effect.map(({ message }) => message),
        Effect.orElseSucceed(() => undefined),
        Effect.flatMap((message): Effect.Effect<never, ClientError> => {
          const { status } = response
          if (message === undefined) {
            return Effect.fail(
              new Failed({
                url,
                status,
                message: `${url} answered ${status}, and not as a metrics-collector server does; is --server right?`
              })
            )
          }
          switch (status) {
            case 400:
              return Effect.fail(new BadRequest({ url, message }))
            case 401:
              return Effect.fail(new Unauthorized({ url, message: `${base}: ${message} (--token, --token-file)` }))
            case 403:
              return Effect.fail(new Unauthorized({ url, message: `${base}: ${message}` }))
            default:
              return Effect.fail(new Failed({ url, status, message: `${base} answered ${status}: ${message}` }))
          }
        })
      )

    const unreachable = (url: string, why: string, cause?: unknown): Unreachable =>
      new Unreachable({
        url,
        message:
          `no answer from ${base} (${why}); is the server running there? Start one with: metrics-collector serve`,
        cause
      })

    const ofTransport = (url: string) => (error: HttpClientError.HttpClientError): ClientError => {
      const cause = error.cause
      const certificate = certificateProblem(cause)
      if (certificate !== undefined) return new Unreachable({ url, message: `${base}: ${certificate}`, cause })
      return unreachable(url, cause instanceof Error && cause.message !== "" ? cause.message : error.message, cause)
    }

    const open = (
      path: string,
      parameters: ReadonlyArray<readonly [string, string]>
    ): Effect.Effect<HttpClientResponse.HttpClientResponse, ClientError> => {
      const url = `${base}${path}`
      const request = HttpClientRequest.get(url).pipe(
        HttpClientRequest.setUrlParams(parameters),
        options.token === undefined ? (self) => self : HttpClientRequest.bearerToken(options.token)
      )
      return http.execute(request).pipe(
        Effect.mapError(ofTransport(url)),
        Effect.flatMap((response) => response.status === 200 ? Effect.succeed(response) : refusal(url, response)),
        Effect.timeoutFail({
          duration: timeout,
          onTimeout: () => unreachable(url, `nothing within ${Duration.format(timeout)}`)
        })
      )
    }

    const ask = <A, I>(
      path: string,
      parameters: ReadonlyArray<readonly [string, string]>,
      schema: Schema.Schema<A, I>
    ): Effect.Effect<A, ClientError> => {
      const url = `${base}${path}`
      const decode = Schema.decode(Schema.parseJson(schema))
      return Effect.flatMap(open(path, parameters), (response) =>
        response.text.pipe(
          Effect.mapError(ofTransport(url)),
          Effect.timeoutFail({
            duration: timeout,
            onTimeout: () => unreachable(url, `the answer did not end within ${Duration.format(timeout)}`)
          }),
          Effect.flatMap((text) =>
            Effect.mapError(
              decode(text),
              () =>
                new Failed({
                  url,
                  message: `${url} did not answer as a metrics-collector server does; is --server right?`
                })
            )
          )
        ))
    }

    const live = (question: SeriesQuestion): Stream.Stream<LiveEvent, ClientError> => {
      const path = "/api/live"
      const url = `${base}${path}`
      const bytes = Stream.unwrap(
        Effect.map(
          open(path, filterParameters(question)),
          (response) => response.stream.pipe(Stream.mapError(ofTransport(url)))
        )
      ).pipe(
        Stream.timeoutFail(() => unreachable(url, `silent for ${Duration.format(silence)}`), silence)
      )
      const notOurs = () => new Failed({ url, message: `${url} sent an event that cannot be understood` })
      return parseEvents(bytes).pipe(
        Stream.filter(({ event }) => event === "metrics" || event === "dropped"),
        Stream.mapEffect(({ data, event }): Effect.Effect<LiveEvent, ClientError> =>
          event === "metrics"
            ? Effect.mapBoth(Schema.decode(Live)(data), {
              onFailure: notOurs,
              onSuccess: (metrics) => ({ _tag: "Metrics", metrics })
            })
            : Effect.mapBoth(Schema.decode(Dropped)(data), {
              onFailure: notOurs,
              onSuccess: ({ count }) => ({ _tag: "Dropped", count })
            })
        )
      )
    }

    return {
      series: (question: SeriesQuestion) => ask("/api/series", filterParameters(question), Schema.Array(SeriesEntry)),
      query: (question: PointsQuestion) => ask("/api/query", queryParameters(question), QueryResult),
      latest: (question: SeriesQuestion) => ask("/api/latest", filterParameters(question), Schema.Array(LatestEntry)),
      status: ask("/api/status", [], ServerStatus),
      statusOf: (sender: string) => ask("/api/status", [["sender", sender]], ServerStatus),
      losses: ({ limit, sender }: LossesQuestion = {}) =>
        ask(
          "/api/losses",
          Object.entries({ limit: limit?.toString(), sender })
            .flatMap(([name, value]): ReadonlyArray<readonly [string, string]> =>
              value === undefined ? [] : [[name, value]]
            ),
          Schema.Array(LossEntry)
        ),
      health: Effect.asVoid(ask("/healthz", [], Schema.Struct({ status: Schema.Literal("ok") }))),
      live
    }
  })

/** Which losses are asked for. */
export interface LossesQuestion {
  /** Most of them; the server's default is 1,000. */
  readonly limit?: number | undefined
  readonly sender?: string | undefined
}

/** Asks a metrics server what it holds. */
export class MetricsClient extends Context.Tag("metrics-collector/client/MetricsClient")<MetricsClient, {
  /** Which series there are. */
  readonly series: (question: SeriesQuestion) => Effect.Effect<ReadonlyArray<SeriesEntry>, ClientError>
  /** Points of one metric type, raw or in buckets. */
  readonly query: (question: PointsQuestion) => Effect.Effect<QueryResult, ClientError>
  /** The newest point of each series. */
  readonly latest: (question: SeriesQuestion) => Effect.Effect<ReadonlyArray<LatestEntry>, ClientError>
  /** What the server does and holds. */
  readonly status: Effect.Effect<ServerStatus, ClientError>
  /** The same with all streams of one sender, and no others. */
  readonly statusOf: (sender: string) => Effect.Effect<ServerStatus, ClientError>
  /** Points that will never come, newest first. */
  readonly losses: (question?: LossesQuestion) => Effect.Effect<ReadonlyArray<LossEntry>, ClientError>
  /** Succeeds when the server answers; asks for no token. */
  readonly health: Effect.Effect<void, ClientError>
  /** Points as they are stored. Fails when the connection breaks; ends when the server stops. */
  readonly live: (question: SeriesQuestion) => Stream.Stream<LiveEvent, ClientError>
}>() {
  /** A client over whatever HttpClient is provided. */
  static readonly layerHttpClient = (
    options: MetricsClientOptions
  ): Layer.Layer<MetricsClient, never, HttpClient.HttpClient> => Layer.effect(this, make(options))

  /** A client with connections of its own. */
  static readonly layer = (options: MetricsClientOptions): Layer.Layer<MetricsClient> =>
    Layer.provide(this.layerHttpClient(options), httpConnections(options.ca))
}
