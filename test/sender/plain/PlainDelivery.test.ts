import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Redacted } from "effect"
import * as net from "node:net"
import { GenericMetric } from "../../../src/domain/GenericMetric.js"
import type { SenderOptions } from "../../../src/sender/GenericMetricsSender.js"
import { openOutboxFile } from "../../../src/sender/outbox/OutboxFile.js"
import { MetricsServer } from "../../../src/server/MetricsServer.js"
import { MemoryMetricStore } from "../../../src/store/MemoryMetricStore.js"
import { MetricStore } from "../../../src/store/MetricStore.js"
import { refusableProxy } from "../../e2e/RefusableProxy.js"
import { foreignServer, valuesIn } from "../ForeignServer.js"
import { startSender, until } from "../startSender.js"
import { temporaryDirectory } from "../TemporaryDirectory.js"

const t0 = 1_700_000_000_000

const metrics = (from: number, to: number): ReadonlyArray<GenericMetric> =>
  Array.from({ length: to - from }, (_, i) =>
    new GenericMetric({
      origin: "plain",
      metricType: "count",
      value: from + i,
      timestamp: t0 + from + i,
      metadata: { host: `web-${(from + i) % 2}`, nested: { n: [from + i, null, "ä"] }, note: { value: "text" } }
    }))

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

const distinct = (values: ReadonlyArray<number>): ReadonlyArray<number> =>
  Array.from(new Set(values)).sort((a, b) => a - b)

const sender = (options: SenderOptions) => startSender({ plain: "generic", ...options })

const quiet = Effect.provide(Logger.remove(Logger.defaultLogger))

const stored: Effect.Effect<ReadonlyArray<unknown>, unknown, MetricStore> = Effect.gen(function*() {
  const store = yield* MetricStore
  const { series } = yield* store.query({ from: 0, to: 2_000_000_000_000, limit: 1_000_000 })
  return series
    .flatMap(({ fields, tags, time, value }) => time.map((at, i) => [at, value[i], tags["host"], fields[i]] as const))
    .sort((a, b) => a[0] - b[0])
})

const expected = (to: number): ReadonlyArray<unknown> =>
  metrics(0, to).map(({ metadata, timestamp, value }) =>
    [timestamp ?? 0, value, metadata["host"], { nested: metadata["nested"], note: "text" }] as const
  )

describe("plain delivery to a server of ours", () => {
  const token = Redacted.make("a token of some length")
  for (const way of ["socket", "http"] as const) {
    for (const plain of ["generic", "timeseries"] as const) {
      it.scopedLive(`${plain} over ${way}: all is stored to the last digit, and verified`, () =>
        Effect.gen(function*() {
          const server = Context.get(yield* Layer.build(MetricsServer.layer({ port: 0, token })), MetricsServer)
          const proxy = yield* refusableProxy
          yield* proxy.forwardTo(server.port)
          yield* proxy.refuseUpgrades(way === "http")
          const endpointUrl = `ws://127.0.0.1:${proxy.port}/ws/metrics`
          const { flush, ledger, sendMetrics, status } = yield* sender({ endpointUrl, token, plain })
          yield* sendMetrics(metrics(0, 2_500))
          yield* flush
          assert.strictEqual(status.transport, way)
          assert.strictEqual(status.acknowledged, 2_500)
          assert.strictEqual(status.unverified, 0)
          assert.deepStrictEqual(yield* ledger.losses, [])
          assert.deepStrictEqual(yield* stored, expected(2_500))
        }).pipe(Effect.provide(MemoryMetricStore.layer), quiet))
    }
  }

  it.scopedLive("which takes its batches afterwards: what went plainly is declared unverified, and none went back", () =>
    Effect.gen(function*() {
      const server = Context.get(yield* Layer.build(MetricsServer.layer({ port: 0 })), MetricsServer)
      const dataDir = yield* temporaryDirectory
      const options = { endpointUrl: `http://127.0.0.1:${server.port}`, dataDir, shutdownGrace: 0 } as const
      const proxy = yield* refusableProxy
      // The first life delivers some plainly, and keeps the rest.
      yield* Effect.scoped(Effect.gen(function*() {
        yield* proxy.forwardTo(server.port)
        yield* proxy.refuseUpgrades(true)
        const first = yield* sender({ ...options, endpointUrl: `http://127.0.0.1:${proxy.port}` })
        yield* first.sendMetrics(metrics(0, 1_000))
        yield* first.flush
        yield* proxy.forwardTo(0)
        yield* first.sendMetrics(metrics(1_000, 1_500))
        yield* until(() => first.status.lastError?.includes("502") === true)
      }))
      const { flush, ledger } = yield* sender({ ...options, plain: undefined })
      yield* flush
      assert.deepStrictEqual(yield* stored, expected(1_500))
      const store = yield* MetricStore
      const losses = (yield* store.losses(9)).filter(({ generator }) => generator === null)
      assert.deepStrictEqual(
        losses.map(({ count, fromOffset, reason, toOffset }) => [reason, fromOffset, toOffset, count]),
        [["unverified", 0, 1_000, 1_000]]
      )
      // Of what was on its way then and not answered nobody knew.
      assert.deepStrictEqual((yield* ledger.losses).map(({ count, reason }) => [reason, count]), [["unverified", 500]])
      assert.deepStrictEqual(
        (yield* store.streams).filter(({ next }) => next > 1).map(({ lost, next }) => [next, lost]),
        [[1_500, 1_000]]
      )
    }).pipe(Effect.provide(MemoryMetricStore.layer), quiet))
})

describe("plain delivery to a foreign WebSocket server", () => {
  it.scopedLive("that answers nothing: all arrives once, and the ledger calls it unverified", () =>
    Effect.gen(function*() {
      const server = yield* foreignServer
      const dataDir = yield* temporaryDirectory
      const at = yield* Effect.scoped(Effect.gen(function*() {
        const { flush, sendMetrics, status } = yield* sender({
          endpointUrl: `ws://127.0.0.1:${server.port}/in`,
          dataDir
        })
        yield* sendMetrics(metrics(0, 3_000))
        yield* flush
        assert.strictEqual(status.transport, "socket")
        assert.deepStrictEqual(server.values, upTo(3_000))
        assert.strictEqual(status.unverified, 3_000)
        assert.strictEqual(status.pending, 0)
        return status.acknowledged
      }))
      assert.strictEqual(at, 3_000)
      // Written down before the end, in the outbox, where no server has taken it.
      const file = yield* openOutboxFile(dataDir)
      const { losses, streams } = yield* file?.status ?? Effect.dieMessage("there is no outbox")
      assert.deepStrictEqual(
        losses.map(({ delivered, loss }) => [loss.reason, loss.source, loss.count, loss.from, loss.to, delivered]),
        [["unverified", "sender", 3_000, t0, t0 + 2_999, false]]
      )
      assert.deepStrictEqual(streams.map(({ plain }) => plain?.from), [0])
    }).pipe(quiet))

  it.scopedLive("that answers: an error names what it refused, and the rest is delivered and verified", () =>
    Effect.gen(function*() {
      const server = yield* foreignServer
      server.frame = (_, text) => {
        const count = valuesIn(text).length
        return JSON.stringify({
          type: "error",
          message: "no",
          accepted: count - 1,
          rejected: [{ index: 1, message: "not this one" }]
        })
      }
      const dataDir = yield* temporaryDirectory
      const { flush, sendMetrics, status } = yield* sender({ endpointUrl: `ws://127.0.0.1:${server.port}/`, dataDir })
      yield* sendMetrics(metrics(0, 10))
      yield* flush
      assert.deepStrictEqual([status.acknowledged, status.rejected, status.unverified], [10, 1, 0])
      const file = yield* openOutboxFile(dataDir)
      const letters = yield* file?.deadLetters ?? Effect.dieMessage("there is no outbox")
      assert.deepStrictEqual(
        letters.map(({ metric = "", offset, reason }) => [offset, reason, valuesIn(metric)]),
        [[1, "not this one", [1]]]
      )
    }).pipe(quiet))

  it.scopedLive("that talks of other things, is late, or greets: none of it is taken for an answer", () =>
    Effect.gen(function*() {
      const server = yield* foreignServer
      server.frame = () => "{\"hello\": \"world\"}"
      const { flush, sendMetrics, status } = yield* sender({ endpointUrl: `ws://127.0.0.1:${server.port}/` })
      yield* sendMetrics(metrics(0, 10))
      yield* flush
      assert.deepStrictEqual([status.acknowledged, status.unverified], [10, 10])
      // Late, after it was taken for one that answers nothing: what it refused is lost, and that is written down.
      server.frame = () => "{\"type\":\"error\",\"message\":\"full\",\"accepted\":0,\"rejected\":[]}"
      yield* sendMetrics(metrics(10, 20))
      yield* until(() => status.reconnects > 0)
      server.frame = () => "{\"type\":\"success\"}"
      yield* flush
      assert.deepStrictEqual(distinct(server.values), upTo(20))
    }).pipe(quiet))

  it.scopedLive("that closes in the midst of a frame: nothing is missing, and what came again is counted", () =>
    Effect.gen(function*() {
      const server = yield* foreignServer
      // Between it and us, a network that is cut after 100 kB, twice.
      let cuts = 2
      const cutter = net.createServer((client) => {
        const upstream = net.connect(server.port, "127.0.0.1")
        let bytes = 0
        const end = () => {
          client.destroy()
          upstream.destroy()
        }
        client.on("error", end).on("close", end)
        upstream.on("error", end).on("close", end)
        upstream.on("data", (data) => client.write(data))
        client.on("data", (data) => {
          bytes += data.length
          if (cuts > 0 && bytes > 100_000) {
            cuts--
            upstream.write(data.subarray(0, 10))
            return end()
          }
          upstream.write(data)
        })
      })
      yield* Effect.acquireRelease(
        Effect.async<void>((resume) => {
          cutter.listen(0, "127.0.0.1", () => resume(Effect.void))
        }),
        () => Effect.sync(() => cutter.close())
      )
      const address = cutter.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      server.frame = (_, text) => JSON.stringify({ type: "success", accepted: valuesIn(text).length })
      const { flush, ledger, sendMetrics, status } = yield* sender({ endpointUrl: `ws://127.0.0.1:${port}/` })
      yield* sendMetrics(metrics(0, 5_000))
      yield* flush
      assert.strictEqual(cuts, 0)
      assert.deepStrictEqual(distinct(server.values), upTo(5_000))
      assert.ok(server.values.length - 5_000 <= status.unverified)
      assert.ok(status.unverified > 0 && status.unverified <= 5_000)
      const totals = yield* ledger.totals
      assert.deepStrictEqual(totals.map(({ count, reason }) => [reason, count]), [["unverified", status.unverified]])
    }).pipe(quiet))
})

describe("plain delivery to a foreign HTTP server", () => {
  const setting = (options: Partial<SenderOptions> = {}) =>
    Effect.gen(function*() {
      const server = yield* foreignServer
      server.opens = false
      const own = yield* sender({ endpointUrl: `http://127.0.0.1:${server.port}/ingest?db=1`, ...options })
      return { server, ...own }
    })

  it.scopedLive("every 2xx delivers, and the form is that of the option", () =>
    Effect.gen(function*() {
      const { flush, sendMetrics, server, status } = yield* setting({
        plain: "timeseries",
        token: Redacted.make("a token of some length")
      })
      yield* sendMetrics(metrics(0, 1_200))
      yield* flush
      assert.strictEqual(status.transport, "http")
      assert.deepStrictEqual(server.values, upTo(1_200))
      assert.deepStrictEqual([status.acknowledged, status.unverified], [1_200, 0])
      assert.match(server.texts[0], /^\[\{"measurement":"plain_metrics","tags":\{"origin":"plain",/)
      assert.deepStrictEqual(
        Array.from(new Set(server.headers.map((own) => [own["content-type"], own.authorization].join()))),
        ["application/json,Bearer a token of some length"]
      )
    }).pipe(quiet))

  it.scopedLive("500, then 200: nothing is missing, and it may be stored twice", () =>
    Effect.gen(function*() {
      const { flush, sendMetrics, server, status } = yield* setting()
      server.post = (count) => ({ status: count <= 2 ? 500 : 200, body: "ok" })
      yield* sendMetrics(metrics(0, 100))
      yield* flush
      assert.deepStrictEqual(server.values, upTo(100))
      assert.deepStrictEqual([status.acknowledged, status.unverified], [100, 100])
    }).pipe(quiet))

  it.scopedLive("503 and nobody there: the server has nothing of it, and there is no doubt", () =>
    Effect.gen(function*() {
      const { flush, ledger, sendMetrics, server, status } = yield* setting()
      server.post = (count) => ({ status: count <= 2 ? 503 : 200, headers: { "retry-after": "1" } })
      yield* sendMetrics(metrics(0, 100))
      yield* flush
      assert.deepStrictEqual(server.values, upTo(100))
      assert.deepStrictEqual([status.acknowledged, status.unverified], [100, 0])
      assert.deepStrictEqual(yield* ledger.losses, [])
    }).pipe(quiet))

  for (
    const [status, message] of [
      [413, /more than the server takes/],
      [401, /check its token/],
      [400, /cannot read what we send/],
      [302, /redirects/]
    ] as const
  ) {
    it.scopedLive(`${status} stops delivery loudly and keeps the data`, () =>
      Effect.gen(function*() {
        const { flush, sendMetrics, server, status: own } = yield* setting({ shutdownGrace: 0 })
        server.post = () => ({ status })
        yield* sendMetrics(metrics(0, 100))
        assert.match((yield* Effect.flip(flush)).message, message)
        assert.deepStrictEqual([own.transport, own.pending, own.rejected], ["stopped", 100, 0])
      }).pipe(quiet))
  }

  it.scopedLive("a web page in place of an answer is not believed", () =>
    Effect.gen(function*() {
      const { flush, sendMetrics, server, status } = yield* setting({ shutdownGrace: 0 })
      server.post = () => ({ status: 200, body: "<!DOCTYPE html><title>Log in</title>" })
      yield* sendMetrics(metrics(0, 100))
      assert.match((yield* Effect.flip(flush)).message, /web page/)
      assert.strictEqual(status.pending, 100)
    }).pipe(quiet))

  it.scopedLive("a batch of long tags leaves in pieces that any server takes", () =>
    Effect.gen(function*() {
      const { flush, sendMetrics, server } = yield* setting()
      const host = "h".repeat(7_000)
      yield* sendMetrics(Array.from(metrics(0, 500), (one) => new GenericMetric({ ...one, metadata: { host } })))
      yield* flush
      assert.deepStrictEqual(server.values, upTo(500))
      assert.ok(server.texts.length > 5)
      for (const text of server.texts) assert.ok(Buffer.byteLength(text) <= 524_288)
    }).pipe(quiet))
})

describe("a sender of batches that meets a server of another kind", () => {
  it.scopedLive("says that --plain is for it, on the socket and over HTTP", () =>
    Effect.gen(function*() {
      const server = yield* foreignServer
      const { sendMetrics, status } = yield* sender({
        endpointUrl: `ws://127.0.0.1:${server.port}/`,
        plain: undefined,
        shutdownGrace: 0
      })
      yield* sendMetrics(metrics(0, 10))
      server.frame = () => "{\"type\":\"error\",\"message\":\"no metrics in it\"}"
      yield* until(() => status.lastError !== undefined)
      assert.match(status.lastError ?? "", /--plain/)
      yield* until(() => status.transport === "stopped")
      assert.match(status.lastError ?? "", /--plain/)
      assert.strictEqual(status.pending, 10)
    }).pipe(quiet))
})
