import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, FiberId, Layer, Stream } from "effect"
import * as Http from "node:http"
import { MetricStore, QueryError, StoreError } from "../../../src/store/MetricStore.js"
import { answerText } from "../../../src/store/query/AnswerText.js"
import { memoryStore, post, request, startServer } from "../TestServer.js"

const metric = (value: number, timestamp: number, metadata: object = {}) => ({
  origin: "app",
  metric_type: "m",
  value,
  timestamp,
  metadata
})

const withStore = (change: (store: typeof MetricStore.Service) => Partial<typeof MetricStore.Service>) =>
  Layer.scoped(
    MetricStore,
    Effect.map(Layer.build(memoryStore), (context) => {
      const store = Context.get(context, MetricStore)
      return { ...store, ...change(store) }
    })
  ).pipe(Layer.provideMerge(memoryStore))

/** The first events of a live stream, as they are on the wire. */
const listen = (server: { readonly port: number }, path: string, until: (text: string) => boolean) =>
  Effect.async<string, Error>((resume) => {
    let text = ""
    const outgoing = Http.get({ host: "127.0.0.1", port: server.port, path, agent: false }, (response) => {
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString("utf8")
        if (until(text)) {
          outgoing.destroy()
          resume(Effect.succeed(text))
        }
      })
      response.on("end", () => resume(Effect.succeed(text)))
      response.on("error", () => {})
    })
    outgoing.on("error", (error) => resume(Effect.fail(error)))
    return Effect.sync(() => outgoing.destroy())
  })

describe("reading over HTTP", () => {
  it.scopedLive("lists series, the newest points, and points in time", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      yield* post(server, [
        metric(1, 1000, { host: "a" }),
        metric(2, 2000, { host: "a", ply: 7 }),
        metric(3, 1500, { host: "b" }),
        { origin: "other", metric_type: "n", value: 9, timestamp: 5 }
      ])
      const a = { origin: "app", metric_type: "m", tags: { host: "a" } }
      expect((yield* request(server, "/api/series?metric_type=m&tag.host=a")).json).toEqual([
        { ...a, points: 2, first: 1000, last: 2000 }
      ])
      expect((yield* request(server, "/api/latest?origin=app&tag.host=a")).json).toEqual([
        { ...a, timestamp: 2000, value: 2, fields: { ply: 7 } }
      ])
      expect((yield* request(server, "/api/query?metric_type=m&tag.host=a&fields=true")).json).toEqual({
        series: [{ ...a, points: [[1000, 1, {}], [2000, 2, { ply: 7 }]] }],
        truncated: false
      })
      expect(
        (yield* request(server, "/api/query?metric_type=m&tag.host=a&from=1970-01-01T00:00:02Z&to=3000")).json
      ).toEqual({ series: [{ ...a, points: [[2000, 2]] }], truncated: false })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("says that an answer was cut and where it goes on", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      yield* post(server, [metric(1, 1), metric(2, 2), metric(3, 3)])
      expect((yield* request(server, "/api/query?metric_type=m&limit=2")).json).toMatchObject({
        truncated: true,
        cursor: expect.any(String)
      })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("names what is wrong with the parameters", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      for (
        const [query, message] of [
          ["query", "metric_type: is missing"],
          ["query?metric_type=m&frm=1&tag=x", "frm, tag"],
          ["query?metric_type=m&from=yesterday", "from"],
          ["query?metric_type=m&limit=1000001", "limit"],
          ["query?metric_type=m&metric_type=n", "more than once"],
          ["series?limit=5", "limit"],
          ["latest?tag.a=1&tag.a=2", "tag.a"],
          ["live?x=1", "x"],
          ["losses?limit=0", "limit"]
        ]
      ) {
        expect(yield* request(server, `/api/${query}`), query).toMatchObject({
          status: 400,
          json: { code: "bad-parameter", message: expect.stringContaining(message) }
        })
      }
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("writes a large answer in pieces that are one JSON", () => {
    const count = 50_000
    const time = Array.from({ length: count }, (_, i) => i)
    const one = (host: string) => ({
      origin: "o",
      metricType: "m",
      tags: { host },
      time,
      value: time.map((i) => i / 3),
      fields: time.map(() => undefined)
    })
    return Effect.gen(function*() {
      const server = yield* startServer()
      const { json } = yield* request(server, "/api/query?metric_type=m")
      expect(json).toEqual({
        series: ["a", "b"].map((host) => ({
          origin: "o",
          metric_type: "m",
          tags: { host },
          points: time.map((i) => [i, i / 3])
        })),
        truncated: false
      })
    }).pipe(Effect.provide(withStore(() => ({
      queryText: () => answerText({ series: [one("a"), one("b")], truncated: false }, false)
    }))))
  })

  it.scopedLive("tells a bad query from a broken store, and says nothing of the inside", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      expect(yield* request(server, "/api/query?metric_type=m")).toMatchObject({
        status: 400,
        json: { message: "cursor: is none of ours" }
      })
      for (const path of ["/api/series", "/api/latest", "/api/status", "/readyz"]) {
        const answer = yield* request(server, path)
        expect(answer.status, path).toBeGreaterThanOrEqual(500)
        expect(answer.text).not.toMatch(/secret|at .*\.ts/)
      }
      expect(yield* request(server, "/healthz")).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(withStore(() => {
      const broken = new StoreError({ reason: "Failed", message: "/secret" })
      return {
        queryText: () => new QueryError({ reason: "Invalid", message: "cursor: is none of ours" }),
        series: () => broken,
        latest: () => Effect.die(new Error("/secret")),
        stats: broken
      }
    }))))

  it.scopedLive("says what to change where a query would be too large or take too long", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      expect(yield* request(server, "/api/query?metric_type=long")).toMatchObject({
        status: 503,
        json: { code: "query-timeout", message: "TooLong of long" }
      })
      expect(yield* request(server, "/api/query?metric_type=large")).toMatchObject({
        status: 400,
        json: { code: "query-too-large", message: "TooLarge of large" }
      })
    }).pipe(Effect.provide(withStore(() => ({
      queryText: ({ metricType = "" }) => {
        const reason = metricType === "long" ? "TooLong" : "TooLarge"
        return new QueryError({ reason, message: `${reason} of ${metricType}` })
      }
    })))))

  it.scopedLive("stops a query whose client went away", () => {
    const began = Deferred.unsafeMake<void>(FiberId.none)
    const stopped = Deferred.unsafeMake<void>(FiberId.none)
    return Effect.gen(function*() {
      const server = yield* startServer()
      const asking = yield* Effect.fork(request(server, "/api/query?metric_type=m"))
      yield* Deferred.await(began)
      yield* Fiber.interrupt(asking)
      yield* Deferred.await(stopped)
    }).pipe(Effect.provide(withStore(() => ({
      queryText: () =>
        Effect.onInterrupt(
          Effect.zipRight(Deferred.succeed(began, undefined), Effect.never),
          () => Deferred.succeed(stopped, undefined)
        )
    }))))
  })
})

describe("/api/live", () => {
  it.scopedLive("sends what is stored, to those who asked for it", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const heard = yield* Effect.fork(
        listen(server, "/api/live?metric_type=m&tag.host=a", (text) => text.includes("metrics"))
      )
      yield* request(server, "/api/status").pipe(Effect.repeat({ until: ({ text }) => text.includes("\"live\":1") }))
      yield* post(server, metric(1, 1000, { host: "b" }))
      yield* post(server, metric(2, 2000, { host: "a", ply: 7 })).pipe(Effect.repeatN(2))
      const text = yield* heard.await.pipe(Effect.flatten)
      expect(text).toContain("retry: 2000\n\n")
      expect(text).toMatch(/event: beat\ndata: {"time":\d+}\n\n/)
      expect(text).toContain(
        "event: metrics\ndata: [{\"origin\":\"app\",\"metric_type\":\"m\",\"tags\":{\"host\":\"a\"},\"timestamp\":2000," +
          "\"value\":2,\"fields\":{\"ply\":7}}]\n\n"
      )
      expect(text).not.toContain("\"host\":\"b\"")
      yield* request(server, "/api/status").pipe(Effect.repeat({ until: ({ text }) => text.includes("\"live\":0") }))
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("tells a slow reader how much it missed", () => {
    const series = { origin: "o", metricType: "m", tags: {}, key: "k" }
    const points = { series: [series], time: [1], value: [1], fields: [undefined] }
    return Effect.gen(function*() {
      const server = yield* startServer()
      const text = yield* listen(server, "/api/live", (text) => text.includes("dropped"))
      expect(text).toContain("event: dropped\ndata: {\"count\":4}\n\n")
    }).pipe(Effect.provide(withStore(() => ({
      live: () => Stream.concat(Stream.make({ sequence: 3, points }, { sequence: 8, points }), Stream.never)
    }))))
  })
})
