import { Context, Deferred, Effect, Layer, Logger, LogLevel, Queue, type Scope } from "effect"
import * as Http from "node:http"
import { WebSocket } from "ws"
import { MetricsServer, type MetricsServerOptions } from "../../src/server/MetricsServer.js"
import type { ServerError } from "../../src/server/ServerError.js"
import { MemoryMetricStore } from "../../src/store/MemoryMetricStore.js"
import type { MetricStore } from "../../src/store/MetricStore.js"
import { BATCH_MEDIA_TYPE, SUBPROTOCOL } from "../../src/wire/Frames.js"

/** A server on a free port, over the store that is provided. */
export const startServer = (
  options: MetricsServerOptions = {}
): Effect.Effect<typeof MetricsServer.Service, ServerError, MetricStore | Scope.Scope> =>
  Effect.map(Layer.build(MetricsServer.layer({ port: 0, ...options })), Context.get(MetricsServer))

/** A fresh store in memory; the server's log is kept out of the report. */
export const memoryStore = Layer.merge(MemoryMetricStore.layer, Logger.minimumLogLevel(LogLevel.None))

export interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly text: string
  readonly json: unknown
}

/** A request with exactly these headers; nothing is hidden, followed or decoded. */
export const request = (
  server: { readonly port: number },
  path: string,
  options: {
    readonly method?: string
    readonly headers?: { readonly [name: string]: string }
    readonly body?: string | Uint8Array
  } = {}
): Effect.Effect<Answer, Error> =>
  Effect.async<Answer, Error>((resume) => {
    const outgoing = Http.request({
      host: "127.0.0.1",
      port: server.port,
      path,
      method: options.method ?? "GET",
      headers: options.headers ?? {},
      agent: false
    }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("error", (error) => resume(Effect.fail(error)))
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8")
        const isJson = response.headers["content-type"]?.startsWith("application/json") === true &&
          response.headers["content-encoding"] === undefined
        resume(Effect.succeed({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: isJson && text !== "" ? JSON.parse(text) as unknown : undefined
        }))
      })
    })
    outgoing.on("error", (error) => resume(Effect.fail(error)))
    outgoing.end(options.body)
    return Effect.sync(() => outgoing.destroy())
  })

export const post = (
  server: { readonly port: number },
  body: unknown,
  headers: { readonly [name: string]: string } = {}
): Effect.Effect<Answer, Error> =>
  request(server, "/api/metrics", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body)
  })

export const postBatch = (
  server: { readonly port: number },
  body: unknown,
  headers: { readonly [name: string]: string } = {}
): Effect.Effect<Answer, Error> => post(server, body, { "content-type": BATCH_MEDIA_TYPE, ...headers })

export interface Closed {
  readonly code: number
  readonly reason: string
}

export interface Peer {
  readonly socket: WebSocket
  readonly send: (frame: unknown) => void
  /** The next frame of the server. */
  readonly next: Effect.Effect<unknown>
  readonly closed: Effect.Effect<Closed>
}

export class Refused extends Error {
  constructor(readonly status: number, readonly body: string, readonly headers: Http.IncomingHttpHeaders) {
    super(`refused with ${status}`)
  }
}

/** A WebSocket client that sends what it is told and keeps what it hears. */
export const connect = (
  server: { readonly port: number },
  options: {
    readonly protocols?: ReadonlyArray<string>
    readonly headers?: { readonly [name: string]: string }
    readonly path?: string
    readonly autoPong?: boolean
  } = {}
): Effect.Effect<Peer, Refused | Error, Scope.Scope> =>
  Effect.gen(function*() {
    const frames = yield* Queue.unbounded<unknown>()
    const closed = yield* Deferred.make<Closed>()
    const socket = yield* Effect.acquireRelease(
      Effect.async<WebSocket, Refused | Error>((resume) => {
        const ws = new WebSocket(`ws://127.0.0.1:${server.port}${options.path ?? "/ws/metrics"}`, [
          ...(options.protocols ?? [])
        ], { headers: options.headers ?? {}, autoPong: options.autoPong ?? true })
        ws.on("message", (data) => {
          const text = Buffer.isBuffer(data) ? data.toString("utf8") : ""
          Queue.unsafeOffer(frames, JSON.parse(text) as unknown)
        })
        ws.on("close", (code, reason) => {
          Deferred.unsafeDone(closed, Effect.succeed({ code, reason: reason.toString() }))
        })
        ws.on("unexpected-response", (_, response) => {
          const chunks: Array<Buffer> = []
          response.on("data", (chunk: Buffer) => chunks.push(chunk))
          response.on("end", () =>
            resume(Effect.fail(
              new Refused(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"), response.headers)
            )))
        })
        ws.on("error", (error) => resume(Effect.fail(error)))
        ws.on("open", () => resume(Effect.succeed(ws)))
      }),
      (ws) => Effect.sync(() => ws.terminate())
    )
    return {
      socket,
      send: (frame) => socket.send(typeof frame === "string" || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame)),
      next: Queue.take(frames),
      closed: Deferred.await(closed)
    }
  })

export const connectBatch = (
  server: { readonly port: number },
  headers: { readonly [name: string]: string } = {}
): Effect.Effect<Peer, Refused | Error, Scope.Scope> => connect(server, { protocols: [SUBPROTOCOL], headers })

export const hello = (stream: string, acked = 0, next = 0) => ({
  type: "hello",
  protocol: 1,
  sender: "tester",
  streams: [{ stream, acked, next }],
  capabilities: []
})

/** A batch of one series; `time` counts on from 1000 by 1. */
export const batch = (
  stream: string,
  first: number,
  values: ReadonlyArray<unknown>,
  options: { readonly define?: boolean; readonly metricType?: string } = {}
) => ({
  type: "batch",
  stream,
  first,
  ...(options.define === false
    ? {}
    : { define: [{ id: 1, origin: "test", metric_type: options.metricType ?? "m", tags: { host: "a" } }] }),
  series: values.map(() => 1),
  time: values.map((_, i) => i === 0 ? 1000 + first : 1),
  value: values
})

/** Values of a metric type as `/api/query` gives them, all series together. */
export const storedValues = (
  server: { readonly port: number },
  metricType: string,
  headers: { readonly [name: string]: string } = {}
): Effect.Effect<ReadonlyArray<unknown>, Error> =>
  Effect.map(
    request(server, `/api/query?metric_type=${encodeURIComponent(metricType)}`, { headers }),
    ({ json }) => isQuery(json) ? json.series.flatMap(({ points }) => points.map(([, value]) => value)) : []
  )

const isQuery = (
  json: unknown
): json is { readonly series: ReadonlyArray<{ readonly points: ReadonlyArray<readonly [number, unknown]> }> } =>
  typeof json === "object" && json !== null && "series" in json
