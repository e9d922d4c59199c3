import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, TestClock } from "effect"
import { connect as connectTcp } from "node:net"
import { gzipSync } from "node:zlib"
import { WebSocket } from "ws"
import { type CommitResult, MetricStore, StoreError, type StreamBatch } from "../../../src/store/MetricStore.js"
import {
  batch,
  connect,
  connectBatch,
  hello,
  memoryStore,
  Refused,
  request,
  startServer,
  storedValues
} from "../TestServer.js"

const open = (stream: string, acked = 0, next = 0) => (server: { readonly port: number }) =>
  Effect.gen(function*() {
    const peer = yield* connectBatch(server)
    peer.send(hello(stream, acked, next))
    yield* peer.next
    return peer
  })

const gzipFrame = (frame: unknown): Buffer => Buffer.concat([Buffer.from([1]), gzipSync(JSON.stringify(frame))])

const passing: ReadonlyArray<StoreError["reason"]> = ["Full", "Unavailable", "Closed"]

describe("the socket in batch mode", () => {
  it.scopedLive("welcomes, acknowledges after the commit, answers gaps and skips", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ window: 4, maxFrameBytes: 65_536 })
      const peer = yield* connectBatch(server)
      expect(peer.socket.protocol).toBe("metrics.batch.v1")
      peer.send(hello("s1"))
      expect(yield* peer.next).toMatchObject({
        type: "welcome",
        protocol: 1,
        store: expect.stringMatching(/./),
        streams: [{ stream: "s1", next: 0 }],
        window: 4,
        maxBatchBytes: 65_536,
        capabilities: ["gzip"]
      })
      peer.send(batch("s1", 0, [1, 2]))
      expect(yield* peer.next).toEqual({ type: "ack", stream: "s1", next: 2, rejected: [] })
      expect(yield* storedValues(server, "m")).toEqual([1, 2])
      peer.send(batch("s1", 5, [6], { define: false }))
      expect(yield* peer.next).toEqual({ type: "gap", stream: "s1", next: 2 })
      peer.send({ type: "skip", stream: "s1", from: 2, to: 5, reason: "drop-oldest" })
      expect(yield* peer.next).toMatchObject({ type: "ack", next: 5 })
      peer.send(batch("s1", 5, [6], { define: false }))
      expect(yield* peer.next).toMatchObject({ type: "ack", next: 6 })
      expect(yield* storedValues(server, "m")).toEqual([1, 2, 6])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("stores a batch once, however often and on however many connections it comes", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* open("s1")(server)
      const one = batch("s1", 0, [1, 2, 3])
      for (let i = 0; i < 3; i++) peer.send(one)
      for (let i = 0; i < 3; i++) expect(yield* peer.next).toMatchObject({ type: "ack", next: 3 })
      const again = yield* open("s1")(server)
      again.send(batch("s1", 1, [2, 3, 4]))
      expect(yield* again.next).toMatchObject({ type: "ack", next: 3 })
      expect(yield* again.next).toMatchObject({ type: "ack", next: 4 })
      expect(yield* storedValues(server, "m")).toEqual([1, 2, 3, 4])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("answers in order when many frames come at once, gzipped or not", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* open("s1")(server)
      for (let i = 0; i < 200; i++) {
        const frame = batch("s1", i * 2, [i, i + 0.5], { define: i === 0 })
        peer.send(i % 2 === 0 ? gzipFrame(frame) : frame)
      }
      for (let i = 0; i < 200; i++) expect(yield* peer.next).toMatchObject({ type: "ack", next: (i + 1) * 2 })
      expect((yield* storedValues(server, "m")).length).toBe(400)
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("repeats rejections after the welcome until hello.acked passes them", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* open("s1")(server)
      peer.send(batch("s1", 0, [1, null, 3]))
      const rejected = [[1, "value: expected a finite number"]]
      expect(yield* peer.next).toMatchObject({ type: "ack", next: 3, rejected })
      const second = yield* connectBatch(server)
      second.send(hello("s1", 0, 3))
      expect(yield* second.next).toMatchObject({ type: "welcome", streams: [{ stream: "s1", next: 3 }] })
      expect(yield* second.next).toMatchObject({ type: "ack", next: 3, rejected })
      second.send(hello("s1", 3, 3))
      expect(yield* second.next).toMatchObject({ type: "welcome" })
      second.send(batch("s1", 3, [4]))
      expect(yield* second.next).toEqual({ type: "ack", stream: "s1", next: 4, rejected: [] })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("closes on an unknown series id and rejects nothing", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* open("s1")(server)
      peer.send(batch("s1", 0, [1], { define: false }))
      expect(yield* peer.next).toMatchObject({ type: "error", code: "unknown-series", fatal: true })
      expect((yield* peer.closed).code).toBe(1008)
      const again = yield* open("s1")(server)
      again.send(batch("s1", 0, [1]))
      expect(yield* again.next).toEqual({ type: "ack", stream: "s1", next: 1, rejected: [] })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("applies definitions whatever becomes of their frame", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* open("s1")(server)
      const one = batch("s1", 0, [1])
      for (
        const [frame, answer] of [
          [{ ...one, define: one.define, time: [] }, { type: "error", code: "bad-frame", fatal: false }],
          [{ ...one, define: [{ id: 2, origin: "test", metric_type: "m" }], first: 9 }, { type: "gap" }],
          [
            { ...one, define: [{ id: -1 }, { id: 3, origin: "test", metric_type: "m" }] },
            { type: "error", code: "bad-frame", message: expect.stringContaining("define"), fatal: false }
          ]
        ]
      ) {
        peer.send(frame)
        expect(yield* peer.next).toMatchObject(answer)
      }
      peer.send({ ...batch("s1", 0, [1, 2, 3], { define: false }), series: [1, 2, 3] })
      expect(yield* peer.next).toEqual({ type: "ack", stream: "s1", next: 3, rejected: [] })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("repeats rejections with every ack, but a long list only once a connection", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* open("s1")(server)
      const rejectedOf = Effect.map(peer.next, (frame) => {
        expect(frame).toMatchObject({ type: "ack", rejected: expect.any(Array) })
        return typeof frame === "object" && frame !== null && "rejected" in frame && Array.isArray(frame.rejected)
          ? frame.rejected.length
          : -1
      })
      peer.send(batch("s1", 0, [null]))
      expect(yield* rejectedOf).toBe(1)
      peer.send(batch("s1", 1, [1], { define: false }))
      expect(yield* rejectedOf).toBe(1)
      peer.send(batch("s1", 2, Array.from({ length: 2_000 }, () => null), { define: false }))
      expect(yield* rejectedOf).toBe(2_000)
      peer.send(batch("s1", 2_002, [null, 1], { define: false }))
      expect(yield* rejectedOf).toBe(1)
      peer.send(hello("s1", 1, 2_004))
      expect(yield* peer.next).toMatchObject({ type: "welcome" })
      expect(yield* rejectedOf).toBe(2_001)
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("lets the newest hello of a stream close the older socket", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const older = yield* open("s1")(server)
      const other = yield* open("s2")(server)
      yield* open("s1")(server)
      expect((yield* older.closed).code).toBe(4001)
      other.send(batch("s2", 0, [1]))
      expect(yield* other.next).toMatchObject({ type: "ack", stream: "s2" })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("says what is wrong with a frame and goes on, unless the protocol is broken", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* open("s1")(server)
      for (
        const bad of [
          "{",
          "17",
          "{\"type\":\"batch\"}",
          { type: "ack" },
          Buffer.from([7, 1, 2]),
          Buffer.from([1, 2, 3])
        ]
      ) {
        peer.send(bad)
        expect(yield* peer.next).toMatchObject({ type: "error", code: "bad-frame", fatal: false })
      }
      peer.send(batch("s1", 0, [1]))
      expect(yield* peer.next).toMatchObject({ type: "ack", next: 1 })
      peer.send(batch("never-opened", 0, [1]))
      expect(yield* peer.next).toMatchObject({ type: "error", code: "protocol", fatal: true })
      expect((yield* peer.closed).code).toBe(1008)

      const future = yield* connectBatch(server)
      future.send({ ...hello("s1"), protocol: 2 })
      expect(yield* future.next).toMatchObject({ type: "error", code: "protocol", fatal: true })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("refuses frames over the limit, before and after gunzip", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ maxFrameBytes: 10_000 })
      const frames = [" ".repeat(15_000), gzipFrame(" ".repeat(1_000_000))]
      for (const frame of frames) {
        const peer = yield* open("s1")(server)
        peer.send(frame)
        expect(yield* peer.next).toMatchObject({ type: "error", code: "too-large", fatal: true })
        expect((yield* peer.closed).code).toBe(1009)
      }
      const flood = yield* open("s1")(server)
      flood.send(" ".repeat(30_000))
      expect((yield* flood.closed).code).toBe(1009)
      const peer = yield* open("s1")(server)
      peer.send(batch("s1", 0, [1]))
      expect(yield* peer.next).toMatchObject({ type: "ack", next: 1 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("keeps a stream for the token that opened it, over the socket and HTTP", () =>
    Effect.gen(function*() {
      const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
      const server = yield* startServer({ token: [Redacted.make("one"), Redacted.make("two")] })
      const peer = yield* connectBatch(server, bearer("one"))
      peer.send(hello("s1"))
      expect(yield* peer.next).toMatchObject({ type: "welcome" })
      const thief = yield* connectBatch(server, bearer("two"))
      thief.send(hello("s1"))
      expect(yield* thief.next).toMatchObject({ type: "error", code: "stream-owned", fatal: true })
      const stolen = yield* request(server, "/api/metrics", {
        method: "POST",
        headers: { ...bearer("two"), "content-type": "application/vnd.metrics.batch.v1+json" },
        body: JSON.stringify({ ...batch("s1", 0, [1]), sender: "thief", acked: 0 })
      })
      expect(stolen).toMatchObject({ status: 403, json: { code: "stream-owned" } })
      peer.send(batch("s1", 0, [1]))
      expect(yield* peer.next).toMatchObject({ type: "ack", next: 1 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("gives a stream to a new token when the old one is no longer known", () =>
    Effect.gen(function*() {
      const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
      yield* Effect.scoped(Effect.gen(function*() {
        const before = yield* startServer({ token: Redacted.make("old") })
        const peer = yield* connectBatch(before, bearer("old"))
        peer.send(hello("s1"))
        yield* peer.next
        peer.send(batch("s1", 0, [1]))
        yield* peer.next
      }))
      const after = yield* startServer({ token: Redacted.make("new") })
      const overHttp = yield* request(after, "/api/metrics", {
        method: "POST",
        headers: { ...bearer("new"), "content-type": "application/vnd.metrics.batch.v1+json" },
        body: JSON.stringify({ ...batch("s1", 1, [2]), sender: "tester", acked: 1 })
      })
      expect(overHttp).toMatchObject({ status: 200, json: { next: 2 } })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("says busy while the store cannot be written, and closes with internal when it fails", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* open("s1")(server)
      for (const reason of passing) {
        peer.send(batch("s1", 0, [1], { metricType: reason }))
        expect(yield* peer.next, reason).toMatchObject({ type: "busy", retryAfterMillis: expect.any(Number) })
      }
      peer.send(batch("s1", 0, [1], { metricType: "Failed" }))
      const error = yield* peer.next
      expect(error).toMatchObject({ type: "error", code: "internal", fatal: true })
      expect(JSON.stringify(error)).not.toContain("secret")
      expect((yield* peer.closed).code).toBe(1011)
    }).pipe(Effect.provide(
      Layer.scoped(
        MetricStore,
        Effect.map(Layer.build(memoryStore), (context) => ({
          ...Context.get(context, MetricStore),
          commit: ({ points }) =>
            new StoreError({
              reason: passing.find((reason) => reason === points.series[0]?.metricType) ?? "Failed",
              message: "/secret/path"
            })
        }))
      ).pipe(Layer.provideMerge(memoryStore))
    )))
})

describe("the socket in plain mode", () => {
  it.scopedLive("answers each frame, and stays open after a bad one", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ maxFrameBytes: 10_000 })
      const peer = yield* connect(server)
      expect(peer.socket.protocol).toBe("")
      const metric = { origin: "app", metric_type: "m", value: 1, timestamp: 1 }
      peer.send(metric)
      expect(yield* peer.next).toEqual({ type: "success", accepted: 1 })
      peer.send([metric, { ...metric, value: "x" }, { ...metric, value: 2 }])
      expect(yield* peer.next).toMatchObject({
        type: "error",
        message: expect.stringContaining("number 1"),
        accepted: 2,
        rejected: [{ index: 1, message: expect.stringContaining("value") }]
      })
      peer.send("no json")
      expect(yield* peer.next).toMatchObject({ type: "error", message: expect.stringContaining("JSON"), accepted: 0 })
      peer.send(" ".repeat(12_000))
      expect(yield* peer.next).toMatchObject({ type: "error", message: expect.stringContaining("10000") })
      peer.send(Buffer.from(JSON.stringify({ ...metric, value: 3 })))
      expect(yield* peer.next).toEqual({ type: "success", accepted: 1 })
      expect(yield* storedValues(server, "m")).toEqual([1, 1, 2, 3])
    }).pipe(Effect.provide(memoryStore)))
})

describe("the upgrade", () => {
  const refusalOf = (options: Parameters<typeof connect>[1]) => (server: { readonly port: number }) =>
    Effect.scoped(Effect.flip(connect(server, options))).pipe(
      Effect.map((error) => error instanceof Refused ? { status: error.status, body: error.body } : error)
    )

  it.scopedLive("is refused with an HTTP status that says why", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ token: Redacted.make("right") })
      const right = { authorization: "Bearer right" }
      expect(yield* refusalOf({})(server)).toMatchObject({ status: 401 })
      expect(yield* refusalOf({ headers: { authorization: "Bearer wrong" } })(server)).toMatchObject({ status: 401 })
      expect(yield* refusalOf({ headers: { ...right, origin: "https://evil.example" } })(server)).toMatchObject({
        status: 403,
        body: expect.stringContaining("foreign-origin")
      })
      expect(yield* refusalOf({ headers: right, path: "/elsewhere" })(server)).toMatchObject({ status: 404 })
      yield* connect(server, { headers: right })
      yield* connect(server, { headers: { ...right, origin: `http://127.0.0.1:${server.port}` } })
      expect(yield* request(server, "/ws/metrics")).toMatchObject({ status: 426 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("survives a reset in its middle", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      for (let i = 0; i < 20; i++) {
        yield* Effect.async<void>((resume) => {
          const tcp = connectTcp(server.port, "127.0.0.1", () => {
            tcp.write(
              `GET ${
                i % 2 === 0 ? "/ws/metrics" : "/elsewhere"
              } HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
                `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n${"x".repeat(i * 7)}`,
              () => {
                tcp.resetAndDestroy()
                resume(Effect.void)
              }
            )
          })
          tcp.on("error", () => {})
        })
      }
      expect(yield* request(server, "/healthz")).toMatchObject({ status: 200 })
      const peer = yield* connect(server)
      peer.send({ origin: "a", metric_type: "m", value: 1 })
      expect(yield* peer.next).toEqual({ type: "success", accepted: 1 })
    }).pipe(Effect.provide(memoryStore)))
})

describe("back-pressure and watching", () => {
  it.scopedLive("stops reading while the store is slow, and goes on when it is not", () => {
    const gate = Effect.unsafeMakeLatch(false)
    return Effect.gen(function*() {
      const server = yield* startServer({ maxFrameBytes: 50_000 })
      const peer = yield* open("s1")(server)
      const values = Array.from({ length: 2_000 }, (_, i) => i)
      const frames = 2_000
      for (let i = 0; i < frames; i++) peer.send(batch("s1", i * values.length, values, { define: i === 0 }))
      // Some 40 MB are sent; the server may hold its two frames and what one read of the socket brings.
      const status = yield* request(server, "/api/status").pipe(
        Effect.repeat({ until: ({ text }) => /"inFlightBytes":[1-9]\d{5}/.test(text) })
      )
      const held = Number(/"inFlightBytes":(\d+)/.exec(status.text)?.[1])
      expect(held).toBeLessThan(500_000)
      yield* gate.open
      yield* Effect.repeat(peer.next, {
        until: (frame) =>
          typeof frame === "object" && frame !== null && "next" in frame && frame.next === frames * values.length
      })
      expect(yield* request(server, "/api/status")).toMatchObject({ json: { inFlightBytes: 0 } })
    }).pipe(Effect.provide(
      Layer.scoped(
        MetricStore,
        Effect.map(Layer.build(memoryStore), (context) => {
          const committed = ({ count, first }: StreamBatch): CommitResult => ({
            _tag: "Committed",
            next: first + count,
            rejected: [],
            stored: count
          })
          return {
            ...Context.get(context, MetricStore),
            commit: (batch) => Effect.as(gate.await, committed(batch))
          }
        })
      )
    ))
  })

  it.scopedLive("counts what tiny frames and inflated ones cost, and gives it all back", () => {
    const gate = Effect.unsafeMakeLatch(false)
    return Effect.gen(function*() {
      const server = yield* startServer({ maxFrameBytes: 100_000 })
      const tiny = yield* connect(server)
      const squeezed = yield* connect(server)
      const metric = { origin: "a", metric_type: "m", value: 1, metadata: { pad: "x".repeat(4_000) } }
      const held = request(server, "/api/status").pipe(
        Effect.map(({ text }) => Number(/"inFlightBytes":(\d+)/.exec(text)?.[1]))
      )
      const frame = gzipFrame([metric, metric])
      expect(frame.length).toBeLessThan(500)
      squeezed.send(frame)
      yield* Effect.repeat(held, { until: (bytes) => bytes > 8_000 })
      tiny.send(metric)
      // 2 bytes each: counted by their bytes alone, all of them would be read at once.
      const count = 10_000
      for (let i = 0; i < count; i++) tiny.send("[]")
      yield* Effect.repeat(held, { until: (bytes) => bytes > 200_000 })
      expect(yield* held).toBeLessThan(10_000_000)
      yield* gate.open
      expect(yield* squeezed.next).toEqual({ type: "success", accepted: 2 })
      expect(yield* tiny.next).toEqual({ type: "success", accepted: 1 })
      for (let i = 0; i < count; i++) expect(yield* tiny.next).toEqual({ type: "success", accepted: 0 })
      expect(yield* held).toBe(0)
    }).pipe(Effect.provide(
      Layer.scoped(
        MetricStore,
        Effect.map(Layer.build(memoryStore), (context) => ({
          ...Context.get(context, MetricStore),
          commitPlain: () => Effect.as(gate.await, [])
        }))
      )
    ))
  })

  it.scoped("cuts a peer that answers no ping, and only that one", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const dead = yield* connect(server, { autoPong: false })
      const alive = yield* connect(server)
      const ponged = Effect.async<void>((resume) => {
        alive.socket.once("ping", () => resume(Effect.void))
      })
      const pinged = yield* Effect.fork(ponged)
      yield* Effect.yieldNow()
      yield* TestClock.adjust("20 seconds")
      yield* pinged.await
      // The pong is on its way; an answered frame behind it says that it has arrived.
      alive.send({ origin: "a", metric_type: "m", value: 1 })
      yield* alive.next
      yield* TestClock.adjust("20 seconds")
      expect((yield* dead.closed).code).toBe(1006)
      alive.send({ origin: "a", metric_type: "m", value: 2 })
      expect(yield* alive.next).toEqual({ type: "success", accepted: 1 })
      expect(alive.socket.readyState).toBe(WebSocket.OPEN)
    }).pipe(Effect.provide(memoryStore)))
})

describe("what a connection makes the server keep", () => {
  it.scopedLive("is 10,000 streams at most; those that are opened again count once, and all go with it", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const greeting = (from: number, to: number) => ({
        ...hello("s"),
        streams: Array.from({ length: to - from }, (_, i) => ({ stream: `s${from + i}`, acked: 0, next: 0 }))
      })
      const peer = yield* connectBatch(server)
      for (const [from, to] of [[0, 5_000], [0, 5_000], [5_000, 10_000]] as const) {
        peer.send(greeting(from, to))
        expect(yield* peer.next).toMatchObject({ type: "welcome" })
      }
      peer.send(greeting(9_999, 10_001))
      expect(yield* peer.next).toMatchObject({ type: "error", code: "too-many-streams", fatal: true })
      expect(yield* peer.closed).toMatchObject({ code: 1008, reason: "too-many-streams" })
      const other = yield* connectBatch(server)
      other.send(greeting(0, 1))
      expect(yield* other.next).toMatchObject({ type: "welcome" })
    }).pipe(Effect.provide(memoryStore)))

  // A batch without points is none, but its definitions count.
  const definitions = (from: number, count: number, text: string) => ({
    ...batch("s", 0, []),
    define: Array.from({ length: count }, (_, i) => ({
      id: from + i,
      origin: "test",
      metric_type: "m",
      tags: { host: text }
    }))
  })

  it.scopedLive.each(
    [["200,000 series", 10_000, "", 21], ["64 MiB of their names", 130, "x".repeat(7_900), 66]] as const
  )(
    "is %s at most",
    ([, count, text, frames]) =>
      Effect.gen(function*() {
        const server = yield* startServer()
        const peer = yield* connectBatch(server)
        peer.send(hello("s"))
        yield* peer.next
        for (let i = 0; i < frames - 2; i++) {
          peer.send(definitions(i * count, count, text))
          expect(yield* peer.next).toMatchObject({ type: "error", code: "bad-frame", fatal: false })
        }
        for (let i = frames - 2; i < frames; i++) peer.send(definitions(i * count, count, text))
        yield* Effect.repeat(peer.next, {
          until: (frame) =>
            typeof frame === "object" && frame !== null && "code" in frame && frame.code === "too-many-series"
        })
        expect(yield* peer.closed).toMatchObject({ code: 1008, reason: "too-many-series" })
      }).pipe(Effect.provide(memoryStore))
  )

  it.scopedLive("counts a series once, however often it is defined", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* connectBatch(server)
      peer.send(hello("s"))
      yield* peer.next
      const first = definitions(0, 130, "x".repeat(7_900))
      for (let i = 0; i < 70; i++) {
        peer.send({ ...first, stream: "s" })
        expect(yield* peer.next).not.toMatchObject({ fatal: true })
      }
    }).pipe(Effect.provide(memoryStore)))
})
