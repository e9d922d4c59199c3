import { Effect, type Scope } from "effect"
import * as http from "node:http"

/** How a request is answered. */
export type Answer = (response: http.ServerResponse, request: http.IncomingMessage) => void

/** A request that arrived. */
export interface Arrived {
  /** With its query. */
  readonly path: string
  readonly headers: http.IncomingHttpHeaders
}

/** A server that plays Lichess, on a free port of this host. */
export interface LichessServer {
  readonly url: string
  /** All so far, oldest first. */
  readonly arrived: ReadonlyArray<Arrived>
  /** Answers to this path (without its query), one a request; the last one goes on. */
  readonly on: (path: string, ...answers: ReadonlyArray<Answer>) => void
  /** Connections that stand. */
  readonly open: () => number
}

/** Starts it; what was not prepared is answered with 404. */
export const lichessServer: Effect.Effect<LichessServer, never, Scope.Scope> = Effect.gen(function*() {
  const answers = new Map<string, Array<Answer>>()
  const arrived: Array<Arrived> = []
  const sockets = new Set<unknown>()
  const server = yield* Effect.acquireRelease(
    Effect.async<http.Server>((resume) => {
      const made = http.createServer((request, response) => {
        const path = request.url ?? "/"
        arrived.push({ path, headers: request.headers })
        const prepared = answers.get(path.split("?")[0]) ?? []
        const answer = prepared.length > 1 ? prepared.shift() : prepared[0]
        if (answer === undefined) response.writeHead(404).end("404")
        else answer(response, request)
      })
      made.on("connection", (socket) => {
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket))
      })
      made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
    }),
    (made) =>
      Effect.async<void>((resume) => {
        made.close(() => resume(Effect.void))
        made.closeAllConnections()
      })
  )
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    arrived,
    on: (path, ...given) => void answers.set(path, [...given]),
    open: () => sockets.size
  }
})

/** A feed of these pieces, written one after the other, that then stays open. */
export const feed = (...pieces: ReadonlyArray<string | Uint8Array>): Answer => (response) => {
  response.writeHead(200, { "content-type": "application/x-ndjson" })
  response.flushHeaders()
  play(response, pieces, () => {})
}

/** A feed that ends after these pieces. */
export const endingFeed = (...pieces: ReadonlyArray<string | Uint8Array>): Answer => (response) => {
  response.writeHead(200, { "content-type": "application/x-ndjson" })
  play(response, pieces, () => response.end())
}

// Each piece is one packet: the next is written when the one before has left.
const play = (
  response: http.ServerResponse,
  pieces: ReadonlyArray<string | Uint8Array>,
  then: () => void
): void => {
  const [piece, ...others] = pieces
  if (piece === undefined) return then()
  response.write(piece, () => setImmediate(() => play(response, others, then)))
}

/** A JSON answer. */
export const json = (body: unknown): Answer => (response) =>
  void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))

/** Any answer. */
export const status =
  (code: number, body = "", headers: { readonly [name: string]: string } = {}): Answer => (response) =>
    void response.writeHead(code, headers).end(body)

/** The export of a game of 3+2 blitz, as the server writes it; `over` replaces parts. */
export const exported = (id: string, over: { readonly [key: string]: unknown } = {}): Answer =>
  json({
    id,
    rated: true,
    variant: "standard",
    speed: "blitz",
    perf: "blitz",
    createdAt: 1_700_000_000_000,
    lastMoveAt: 1_700_000_090_500,
    status: "mate",
    source: "pool",
    players: {
      white: { user: { name: "Ann", title: "GM", id: "ann" }, rating: 2600, ratingDiff: 5 },
      black: { user: { name: "Bob", id: "bob" }, rating: 2500, ratingDiff: -6 }
    },
    winner: "white",
    clock: { initial: 180, increment: 2, totalTime: 260 },
    ...over
  })
