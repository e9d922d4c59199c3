import { HttpApiBuilder, type HttpApp } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Clock, Context, Deferred, Duration, Effect, Layer, Redacted, type Scope } from "effect"
import { MetricStore, type QueryError, type StoreError } from "../store/MetricStore.js"
import type { PipelineSnapshot } from "../telemetry/PipelineStatus.js"
import { Api } from "../wire/Api.js"
import { Auth, isLoopback } from "./Auth.js"
import { makeDoor } from "./door/Door.js"
import { httpGate, refuseRepeatedParameters } from "./door/HttpGate.js"
import { makeIncidents } from "./door/Incidents.js"
import { InFlight } from "./door/InFlight.js"
import { listen, type TlsFiles } from "./door/Listener.js"
import { ingestHandlers } from "./ingest/IngestHandlers.js"
import { StreamWays } from "./ingest/StreamWays.js"
import { operatingHandlers } from "./operating/OperatingHandlers.js"
import { makeScrape } from "./operating/Scrape.js"
import { pages } from "./pages/Pages.js"
import { sessionHandlers } from "./pages/SessionHandlers.js"
import { LiveAudiences } from "./reading/LiveAudiences.js"
import { readingHandlers } from "./reading/ReadingHandlers.js"
import { makeWrittenAnswers } from "./reading/WrittenAnswers.js"
import { ServerCounters } from "./ServerCounters.js"
import { ServerError } from "./ServerError.js"
import type { ServerParts } from "./ServerParts.js"
import { makeMetricsSockets } from "./socket/MetricsSockets.js"

/** How a server listens and whom it lets in. */
export interface MetricsServerOptions {
  /** Address to listen on; 127.0.0.1 by default. Others need a token or `insecure`. */
  readonly host?: string | undefined
  /** Port to listen on; 5000 by default, 0 for any free one. */
  readonly port?: number | undefined
  /** Token, or tokens, that clients must show. Streams belong to the token that opened them. */
  readonly token?: Redacted.Redacted | ReadonlyArray<Redacted.Redacted> | undefined
  /** Listen beyond loopback without a token: anyone may read and write. */
  readonly insecure?: boolean | undefined
  /** Most bytes of a request's body, before and after gunzip; 8 MiB by default. */
  readonly maxBodyBytes?: number | undefined
  /** Most bytes of a socket frame, before and after gunzip; 1 MiB by default. Told to senders as `maxBatchBytes`. */
  readonly maxFrameBytes?: number | undefined
  /** How many batches of a connection may wait for their ack, 1 to 1024; 8 by default. */
  readonly window?: number | undefined
  /** Most bytes that the whole server holds of what it received and has not stored; 64 MiB by default. */
  readonly maxInFlightBytes?: number | undefined
  /** Most bytes of answers to `/metrics` that wait for their readers before another is begun; 64 MiB by default. */
  readonly maxScrapeBytes?: number | undefined
  /** Most bytes of lists and answers to queries that wait for their readers before another is begun; 256 MiB by default. */
  readonly maxAnswerBytes?: number | undefined
  /** Most bytes of live events that are kept for further readers who asked for the same; 16 MiB by default. */
  readonly maxLiveBytes?: number | undefined
  /** How long a request may take to arrive, body included; 60 s by default. */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /** How long a TLS handshake, and the head of a request, may take to arrive; 10 s by default. */
  readonly handshakeTimeout?: Duration.DurationInput | undefined
  /** How long a client may take no byte of an answer that waits for it; 2 minutes by default. */
  readonly stallTimeout?: Duration.DurationInput | undefined
  /** Most connections at a time, sockets and readers of the live stream included; 10,000 by default. */
  readonly maxConnections?: number | undefined
  /** Origins of pages on other hosts that may use the server, as in `https://dash.example.com`. */
  readonly allowedOrigins?: ReadonlyArray<string> | undefined
  /** Serve over TLS. */
  readonly tls?: TlsFiles | undefined
  /** Folder of the built dashboard; without it `/` says how to build it. */
  readonly dashboardDir?: string | undefined
  /** Told in `/api/status` and `/metrics`. */
  readonly version?: string | undefined
  /** The state of the collector in the same process, for `/api/status`. */
  readonly pipeline?: Effect.Effect<PipelineSnapshot> | undefined
}

const positive = (name: string, value: number): Effect.Effect<number, ServerError> =>
  Number.isSafeInteger(value) && value > 0
    ? Effect.succeed(value)
    : Effect.fail(new ServerError({ reason: "InvalidOption", message: `${name}: expected a whole number above 0` }))

const authOf = (host: string, options: MetricsServerOptions): Effect.Effect<Auth, ServerError> =>
  Effect.suspend(() => {
    const { token } = options
    const given = token === undefined ? [] : Redacted.isRedacted(token) ? [token] : token
    // A token read from a file ends in a line break, which no header can carry.
    const tokens = given.map((one) => Redacted.make(Redacted.value(one).trim()))
    if (tokens.some((one) => Redacted.value(one) === "")) {
      return Effect.fail(
        new ServerError({ reason: "InvalidOption", message: "the token is empty; leave it out to use none" })
      )
    }
    if (!isLoopback(host) && tokens.length === 0 && options.insecure !== true) {
      return Effect.fail(
        new ServerError({
          reason: "Unprotected",
          message: `${host} can be reached from other machines and there is no token: ` +
            "set one (--token, --token-file), listen on 127.0.0.1, or say --insecure to let anyone read and write"
        })
      )
    }
    return Effect.succeed(new Auth({ tokens, host, allowedOrigins: options.allowedOrigins ?? [] }))
  })

/** The address as a person opens it. Addresses that mean "all of this machine" are written localhost. */
const urlOf = (host: string, port: number, secure: boolean): string => {
  const name = host === "0.0.0.0" || host === "::" || host === ""
    ? "localhost"
    : host.includes(":")
    ? `[${host}]`
    : host
  return `${secure ? "https" : "http"}://${name}:${port}`
}

/** Bounds of what is kept for readers. */
interface ReadingLimits {
  readonly maxAnswerBytes: number
  readonly maxLiveBytes: number
  readonly maxScrapeBytes: number
}

const requestHandler = (parts: ServerParts, { maxAnswerBytes, maxLiveBytes, maxScrapeBytes }: ReadingLimits) =>
  Effect.gen(function*() {
    const groups = Layer.mergeAll(
      ingestHandlers(parts),
      readingHandlers(parts, {
        answers: yield* makeWrittenAnswers<StoreError | QueryError>(maxAnswerBytes),
        audiences: new LiveAudiences(maxLiveBytes)
      }),
      operatingHandlers(parts, yield* makeScrape(parts, maxScrapeBytes)),
      sessionHandlers(parts)
    )
    const context = yield* Layer.build(
      Layer.mergeAll(pages(parts), HttpApiBuilder.middleware(refuseRepeatedParameters)).pipe(
        Layer.provideMerge(HttpApiBuilder.api(Api).pipe(Layer.provide(groups))),
        Layer.provideMerge(Layer.mergeAll(
          HttpApiBuilder.Router.Live,
          HttpApiBuilder.Middleware.layer,
          NodeHttpServer.layerContext
        ))
      )
    )
    const app: HttpApp.Default<never, NodeContextServices> = yield* Effect.provide(HttpApiBuilder.httpApp, context)
    return yield* Effect.provide(NodeHttpServer.makeHandler(httpGate(parts)(app)), context)
  })

type NodeContextServices = Layer.Layer.Success<typeof NodeHttpServer.layerContext>

const make = (
  options: MetricsServerOptions
): Effect.Effect<{ readonly url: string; readonly port: number }, ServerError, MetricStore | Scope.Scope> =>
  Effect.gen(function*() {
    const host = options.host ?? "127.0.0.1"
    const port = options.port ?? 5000
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      return yield* new ServerError({ reason: "InvalidOption", message: `port: expected 0 to 65535, got ${port}` })
    }
    const window = yield* positive("window", options.window ?? 8)
    if (window > 1024) {
      return yield* new ServerError({ reason: "InvalidOption", message: `window: expected 1 to 1024, got ${window}` })
    }
    const requestTimeout = Duration.decode(options.requestTimeout ?? "60 seconds")
    yield* positive("requestTimeout", Math.ceil(Duration.toMillis(requestTimeout)))
    const handshakeTimeout = Duration.decode(options.handshakeTimeout ?? "10 seconds")
    yield* positive("handshakeTimeout", Math.ceil(Duration.toMillis(handshakeTimeout)))
    const stallTimeout = Duration.decode(options.stallTimeout ?? "2 minutes")
    yield* positive("stallTimeout", Math.ceil(Duration.toMillis(stallTimeout)))
    const maxConnections = yield* positive("maxConnections", options.maxConnections ?? 10_000)
    const maxScrapeBytes = yield* positive("maxScrapeBytes", options.maxScrapeBytes ?? 67_108_864)
    const maxAnswerBytes = yield* positive("maxAnswerBytes", options.maxAnswerBytes ?? 268_435_456)
    const maxLiveBytes = yield* positive("maxLiveBytes", options.maxLiveBytes ?? 16_777_216)
    const auth = yield* authOf(host, options)
    const incidents = yield* makeIncidents
    const parts: ServerParts = {
      store: yield* MetricStore,
      counters: new ServerCounters(),
      ways: new StreamWays(),
      auth,
      door: yield* makeDoor(auth, incidents),
      incidents,
      inFlight: new InFlight(yield* positive("maxInFlightBytes", options.maxInFlightBytes ?? 67_108_864)),
      maxBodyBytes: yield* positive("maxBodyBytes", options.maxBodyBytes ?? 8_388_608),
      maxFrameBytes: yield* positive("maxFrameBytes", options.maxFrameBytes ?? 1_048_576),
      window,
      version: options.version ?? "unknown",
      startedAt: yield* Clock.currentTimeMillis,
      secure: options.tls !== undefined,
      dashboardDir: options.dashboardDir,
      pipeline: options.pipeline,
      stopping: yield* Deferred.make<void>()
    }
    const sockets = yield* makeMetricsSockets(parts)
    const actualPort = yield* listen({
      host,
      port,
      tls: options.tls,
      requestTimeout,
      handshakeTimeout,
      stallTimeout,
      maxConnections,
      incidents,
      onRequest: yield* requestHandler(parts, { maxAnswerBytes, maxLiveBytes, maxScrapeBytes }),
      onUpgrade: sockets.upgrade,
      goAway: Effect.zipRight(Deferred.succeed(parts.stopping, undefined), sockets.goAway),
      terminate: sockets.terminate
    })
    if (!isLoopback(host) && !parts.auth.isProtected) {
      yield* Effect.logWarning(`Anyone who can reach ${host}:${actualPort} may read and write metrics (--insecure)`)
    }
    return { url: urlOf(host, actualPort, parts.secure), port: actualPort }
  })

/**
 * A metrics server: takes metrics over a WebSocket and HTTP into the
 * `MetricStore`, answers queries, shows what arrives. It runs as long as the
 * scope of its Layer; stopping is bounded to about two seconds.
 */
export class MetricsServer extends Context.Tag("metrics-collector/server/MetricsServer")<MetricsServer, {
  /** Where it is reached, as in `http://127.0.0.1:5000`, without a slash at its end. */
  readonly url: string
  readonly port: number
}>() {
  /** Starts a server. */
  static readonly layer = (
    options: MetricsServerOptions = {}
  ): Layer.Layer<MetricsServer, ServerError, MetricStore> => Layer.scoped(this, make(options))
}
