import { Duration, Effect, Schedule, type Scope } from "effect"
import * as Http from "node:http"
import * as Https from "node:https"
import type { DropArgument, Socket } from "node:net"
import type { Duplex } from "node:stream"
import { listenError, ServerError } from "../ServerError.js"
import { declineUpgrade, wantsWebSocket } from "./declineUpgrade.js"
import type { Incidents } from "./Incidents.js"
import { RequestTurns, type Turn } from "./RequestTurns.js"

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
  /** How long a request may take to arrive, body included. */
  readonly requestTimeout: Duration.Duration
  /** How long a TLS handshake, and the head of a request, may take. */
  readonly handshakeTimeout: Duration.Duration
  /** How long a client may take no byte of an answer that waits for it. */
  readonly stallTimeout: Duration.Duration
  /** Most connections at a time; more are answered with 503, and cut when those are many too. */
  readonly maxConnections: number
  readonly incidents: Incidents
  readonly onRequest: (request: Http.IncomingMessage, response: Http.ServerResponse) => void
  readonly onUpgrade: (request: Http.IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Asks everything that would go on for ever to end. */
  readonly goAway: Effect.Effect<void>
  /** Cuts what did not end. */
  readonly terminate: Effect.Effect<void>
}

/** How long requests and sockets may take to end when the server stops. */
const grace = Duration.seconds(2)

/** Connections past the limit that are kept for long enough to be told. */
const spareConnections = 64

const makeServer = (
  tls: TlsFiles | undefined,
  requestTimeout: number,
  handshakeTimeout: number
): Effect.Effect<Http.Server | Https.Server, ServerError> =>
  Effect.try({
    try: () => {
      // A client that dribbles its request would hold its share of the bytes in flight.
      const options: Http.ServerOptions = {
        requestTimeout,
        headersTimeout: Math.min(handshakeTimeout, requestTimeout),
        // Longer than the pauses of most clients: one that writes while its connection is being closed sees an error.
        keepAliveTimeout: 75_000,
        connectionsCheckingInterval: Math.min(30_000, Math.ceil(Math.min(handshakeTimeout, requestTimeout) / 2))
      }
      return tls === undefined
        ? Http.createServer(options)
        : Https.createServer({ ...options, handshakeTimeout, cert: tls.cert, key: tls.key })
    },
    catch: (cause) =>
      new ServerError({
        reason: "InvalidOption",
        message:
          `the TLS certificate or key cannot be used: ${cause instanceof Error ? cause.message : String(cause)}; ` +
          "both must be PEM and belong together",
        cause
      })
  })

interface Unreadable {
  readonly status: string
  readonly code: string
  readonly message: string
}

/** What to answer to bytes that never became a request. */
const unreadable = (code: string | undefined): Unreadable => {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return {
        status: "431 Request Header Fields Too Large",
        code: "headers-too-large",
        message: `the headers are larger than ${Http.maxHeaderSize} bytes`
      }
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return {
        status: "408 Request Timeout",
        code: "timeout",
        message: "the request did not arrive in time; send it faster, or in several parts"
      }
    case "HPE_INVALID_CONTENT_LENGTH":
    case "HPE_UNEXPECTED_CONTENT_LENGTH":
      return { status: "400 Bad Request", code: "bad-request", message: "content-length: expected one whole number" }
    case "HPE_INVALID_TRANSFER_ENCODING":
      return {
        status: "400 Bad Request",
        code: "bad-request",
        message: "transfer-encoding: only chunked is understood"
      }
    default:
      return { status: "400 Bad Request", code: "bad-request", message: "this is no HTTP/1.1 request" }
  }
}

const tooMany: Unreadable = {
  status: "503 Service Unavailable",
  code: "too-many-connections",
  message: "as many connections are open as the server takes; try again later"
}

const answerTooMany = (response: Http.ServerResponse): void => {
  response.writeHead(503, { connection: "close", "content-type": "application/json", "retry-after": "10" })
  response.end(JSON.stringify({ code: tooMany.code, message: tooMany.message }))
}

// The client is gone, or the network is.
const isBroken = (error: NodeJS.ErrnoException): boolean => error.code === "ECONNRESET" || error.code === "EPIPE"

const answerInWords = (socket: Duplex, { code, message, status }: Unreadable, more = ""): void => {
  const body = JSON.stringify({ code, message })
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `X-Content-Type-Options: nosniff\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy()
  )
}

/**
 * Listens until the scope closes: then it takes no more, lets what is under
 * way end within 2 s, and cuts the rest. Answers the port it listens on.
 */
export const listen = (options: ListenerOptions): Effect.Effect<number, ServerError, Scope.Scope> =>
  Effect.gen(function*() {
    const { host, port } = options
    const { incidents, maxConnections } = options
    const server = yield* makeServer(
      options.tls,
      Math.ceil(Duration.toMillis(options.requestTimeout)),
      Math.ceil(Duration.toMillis(options.handshakeTimeout))
    )
    server.maxConnections = maxConnections + spareConnections
    let connections = 0
    const ready = new WeakSet<Duplex>()
    const excess = new WeakSet<Duplex>()
    const opened = options.tls === undefined ? "connection" : "secureConnection"
    server.on(opened, (socket: Socket) => {
      // One that was given back comes a second time.
      if (ready.has(socket)) return
      // One that waits for its upgrade has no other listener.
      if (options.tls !== undefined) socket.on("error", () => {})
      connections++
      ready.add(socket)
      socket.once("close", () => connections--)
      if (connections <= maxConnections) return
      excess.add(socket)
      incidents.note("too-many-connections", socket.remoteAddress)
    })
    server.on("drop", (dropped?: DropArgument) => incidents.note("too-many-connections", dropped?.remoteAddress))

    const turns = new RequestTurns()
    const newest = new WeakMap<Duplex, Http.IncomingMessage>()
    const answers = new WeakMap<Duplex, Http.ServerResponse>()
    const takeTurn = (socket: Duplex, address: string | undefined, turn: Turn): void => {
      if (socket.destroyed || turns.take(socket, address, turn)) return
      incidents.note("flood", address)
      socket.destroy()
    }
    server.on("request", (request, response) => {
      const { socket } = request
      if (socket.destroyed) {
        // What was read at once with the request that had it cut. Left alone, each would be told of the cut, with a stack.
        request.destroy()
        return
      }
      newest.set(socket, request)
      takeTurn(socket, socket.remoteAddress, (done) => {
        answers.set(socket, response)
        response.once("close", done)
        if (excess.has(socket)) answerTooMany(response)
        else options.onRequest(request, response)
      })
    })
    server.on("upgrade", (request, socket, head) =>
      takeTurn(socket, request.socket.remoteAddress, (done) => {
        if (excess.has(socket)) return answerInWords(socket, tooMany, "Retry-After: 10\r\n")
        if (wantsWebSocket(request)) return options.onUpgrade(request, socket, head)
        declineUpgrade(request, socket, head)
        done()
        server.emit(opened, socket)
      }))
    server.setTimeout(Math.ceil(Duration.toMillis(options.stallTimeout)), (socket) => {
      const answer = answers.get(socket)
      const isIdle = answer === undefined || answer.writableFinished
      if (!isIdle && socket.writableLength === 0) return
      if (!isIdle) incidents.note("unread", socket.remoteAddress)
      socket.destroy()
    })
    server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      const answer = answers.get(socket)
      const address = "remoteAddress" in socket && typeof socket.remoteAddress === "string"
        ? socket.remoteAddress
        : undefined
      if (!ready.has(socket)) {
        if (!isBroken(error)) incidents.note("tls", address, error.message)
        // What is written before the end of the handshake waits for it, and so would the connection.
        socket.destroy()
        return
      }
      if (isBroken(error)) {
        socket.destroy()
        return
      }
      const isSlow = error.code === "ERR_HTTP_REQUEST_TIMEOUT"
      incidents.note(isSlow ? "slow-request" : "no-request", address, error.code)
      const refuse = (): void => {
        if (socket.writable) answerInWords(socket, unreadable(error.code))
        else socket.destroy()
      }
      const request = newest.get(socket)
      if (!turns.isBusy(socket)) refuse()
      // What came whole before it is answered first.
      else if (request?.complete === true && !isSlow) takeTurn(socket, address, refuse)
      // In the middle of an answer another one would be taken for a part of it.
      else if (answer?.req === request && answer?.headersSent !== true) refuse()
      else socket.destroy()
    })
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
