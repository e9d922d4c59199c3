import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Redacted, Schedule } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { MetricsServer } from "../../src/server/MetricsServer.js"
import { MemoryMetricStore } from "../../src/store/MemoryMetricStore.js"
import { MetricStore } from "../../src/store/MetricStore.js"
import { refusableProxy } from "../e2e/RefusableProxy.js"
import { startSender, until } from "./startSender.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

const metrics = (from: number, to: number): ReadonlyArray<GenericMetric> =>
  Array.from({ length: to - from }, (_, i) =>
    new GenericMetric({
      origin: "real",
      metricType: "count",
      value: (from + i) / 3,
      timestamp: 1_700_000_000_000 + from + i,
      metadata: { host: `web-${(from + i) % 2}`, nested: { n: [from + i, null, "ä"] } }
    }))

const token = Redacted.make("a token of some length")

/** Everything that the store has, in the order of time, as `[time, value, host, fields]`. */
const stored = Effect.gen(function*() {
  const store = yield* MetricStore
  const { series } = yield* store.query({ from: 0, to: 2_000_000_000_000, limit: 1_000_000 })
  const points: ReadonlyArray<unknown> = series
    .flatMap(({ fields, tags, time, value }) => time.map((at, i) => [at, value[i], tags["host"], fields[i]] as const))
    .sort((a, b) => a[0] - b[0])
  return points
})

const expected = (to: number): ReadonlyArray<unknown> =>
  metrics(0, to).map(({ metadata, timestamp, value }) => [timestamp, value, metadata["host"], {
    nested: metadata["nested"]
  }])

/** A server over a store in memory, behind a proxy that may refuse WebSockets. */
const setting = Effect.gen(function*() {
  const server = Context.get(yield* Layer.build(MetricsServer.layer({ port: 0, token })), MetricsServer)
  const proxy = yield* refusableProxy
  yield* proxy.forwardTo(server.port)
  return { proxy, endpointUrl: `ws://127.0.0.1:${proxy.port}/ws/metrics` }
})

const provided = Effect.provide(Layer.merge(MemoryMetricStore.layer, Logger.remove(Logger.defaultLogger)))

describe("GenericMetricsSender against a real server", () => {
  it.scopedLive("over a WebSocket: all is stored to the last digit", () =>
    Effect.gen(function*() {
      const { endpointUrl } = yield* setting
      const { flush, ledger, sendMetric, sendMetrics, status } = yield* startSender({ endpointUrl, token })
      yield* sendMetrics(metrics(0, 3_000))
      yield* Effect.forEach(metrics(3_000, 3_100), sendMetric, { concurrency: "unbounded", discard: true })
      yield* flush
      assert.strictEqual(status.transport, "socket")
      assert.strictEqual(status.acknowledged, 3_100)
      assert.deepStrictEqual(yield* ledger.losses, [])
      assert.deepStrictEqual(yield* stored, expected(3_100))
    }).pipe(provided))

  it.scopedLive("where only HTTP goes through: all is stored, and the socket takes over when it may", () =>
    Effect.gen(function*() {
      const { endpointUrl, proxy } = yield* setting
      yield* proxy.refuseUpgrades(true)
      const { flush, sendMetrics, status } = yield* startSender({ endpointUrl, token })
      yield* sendMetrics(metrics(0, 2_500))
      yield* flush
      assert.strictEqual(status.transport, "http")
      assert.deepStrictEqual(yield* stored, expected(2_500))
      yield* proxy.refuseUpgrades(false)
      yield* until(() => status.transport === "socket")
      yield* sendMetrics(metrics(2_500, 2_600))
      yield* flush
      assert.deepStrictEqual(yield* stored, expected(2_600))
    }).pipe(provided))

  it.scopedLive("what a closed sender kept on disk is delivered by the next one", () =>
    Effect.gen(function*() {
      const { endpointUrl, proxy } = yield* setting
      const dataDir = yield* temporaryDirectory
      const options = { endpointUrl, token, dataDir, shutdownGrace: "0 millis" } as const
      yield* proxy.forwardTo(0)
      yield* Effect.scoped(Effect.flatMap(startSender(options), (first) => first.sendMetrics(metrics(0, 1_500))))
      assert.deepStrictEqual(yield* stored, [])
      yield* proxy.refuseUpgrades(false)
      const server = Context.get(yield* Layer.build(MetricsServer.layer({ port: 0, token })), MetricsServer)
      yield* proxy.forwardTo(server.port)
      const { flush, sendMetrics } = yield* startSender(options)
      yield* sendMetrics(metrics(1_500, 1_600))
      yield* flush
      assert.deepStrictEqual(yield* stored, expected(1_600))
    }).pipe(provided))

  for (const way of ["socket", "http"] as const) {
    it.scopedLive(`losses of a collector are told by ${way}, once, and are no metrics`, () =>
      Effect.gen(function*() {
        const { endpointUrl, proxy } = yield* setting
        yield* proxy.refuseUpgrades(way === "http")
        const { flush, ledger, sendMetrics, status } = yield* startSender({ endpointUrl, token })
        const store = yield* MetricStore
        yield* sendMetrics(metrics(0, 10))
        yield* ledger.record({ source: "system", reason: "missed-tick", count: 17, from: 1_000, to: 2_000 })
        yield* ledger.record({ source: "dice", reason: "feed-gap", count: "unknown", from: 3_000, to: 4_000 })
        yield* Effect.repeat(store.losses(9), {
          until: (losses) => losses.length === 2,
          schedule: Schedule.spaced("50 millis")
        })
        yield* sendMetrics(metrics(10, 20))
        yield* flush
        assert.strictEqual(status.transport, way)
        assert.deepStrictEqual(yield* stored, expected(20))
        assert.deepStrictEqual(
          (yield* store.losses(9)).map(({ count, generator, reason, timeFrom, timeTo }) => [
            reason,
            generator,
            count,
            timeFrom,
            timeTo
          ]),
          [["feed-gap", "dice", null, 3_000, 4_000], ["missed-tick", "system", 17, 1_000, 2_000]]
        )
        const [{ declarations, lost, next }] = yield* store.streams
        assert.deepStrictEqual({ declarations, lost, next }, { declarations: 2, lost: 0, next: 22 })
        assert.strictEqual(status.acknowledged, 20)
      }).pipe(provided))
  }

  it.scopedLive("a wrong token stops delivery with advice, keeps the data, and `flush` says so", () =>
    Effect.gen(function*() {
      const { endpointUrl } = yield* setting
      const { flush, sendMetrics, status } = yield* startSender({
        endpointUrl,
        token: Redacted.make("a wrong one"),
        shutdownGrace: "0 millis"
      })
      yield* sendMetrics(metrics(0, 10))
      const error = yield* Effect.flip(flush)
      assert.match(error.message, /check the token of this sender \(--token\)/)
      assert.strictEqual(status.transport, "stopped")
      assert.strictEqual(status.pending, 10)
      assert.deepStrictEqual(yield* stored, [])
    }).pipe(provided))
})
