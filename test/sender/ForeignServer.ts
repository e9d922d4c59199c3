import { Effect, type Scope } from "effect"
import * as http from "node:http"
import { type WebSocket, WebSocketServer } from "ws"

/** A server of another kind than ours, with what was posted to it and what came by WebSocket. */
export interface ForeignServer {
  readonly port: number
  /** The values that were taken, in the order in which they came. */
  readonly values: Array<number>
  /** Bodies of POSTs and text frames as they came, whatever became of them. */
  readonly texts: Array<string>
  readonly headers: Array<http.IncomingHttpHeaders>
  /** What a POST is answered with; it is taken where the status is 2xx. */
  post: (
    count: number
  ) => { readonly status: number; readonly body?: string; readonly headers?: http.OutgoingHttpHeaders }
  /** What happens to a frame; `undefined`: taken, and answered by nothing. */
  frame: (count: number, text: string, ws: WebSocket) => string | undefined
  /** Whether WebSockets are accepted. */
  opens: boolean
}

/** The values of the metrics or points that a body holds. */
export const valuesIn = (text: string): ReadonlyArray<number> => {
  const json: unknown = JSON.parse(text)
  const items: ReadonlyArray<unknown> = Array.isArray(json) ? json : [json]
  return items.flatMap((item) => {
    if (typeof item !== "object" || item === null) return []
    const holder = "fields" in item && typeof item.fields === "object" && item.fields !== null ? item.fields : item
    return "value" in holder && typeof holder.value === "number" ? [holder.value] : []
  })
}

/** Starts a foreign server on a port of its own; it ends with the scope. */
export const foreignServer: Effect.Effect<ForeignServer, never, Scope.Scope> = Effect.gen(function*() {
  let posts = 0
  let frames = 0
  const own: { port: number } & Omit<ForeignServer, "port"> = {
    port: 0,
    values: [],
    texts: [],
    headers: [],
    post: () => ({ status: 204 }),
    frame: () => undefined,
    opens: true
  }
  const wss = new WebSocketServer({ noServer: true })
  const server = http.createServer((request, response) => {
    own.headers.push(request.headers)
    let text = ""
    request.setEncoding("utf8").on("data", (piece: string) => {
      text += piece
    }).on("end", () => {
      own.texts.push(text)
      const { body = "", headers, status } = own.post(++posts)
      if (status < 300) own.values.push(...valuesIn(text))
      response.writeHead(status, headers).end(body)
    })
  })
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {})
    if (!own.opens) {
      socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
      return
    }
    wss.handleUpgrade(request, socket, head, (ws) => {
      ws.on("error", () => {})
      ws.on("message", (data) => {
        const text = Buffer.isBuffer(data) ? data.toString() : ""
        own.texts.push(text)
        const answer = own.frame(++frames, text, ws)
        if (ws.readyState !== ws.OPEN) return
        own.values.push(...valuesIn(text))
        if (answer !== undefined) ws.send(answer)
      })
    })
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.async<void>((resume) => {
        for (const ws of wss.clients) ws.terminate()
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const address = server.address()
  own.port = typeof address === "object" && address !== null ? address.port : 0
  return own
})
