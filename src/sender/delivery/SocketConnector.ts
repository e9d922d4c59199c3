import { Context, Data, Effect, Layer, type Scope } from "effect"
import type { IncomingMessage } from "node:http"
import { WebSocket } from "ws"
import { certificateProblem } from "../../wire/CertificateProblem.js"

/** A socket that could not be opened, or was lost. */
export class SocketError extends Data.TaggedError("SocketError")<{
  readonly reason: "Open" | "Refused" | "Write" | "Closed" | "Timeout"
  readonly message: string
  /** HTTP status and the beginning of the body, when the upgrade was refused. */
  readonly status?: number
  readonly body?: string
  /** How long the server asks to wait, ms. */
  readonly retryAfterMillis?: number
  /** WebSocket close code. */
  readonly code?: number
}> {}

/** An open socket that carries text frames. */
export interface SocketConnection {
  /** Sends a frame: returns when the network has taken it, so that a slow peer makes the sender wait. */
  readonly send: (frame: string) => Effect.Effect<void, SocketError>
  /** The next frame; fails when the connection has ended and all frames before were taken. */
  readonly receive: Effect.Effect<string, SocketError>
  /** Asks the other side for a sign of life, and waits for it: then it has read everything that was sent before. */
  readonly roundTrip: Effect.Effect<void, SocketError>
  /** Asks the other side for a sign of life. */
  readonly ping: Effect.Effect<void, SocketError>
  /** How many signs of life came so far. */
  readonly heard: Effect.Effect<number>
  /** Whether reading is suspended because frames wait to be taken: then silence proves nothing. */
  readonly paused: Effect.Effect<boolean>
}

/** What to connect to. */
export interface SocketRequest {
  readonly url: string
  /** Subprotocol that the server must speak; without it none is asked for. */
  readonly protocol?: string
  readonly headers: Readonly<Record<string, string>>
}

const pauseAt = 256
const resumeAt = 32
const maxBody = 4_096
const closeGraceMillis = 1_000

// A server that asks for more is tried again after an hour all the same.
const longestWait = 3_600_000

/** Reads `Retry-After` given in seconds, as ms and at most an hour; anything else is `undefined`. */
export const retryAfterMillis = (header: string | undefined): number | undefined =>
  header !== undefined && /^\d{1,9}$/.test(header.trim()) ? Math.min(Number(header) * 1000, longestWait) : undefined

const refused = (response: IncomingMessage, body: string): SocketError => {
  const status = response.statusCode ?? 0
  const wait = retryAfterMillis(response.headers["retry-after"])
  return new SocketError({
    reason: "Refused",
    message: `the server refused the WebSocket with HTTP ${status}`,
    status,
    body,
    ...(wait === undefined ? undefined : { retryAfterMillis: wait })
  })
}

const create = (request: SocketRequest, ca: string | undefined): Effect.Effect<WebSocket, SocketError> =>
  Effect.try({
    try: () => {
      const ws = new WebSocket(request.url, request.protocol === undefined ? [] : [request.protocol], {
        headers: request.headers,
        perMessageDeflate: false,
        followRedirects: false,
        maxPayload: 8 * 1_048_576,
        ...(ca === undefined ? undefined : { ca })
      })
      // Stays for the life of the socket: an error without a listener would end the process.
      ws.on("error", () => {})
      return ws
    },
    catch: (cause) =>
      new SocketError({ reason: "Open", message: cause instanceof Error ? cause.message : String(cause) })
  })

// The peer gets a moment to answer the close frame. The timer belongs to no
// fiber, because none waits for it.
const release = (ws: WebSocket): Effect.Effect<void> =>
  Effect.sync(() => {
    if (ws.readyState !== WebSocket.OPEN) return ws.terminate()
    if (ws.isPaused) ws.resume()
    ws.close(1000)
    setTimeout(() => ws.terminate(), closeGraceMillis).unref()
  })

const awaitOpen = (ws: WebSocket): Effect.Effect<void, SocketError> =>
  Effect.async((resume) => {
    const fail = (error: SocketError) => resume(Effect.fail(error))
    ws.once("error", (error) =>
      fail(new SocketError({ reason: "Open", message: certificateProblem(error) ?? (error.message || String(error)) })))
    ws.once("unexpected-response", (_, response: IncomingMessage) => {
      let body = ""
      response.setEncoding("utf8")
      response.on("data", (text: string) => {
        if (body.length < maxBody) {
          body += text
        }
      })
      const end = () =>
        fail(refused(response, body))
      response.once("end", end)
      response.once("error", end)
      response.once("aborted", end)
    })
    ws.once("open", () =>
      resume(Effect.void))
  })

const makeConnection = (ws: WebSocket): SocketConnection => {
  const frames: Array<string> = []
  let receiver: ((result: Effect.Effect<string, SocketError>) => void) | undefined
  let ended: SocketError | undefined
  let heard = 0
  let trips = 0
  const onTrip = new Map<string, (result: Effect.Effect<void, SocketError>) => void>()

  ws.on("message", (data, isBinary) => {
    heard++
    // No binary frame is part of the protocol in this direction.
    if (isBinary || !Buffer.isBuffer(data)) return
    const text = data.toString("utf8")
    if (receiver !== undefined) {
      const resume = receiver
      receiver = undefined
      return resume(Effect.succeed(text))
    }
    frames.push(text)
    if (frames.length >= pauseAt && !ws.isPaused) ws.pause()
  })
  ws.on("pong", (data) => {
    heard++
    onTrip.get(data.toString())?.(Effect.void)
  })
  ws.on("ping", () => {
    heard++
  })
  ws.on("close", (code, reason) => {
    const text = reason.toString()
    ended = new SocketError({
      reason: "Closed",
      message: `the connection was closed (${code}${text === "" ? "" : `: ${text}`})`,
      code
    })
    receiver?.(Effect.fail(ended))
    for (const resume of onTrip.values()) resume(Effect.fail(ended))
  })

  return {
    send: (frame) =>
      Effect.async((resume) => {
        const fail = (message: string) => resume(Effect.fail(new SocketError({ reason: "Write", message })))
        if (ws.readyState !== WebSocket.OPEN) return fail("the connection is not open")
        ws.send(frame, (error) => error ? fail(error.message) : resume(Effect.void))
      }),
    receive: Effect.async((resume) => {
      const next = frames.shift()
      if (next !== undefined) {
        if (ws.isPaused && frames.length <= resumeAt) ws.resume()
        return resume(Effect.succeed(next))
      }
      if (ended !== undefined) return resume(Effect.fail(ended))
      receiver = resume
      return Effect.sync(() => {
        receiver = undefined
      })
    }),
    roundTrip: Effect.async((resume) => {
      const fail = (message: string) => resume(Effect.fail(new SocketError({ reason: "Write", message })))
      if (ws.readyState !== WebSocket.OPEN) return fail("the connection is not open")
      const name = String(++trips)
      const done = (result: Effect.Effect<void, SocketError>) => {
        onTrip.delete(name)
        resume(result)
      }
      onTrip.set(name, done)
      ws.ping(name, undefined, (error) => {
        if (error) done(Effect.fail(new SocketError({ reason: "Write", message: error.message })))
      })
      return Effect.sync(() => {
        onTrip.delete(name)
      })
    }),
    ping: Effect.async((resume) => {
      const fail = (message: string) => resume(Effect.fail(new SocketError({ reason: "Write", message })))
      if (ws.readyState !== WebSocket.OPEN) return fail("the connection is not open")
      ws.ping(undefined, undefined, (error) => error ? fail(error.message) : resume(Effect.void))
    }),
    heard: Effect.sync(() => heard),
    paused: Effect.sync(() => ws.isPaused)
  }
}

/** Opens sockets. The connection lives as long as the scope. */
export class SocketConnector extends Context.Tag("metrics-collector/sender/SocketConnector")<SocketConnector, {
  readonly connect: (request: SocketRequest) => Effect.Effect<SocketConnection, SocketError, Scope.Scope>
}>() {
  /** Real WebSockets. `ca` holds certificates (PEM) that are trusted in place of the authorities that Node trusts. */
  static readonly layerTrusting = (ca: string | undefined): Layer.Layer<SocketConnector> =>
    Layer.succeed(this, {
      connect: (request) =>
        Effect.gen(function*() {
          const ws = yield* Effect.acquireRelease(create(request, ca), release)
          // Listens from the start: frames may come in the same turn as the handshake.
          const connection = makeConnection(ws)
          yield* awaitOpen(ws)
          return connection
        })
    })

  /** Real WebSockets. */
  static readonly layer: Layer.Layer<SocketConnector> = this.layerTrusting(undefined)
}
