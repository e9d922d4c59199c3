import { Duration, Effect, FiberSet, Schedule, type Scope } from "effect"
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { WebSocketServer } from "ws"
import { SOCKET_PATH } from "../../wire/Endpoint.js"
import { CLOSE_SUPERSEDED, SUBPROTOCOL } from "../../wire/Frames.js"
import { PlainReader } from "../ingest/PlainReader.js"
import type { ServerParts } from "../ServerParts.js"
import { makeBatchSession } from "./BatchSession.js"
import { makePlainSession } from "./PlainSession.js"
import { serveConnection, type ServedSocket, type SocketConnection } from "./SocketConnection.js"

/** The WebSocket side of a server. */
export interface MetricsSockets {
  /** Takes an HTTP upgrade request, or answers why not with an HTTP status. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Serves a WebSocket whose handshake is done; `protocol` is the subprotocol that was agreed on, `""` for none. */
  readonly accept: (ws: ServedSocket, protocol: string, owner: string, address?: string) => void
  /** Refuses new connections and closes the open ones with 1001. */
  readonly goAway: Effect.Effect<void>
  /** Cuts what is still open. */
  readonly terminate: Effect.Effect<void>
}

/** How often a silent connection is asked whether it lives; it is cut at the next one without an answer. */
const pingInterval = Duration.seconds(20)

/** How many connections may hold inflated frames at a time: each holds up to twice the limit of a frame. */
const maxInflations = 16

const statusText: { readonly [status: number]: string | undefined } = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  429: "Too Many Requests",
  503: "Service Unavailable"
}

const refuseUpgrade = (
  socket: Duplex,
  status: number,
  code: string,
  message: string,
  retryAfterSeconds?: number
): void => {
  const body = JSON.stringify({ code, message })
  socket.end(
    `HTTP/1.1 ${status} ${statusText[status] ?? "Refused"}\r\n` +
      "Connection: close\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n" +
      (code === "bad-handshake" ? "Sec-WebSocket-Version: 13\r\n" : "") +
      (status === 401 ? "WWW-Authenticate: Bearer realm=\"metrics-collector\"\r\n" : "") +
      (retryAfterSeconds === undefined ? "" : `Retry-After: ${retryAfterSeconds}\r\n`) +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

/** Makes the WebSocket side of a server; its connections live as long as the scope. */
export const makeMetricsSockets = (
  parts: ServerParts
): Effect.Effect<MetricsSockets, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { auth, counters, door, incidents, inFlight, maxFrameBytes, store, ways } = parts
    const plain = { store, counters, reader: new PlainReader() }
    const run = yield* FiberSet.makeRuntime()
    const inflation = yield* Effect.makeSemaphore(maxInflations)
    const connections = new Set<SocketConnection>()
    const byStream = new Map<string, SocketConnection>()
    let stopping = false

    const wss = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      // Frames up to twice the limit are read, so that their sender can be told what is wrong.
      maxPayload: 2 * maxFrameBytes,
      handleProtocols: (protocols) => protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false
    })

    wss.on("wsClientError", (error, socket, request) => {
      incidents.note("no-request", request.socket.remoteAddress, error.message)
      refuseUpgrade(socket, 400, "bad-handshake", `${error.message}; expected a WebSocket handshake of version 13`)
    })

    const accept = (ws: ServedSocket, protocol: string, owner: string, address?: string): void => {
      const streams = new Set<string>()
      const session = protocol === SUBPROTOCOL
        ? makeBatchSession({
          store,
          counters,
          owner,
          isCurrentOwner: auth.isCurrentOwner,
          window: parts.window,
          maxBatchBytes: maxFrameBytes,
          takeOver: (stream) => {
            const older = byStream.get(stream)
            byStream.set(stream, connection)
            streams.add(stream)
            ways.opened(stream)
            if (older !== undefined && older !== connection) {
              older.close(CLOSE_SUPERSEDED, "a newer connection took over")
            }
          }
        })
        : makePlainSession(plain, (reason) => incidents.note("bad-metrics", address, reason))
      const connection = serveConnection(ws, {
        session,
        counters,
        inFlight,
        maxFrameBytes,
        inflation,
        note: (what, detail) => incidents.note(what, address, detail),
        run: (effect) => {
          run(effect)
        },
        onClose: () => {
          connections.delete(connection)
          for (const stream of streams) {
            if (byStream.get(stream) !== connection) continue
            byStream.delete(stream)
            ways.closed(stream)
          }
          counters.connections[session.mode]--
        }
      })
      connections.add(connection)
      counters.connections[session.mode]++
      if (stopping) connection.close(1001, "the server is stopping")
    }

    const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      // A reset during the handshake is an `error` here, and without a listener it ends the process.
      socket.on("error", () => {})
      if (request.url?.split("?")[0] !== SOCKET_PATH) {
        return refuseUpgrade(socket, 404, "not-found", `there is no WebSocket here; it is at ${SOCKET_PATH}`)
      }
      if (stopping) return refuseUpgrade(socket, 503, "stopping", "the server is stopping")
      const refusal = door.refuse(request)
      if (refusal !== undefined) {
        counters.refused++
        return refuseUpgrade(socket, refusal.status, refusal.code, refusal.message, refusal.retryAfterSeconds)
      }
      const owner = auth.ownerOf(request.headers) ?? ""
      const address = request.socket.remoteAddress
      wss.handleUpgrade(request, socket, head, (ws) => {
        // Those of `ws` tell what a client did wrong; those of the network are nobody's fault.
        ws.on("error", (error: NodeJS.ErrnoException) => {
          if (error.code?.startsWith("WS_ERR") === true) incidents.note("bad-socket", address, error.message)
        })
        accept(ws, ws.protocol, owner, address)
      })
    }

    yield* Effect.sync(() => {
      for (const connection of connections) connection.watch()
    }).pipe(
      Effect.schedule(Schedule.spaced(pingInterval)),
      Effect.forkScoped
    )

    return {
      upgrade,
      accept,
      goAway: Effect.sync(() => {
        stopping = true
        for (const connection of connections) connection.close(1001, "the server is stopping")
      }),
      terminate: Effect.sync(() => {
        for (const connection of connections) connection.terminate()
      })
    }
  })
