import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Redacted, Stream } from "effect"
import * as Http from "node:http"
import { MetricsClient, type MetricsClientOptions } from "../../src/client/MetricsClient.js"
import { steadyPort } from "../e2e/SteadyPort.js"
import { memoryStore, post, postBatch, request, startServer } from "../server/TestServer.js"

const client = (options: MetricsClientOptions) =>
  Effect.map(Layer.build(MetricsClient.layer(options)), Context.get(MetricsClient))

const metric = (value: number, timestamp: number, host: string) => ({
  origin: "app",
  metric_type: "m",
  value,
  timestamp,
  metadata: { host, ply: 7 }
})

/** A server that answers everything alike. */
const stranger = (status: number, body: string) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly server: Http.Server }>((resume) => {
      const server = Http.createServer((_, response) => {
        response.writeHead(status, { "content-type": "application/json" })
        response.end(body)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}` }))
      })
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )

describe("MetricsClient", () => {
  it.scopedLive("asks a server for everything it holds", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ version: "9" })
      const ask = yield* client({ serverUrl: `${server.url}/` })
      yield* post(server, [metric(1, 1000, "a b&c"), metric(2, 2000, "a b&c"), metric(3, 1500, "b")])
      yield* postBatch(server, { type: "skip", stream: "s", from: 0, to: 4, reason: "drop-oldest", sender: "t" })
      const series = { origin: "app", metric_type: "m", tags: { host: "a b&c" } }
      expect(yield* ask.series({ tags: { host: "a b&c" } })).toEqual([{
        ...series,
        points: 2,
        first: 1000,
        last: 2000
      }])
      expect(yield* ask.query({ metricType: "m", tags: { host: "a b&c" }, from: 2000, to: 3000, fields: true }))
        .toEqual({
          series: [{ ...series, points: [[2000, 2, { ply: 7 }]] }],
          truncated: false
        })
      expect((yield* ask.query({ metricType: "m", limit: 1 })).cursor).toEqual(expect.any(String))
      expect(yield* ask.latest({ metricType: "m", origin: "app", tags: { host: "b" } })).toMatchObject([
        { timestamp: 1500, value: 3, fields: { ply: 7 } }
      ])
      expect(yield* ask.status).toMatchObject({ version: "9", store: { points: 3 } })
      expect(yield* ask.losses({ limit: 5 })).toMatchObject([{
        stream: "s",
        from: 0,
        to: 4,
        count: 4,
        reason: "drop-oldest"
      }])
      expect(yield* ask.losses({ sender: "other" })).toEqual([])
      expect(yield* ask.losses({ sender: "t" })).toHaveLength(1)
      expect((yield* ask.statusOf("t")).streams).toMatchObject([{ stream: "s", sender: "t" }])
      expect((yield* ask.statusOf("other")).streams).toEqual([])
      yield* ask.health
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("shows its token, and says what is missing without one", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ token: Redacted.make("right") })
      yield* (yield* client({ serverUrl: server.url, token: Redacted.make("right") })).status
      const refused = yield* Effect.flip((yield* client({ serverUrl: server.url })).status)
      expect(refused).toMatchObject({ _tag: "Unauthorized", message: expect.stringContaining("--token") })
      const wrong = yield* client({ serverUrl: server.url, token: Redacted.make("wrong") })
      expect(yield* Effect.flip(Stream.runDrain(wrong.live({})))).toMatchObject({ _tag: "Unauthorized" })
      yield* wrong.health
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("tells a bad question, an absent server, and a stranger apart", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const ask = yield* client({ serverUrl: server.url })
      expect(yield* Effect.flip(ask.query({ metricType: "m", limit: 0 }))).toMatchObject({
        _tag: "BadRequest",
        message: expect.stringContaining("limit")
      })
      const nobody = `http://127.0.0.1:${yield* steadyPort}`
      const absent = yield* Effect.flip((yield* client({ serverUrl: nobody })).series({}))
      expect(absent).toMatchObject({ _tag: "Unreachable", message: expect.stringContaining(nobody) })
      for (const [status, body] of [[200, "{\"hello\":1}"], [200, "<html>"], [404, "<html>"], [500, "{}"]] as const) {
        const other = yield* stranger(status, body)
        const error = yield* Effect.flip((yield* client({ serverUrl: other.url })).series({}))
        expect(error, body).toMatchObject({ _tag: "Failed", message: expect.stringContaining("metrics-collector") })
      }
      const failing = yield* stranger(503, "{\"code\":\"busy\",\"message\":\"come again\"}")
      expect(yield* Effect.flip((yield* client({ serverUrl: failing.url })).status)).toMatchObject({
        _tag: "Failed",
        status: 503,
        message: expect.stringContaining("come again")
      })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("follows what is stored, and lets the server know when it stops", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const ask = yield* client({ serverUrl: server.url })
      const got = yield* Deferred.make<unknown>()
      yield* ask.live({ tags: { host: "é" } }).pipe(
        Stream.runForEach((event) => Deferred.succeed(got, event)),
        Effect.raceFirst(Deferred.await(got)),
        Effect.forkScoped
      )
      yield* request(server, "/api/status").pipe(Effect.repeat({ until: ({ text }) => text.includes("\"live\":1") }))
      yield* post(server, [metric(1, 1000, "other"), metric(2, 2000, "é")])
      expect(yield* Deferred.await(got)).toEqual({
        _tag: "Metrics",
        metrics: [{
          origin: "app",
          metric_type: "m",
          tags: { host: "é" },
          timestamp: 2000,
          value: 2,
          fields: { ply: 7 }
        }]
      })
      yield* request(server, "/api/status").pipe(Effect.repeat({ until: ({ text }) => text.includes("\"live\":0") }))
    }).pipe(Effect.provide(memoryStore)))
})
