import { Effect, Schedule, type Scope } from "effect"
import { createSocket, type Socket as Datagrams } from "node:dgram"
import * as fs from "node:fs"
import { createServer as createHttpServer } from "node:http"
import { createServer } from "node:net"
import { PeerError } from "./Peer.js"

const portOf = (address: unknown): number => address instanceof Object && "port" in address ? Number(address.port) : 0

/** A port that nothing listens on now, for a program that cannot choose one itself. */
export const freePort: Effect.Effect<number> = Effect.async((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const port = portOf(server.address())
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** A socket for datagrams on a port of its own. */
export const datagramSocket: Effect.Effect<{ readonly socket: Datagrams; readonly port: number }, never, Scope.Scope> =
  Effect.acquireRelease(
    Effect.async((resume) => {
      const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 })
      socket.bind(0, "127.0.0.1", () => resume(Effect.succeed({ socket, port: socket.address().port })))
    }),
    ({ socket }) => Effect.sync(() => socket.close())
  )

/** Datagrams that the system threw away because the one who listens on the port was too slow (Linux). */
export const droppedDatagrams = (port: number): number => {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`
  let dropped = 0
  for (const file of ["/proc/net/udp", "/proc/net/udp6"]) {
    if (!fs.existsSync(file)) continue
    for (const line of fs.readFileSync(file, "utf8").split("\n")) {
      const columns = line.trim().split(/\s+/)
      if (columns[1]?.endsWith(local) === true) dropped += Number(columns.at(-1))
    }
  }
  return dropped
}

/** An HTTP server that takes whatever is posted; `bytes` and `requests` count what came. */
export interface HttpSink {
  readonly url: string
  requests: number
  bytes: number
}

/** Answers every request with 200 and an empty message in its own form. */
export const httpSink: Effect.Effect<HttpSink, never, Scope.Scope> = Effect.gen(function*() {
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => createHttpServer()),
    (opened) =>
      Effect.sync(() => {
        opened.close()
        opened.closeAllConnections()
      })
  )
  yield* Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
  const sink: HttpSink = { url: `http://127.0.0.1:${portOf(server.address())}`, requests: 0, bytes: 0 }
  server.on("request", (request, response) => {
    request.on("data", (chunk: Buffer) => {
      sink.bytes += chunk.length
    })
    request.on("end", () => {
      sink.requests++
      const isJson = request.headers["content-type"] === "application/json"
      response.setHeader("content-type", isJson ? "application/json" : "application/x-protobuf")
      response.end(isJson ? "{}" : "")
    })
  })
  return sink
})

/** The text of an answer that is a success. */
export const get = (url: string): Effect.Effect<string, PeerError> =>
  Effect.tryPromise({
    try: async () => {
      const response = await fetch(url)
      const text = await response.text()
      if (!response.ok) throw new Error(`${response.status} ${text.slice(0, 200)}`)
      return text
    },
    catch: (cause) => new PeerError({ message: `${url}: ${String(cause)}` })
  })

/** Asks until there is an answer, for 20 s. */
export const getSoon = (url: string): Effect.Effect<string, PeerError> =>
  Effect.retry(get(url), Schedule.intersect(Schedule.spaced("200 millis"), Schedule.recurs(100)))
