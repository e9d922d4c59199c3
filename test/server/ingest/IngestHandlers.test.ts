import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { connect as connectTcp } from "node:net"
import { gzipSync } from "node:zlib"
import { MetricStore, StoreError } from "../../../src/store/MetricStore.js"
import { batch, memoryStore, post, postBatch, request, startServer, storedValues } from "../TestServer.js"

const metric = { origin: "app", metric_type: "temperature", value: 21.5, timestamp: "2026-01-01T00:00:00Z" }
const httpBatch = (stream: string, first: number, values: ReadonlyArray<unknown>, acked = 0) => ({
  ...batch(stream, first, values),
  sender: "tester",
  acked
})

describe("POST /api/metrics, plain", () => {
  it.scopedLive("takes one metric, a point, and an array, and gives them back to the last digit", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      expect(yield* post(server, { ...metric, value: 0.1 + 0.2, metadata: { host: "a", ply: 3 } })).toMatchObject({
        status: 200,
        json: { accepted: 1, rejected: [] }
      })
      expect(
        yield* post(server, {
          measurement: "app_metrics",
          tags: { metric_type: "temperature", host: "b" },
          fields: { value: 1e-300 },
          timestamp: "2026-01-01T00:00:01Z"
        })
      ).toMatchObject({ status: 200 })
      expect(yield* post(server, [metric, { ...metric, value: -5 }])).toMatchObject({
        status: 200,
        json: { accepted: 2, rejected: [] }
      })
      const { json } = yield* request(server, "/api/query?metric_type=temperature&fields=true")
      expect(json).toMatchObject({ truncated: false })
      const at = Date.UTC(2026, 0, 1)
      expect(JSON.stringify(json)).toContain(`[${at},0.30000000000000004,{"ply":3}]`)
      expect(JSON.stringify(json)).toContain(`[${at + 1000},1e-300,{}]`)
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("names every bad metric by its place and takes its neighbours", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const deep = JSON.parse("[".repeat(20) + "]".repeat(20)) as unknown
      const bad = [
        { ...metric, value: "12" },
        { ...metric, value: null },
        { ...metric, origin: "" },
        { ...metric, metric_type: "x".repeat(256) },
        { ...metric, timestamp: 1e18 },
        { ...metric, timestamp: "March 7" },
        { ...metric, metadata: { note: { value: "x".repeat(9000) } } },
        { ...metric, metadata: { deep } },
        { ...metric, metadata: JSON.parse("{\"__proto__\": {\"polluted\": 1}}") as unknown },
        17,
        null,
        [metric]
      ]
      const answer = yield* post(server, [metric, ...bad, { ...metric, value: 2 }])
      expect(answer.status).toBe(200)
      expect(answer.json).toMatchObject({
        accepted: 2,
        rejected: bad.map((_, i) => ({ index: i + 1, message: expect.stringMatching(/\w/) }))
      })
      expect(JSON.stringify(answer.json)).toMatch(
        /value: expected a finite number.*origin.*metric_type.*timestamp.*bytes/
      )
      expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false)
      expect(yield* storedValues(server, "temperature")).toEqual([21.5, 2])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("answers 422 when nothing could be taken, 400 when it is no JSON", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      expect(yield* post(server, { origin: "app" })).toMatchObject({
        status: 422,
        json: { accepted: 0, rejected: [{ index: 0, message: expect.stringContaining("metric_type") }] }
      })
      for (
        const body of [
          "{\"origin\":",
          "",
          "{\"origin\":\"a\",\"metric_type\":\"b\",\"value\":NaN}",
          "[1,Infinity]",
          Buffer.from([0x22, 0xff, 0x22])
        ]
      ) {
        expect(yield* post(server, body)).toMatchObject({ status: 400, json: { code: "bad-json" } })
      }
      expect(yield* post(server, [])).toMatchObject({ status: 200, json: { accepted: 0, rejected: [] } })
      expect(yield* post(server, metric)).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("takes gzip, and refuses other encodings, media types and charsets", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const gzip = { "content-encoding": "gzip" }
      expect(yield* post(server, gzipSync(JSON.stringify(metric)), gzip)).toMatchObject({ status: 200 })
      expect(yield* post(server, "no gzip", gzip)).toMatchObject({ status: 400, json: { code: "bad-gzip" } })
      expect(yield* post(server, metric, { "content-encoding": "br" })).toMatchObject({ status: 415 })
      expect(yield* post(server, metric, { "content-type": "application/x-www-form-urlencoded" })).toMatchObject({
        status: 415,
        json: { message: expect.stringContaining("application/json") }
      })
      expect(yield* post(server, metric, { "content-type": "application/json; charset=latin1" })).toMatchObject({
        status: 415
      })
      expect(yield* post(server, metric, { "content-type": "application/json; charset=UTF-8" })).toMatchObject({
        status: 200
      })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("answers 413 to a body of 20 MB so that the client sees it, and lives", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const huge = Buffer.alloc(20 * 1024 * 1024, " ")
      expect(yield* post(server, huge)).toMatchObject({ status: 413, json: { code: "too-large" } })
      // Without a content-length the server finds out only while it reads.
      expect(yield* post(server, huge, { "transfer-encoding": "chunked" })).toMatchObject({ status: 413 })
      const fetched = yield* Effect.promise(() =>
        fetch(`${server.url}/api/metrics`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: huge
        })
      )
      expect(fetched.status).toBe(413)
      yield* Effect.promise(() => fetched.text())
      const bomb = gzipSync(huge)
      expect(bomb.length).toBeLessThan(100_000)
      expect(yield* post(server, bomb, { "content-encoding": "gzip" })).toMatchObject({
        status: 413,
        json: { message: expect.stringContaining("gunzip") }
      })
      expect(yield* post(server, metric)).toMatchObject({ status: 200 })
      expect(yield* request(server, "/api/status")).toMatchObject({ json: { inFlightBytes: 0 } })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("tells clients to come again while it holds as many bytes as it may", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ maxInFlightBytes: 1000 })
      const slow = connectTcp(server.port, "127.0.0.1")
      slow.on("error", () => {})
      yield* Effect.addFinalizer(() => Effect.sync(() => slow.destroy()))
      slow.write(
        "POST /api/metrics HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 3000\r\n\r\n" +
          " ".repeat(1500)
      )
      yield* request(server, "/api/status").pipe(
        Effect.repeat({ until: ({ text }) => text.includes("\"inFlightBytes\":1500") })
      )
      expect(yield* post(server, metric)).toMatchObject({ status: 503, headers: { "retry-after": "1" } })
      slow.destroy()
      yield* request(server, "/api/status").pipe(
        Effect.repeat({ until: ({ text }) => text.includes("\"inFlightBytes\":0") })
      )
      expect(yield* post(server, metric)).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(memoryStore)))
})

describe("POST /api/metrics, batches", () => {
  it.scopedLive("commits a batch once, answers a gap, trims what it has, and takes a skip", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      expect(yield* postBatch(server, httpBatch("s1", 0, [1, 2]))).toMatchObject({
        status: 200,
        json: { stream: "s1", next: 2, rejected: [] }
      })
      expect(yield* postBatch(server, httpBatch("s1", 0, [1, 2, 3]))).toMatchObject({ status: 200, json: { next: 3 } })
      const gap = yield* postBatch(server, httpBatch("s1", 10, [9]))
      expect(gap).toMatchObject({ status: 409, json: { next: 3 } })
      expect(
        yield* postBatch(server, { type: "skip", stream: "s1", from: 3, to: 10, reason: "drop-oldest", sender: "t" })
      ).toMatchObject({ status: 200, json: { stream: "s1", next: 10 } })
      expect(yield* postBatch(server, httpBatch("s1", 10, [9]))).toMatchObject({ status: 200, json: { next: 11 } })
      expect(yield* storedValues(server, "m")).toEqual([1, 2, 3, 9])
      expect((yield* request(server, "/api/losses")).json).toMatchObject([
        { stream: "s1", from: 3, to: 10, count: 7, reason: "drop-oldest" }
      ])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("answers with every rejection from acked on", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const first = [[1, "value: expected a finite number"]]
      expect((yield* postBatch(server, httpBatch("s1", 0, [1, null, 3]))).json).toEqual({
        stream: "s1",
        next: 3,
        rejected: first
      })
      expect((yield* postBatch(server, httpBatch("s1", 3, ["x"]))).json).toMatchObject({
        rejected: [...first, [3, "value: expected a finite number"]]
      })
      expect((yield* postBatch(server, httpBatch("s1", 4, [5], 2))).json).toMatchObject({
        rejected: [[3, "value: expected a finite number"]]
      })
      expect(yield* storedValues(server, "m")).toEqual([1, 3, 5])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("refuses a batch of more than 100,000 points, which would hold up all others, and takes the next", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const values = Array.from({ length: 100_001 }, () => 1)
      expect(yield* postBatch(server, httpBatch("s1", 0, values))).toMatchObject({
        status: 413,
        json: { code: "too-large", message: "100001 points in one batch; send at most 100000" }
      })
      expect((yield* postBatch(server, httpBatch("s1", 0, values.slice(1)))).json).toMatchObject({ next: 100_000 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("refuses frames that are none and ids without a definition, and rejects nothing", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const undefinedId = { ...batch("s1", 0, [1], { define: false }), sender: "t" }
      expect(yield* postBatch(server, undefinedId)).toMatchObject({ status: 400, json: { code: "unknown-series" } })
      for (
        const frame of [{ type: "nothing" }, { type: "hello" }, [], 5, { ...httpBatch("s1", 0, [1]), time: [] }, {
          ...httpBatch("s1", 0, [1]),
          sender: 5
        }]
      ) {
        expect(yield* postBatch(server, frame)).toMatchObject({ status: 400, json: { code: "bad-frame" } })
      }
      expect((yield* postBatch(server, httpBatch("s1", 0, [1]))).json).toMatchObject({ next: 1, rejected: [] })
    }).pipe(Effect.provide(memoryStore)))
})

describe("POST /api/metrics, a store in trouble", () => {
  const broken = (reason: StoreError["reason"]) =>
    Layer.scoped(
      MetricStore,
      Effect.map(Layer.build(memoryStore), (context) => ({
        ...Context.get(context, MetricStore),
        commit: () => new StoreError({ reason, message: "/secret/path" }),
        commitPlain: () => new StoreError({ reason, message: "/secret/path" })
      }))
    )

  for (
    const [reason, status] of [
      ["Full", 503],
      ["Unavailable", 503],
      ["Closed", 503],
      ["Failed", 500],
      ["Corrupt", 500]
    ] as const
  ) {
    it.scopedLive(`answers ${status} when it is ${reason}, and says nothing of the inside`, () =>
      Effect.gen(function*() {
        const server = yield* startServer()
        for (const answer of [yield* post(server, metric), yield* postBatch(server, httpBatch("s1", 0, [1]))]) {
          expect(answer.status).toBe(status)
          expect(answer.text).not.toContain("secret")
          expect(answer.headers["retry-after"]).toBe(status === 503 ? "5" : undefined)
        }
      }).pipe(Effect.provide(broken(reason))))
  }
})
