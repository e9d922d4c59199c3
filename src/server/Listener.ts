import { Duration, Effect, Schedule, type Scope } from "effect"
import * as Http from "node:http"
import * as Https from "node:https"
import type { Duplex } from "node:stream"
import { listenError, ServerError } from "./ServerError.js"

/** Certificate and key, as the contents of their PEM files. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
}

/** What a listener needs to know. */
export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly tls: TlsFiles | undefined
  readonly onRequest: (request: Http.IncomingMessage, response: Http.ServerResponse) => void
  readonly onUpgrade: (request: Http.IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Asks everything that would go on for ever to end. */
  readonly goAway: Effect.Effect<void>
  /** Cuts what did not end. */
  readonly terminate: Effect.Effect<void>
}

/** How long requests and sockets may take to end when the server stops. */
const grace = Duration.seconds(2)

// A request must have arrived within this: a client that dribbles its body
// would otherwise hold its share of the bytes in flight.
const requestMillis = 60_000

const makeServer = (tls: TlsFiles | undefined): Effect.Effect<Http.Server | Https.Server, ServerError> =>
  Effect.try({
    try: () => tls === undefined ? Http.createServer() : Https.createServer({ cert: tls.cert, key: tls.key }),
    catch: (cause) =>
      new ServerError({
        reason: "InvalidOption",
        message:
          `the TLS certificate or key cannot be used: ${cause instanceof Error ? cause.message : String(cause)}; ` +
          "both must be PEM and belong together",
        cause
      })
  })

/**
 * Listens until the scope closes: then it takes no more, lets what is under
 * way end within 2 s, and cuts the rest. Answers the port it listens on.
 */
export const listen = (options: ListenerOptions): Effect.Effect<number, ServerError, Scope.Scope> =>
  Effect.gen(function*() {
    const { host, port } = options
    const server = yield* makeServer(options.tls)
    server.requestTimeout = requestMillis
    server.on("request", options.onRequest)
    server.on("upgrade", options.onUpgrade)
    // A connection that breaks before its request is complete is nobody's error.
    server.on("connection", (socket: Duplex) => {
      socket.on("error", () => {})
    })

    const open = Effect.async<void, ServerError>((resume) => {
      const onError = (cause: Error) => resume(Effect.fail(listenError(host, port, cause)))
      server.once("error", onError)
      server.listen({ host, port }, () => {
        server.off("error", onError)
        server.on("error", () => {})
        resume(Effect.void)
      })
    })

    // A kept-alive connection becomes idle when its last answer is out.
    const closeIdle = Effect.repeat(Effect.sync(() => server.closeIdleConnections()), Schedule.spaced("50 millis"))
    const closed = Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
    })
    const stop = Effect.gen(function*() {
      yield* options.goAway
      yield* Effect.raceFirst(closed, closeIdle).pipe(Effect.interruptible, Effect.timeoutOption(grace))
      yield* options.terminate
      server.closeAllConnections()
    })

    yield* Effect.acquireRelease(open, () => stop)
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : port
  })
