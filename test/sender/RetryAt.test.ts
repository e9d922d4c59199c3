import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Layer, Logger, type Scope, TestClock } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { RECHECK_INTERVAL } from "../../src/sender/delivery/Delivery.js"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { type FakeServer, makeFakeServer } from "../../src/testing/FakeServer.js"

const quiet = Logger.remove(Logger.defaultLogger)

/** Lets all fibers go as far as they come without time going on. */
const settle = TestClock.adjust(0)

/** A sender with one metric to deliver, to a server that refuses as `refuse` says. */
const sending = (refuse: (server: FakeServer) => void) =>
  Effect.gen(function*() {
    yield* TestClock.setTime(1_700_000_000_000)
    const server = makeFakeServer()
    refuse(server)
    const context = yield* GenericMetricsSender.layerWithOutbox({
      endpointUrl: "ws://fake.test",
      durable: false,
      shutdownGrace: "0 millis"
    }).pipe(
      Layer.provide(Layer.merge(server.layer, MemoryOutbox.layer())),
      Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default)),
      Layer.build
    )
    const { sendMetric } = Context.get(context, GenericMetricsSender)
    const { sender: status } = Context.get(context, PipelineStatus)
    yield* settle
    yield* sendMetric(new GenericMetric({ origin: "test", metricType: "m", value: 1, timestamp: 0 }))
    yield* settle
    return { server, status, attempts: () => server.sockets.tried + server.posts }
  })

type Sending = Effect.Effect.Success<ReturnType<typeof sending>>

/** How long it says that it is to the next attempt, ms; then lets that time pass, in which there must be none before. */
const awaitRetry = ({ attempts, status }: Sending) =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const { retryAt } = status
    assert(retryAt !== undefined, `says of no attempt, and is ${status.transport}`)
    const before = attempts()
    yield* TestClock.setTime(retryAt - 1)
    yield* settle
    assert.strictEqual(attempts(), before, "an attempt before the time")
    yield* TestClock.setTime(retryAt)
    yield* settle
    assert.isAbove(attempts(), before, "no attempt at the time")
    return retryAt - now
  })

const check = (name: string, body: Effect.Effect<void, unknown, Scope.Scope>) =>
  it.scoped(name, () => Effect.provide(body, quiet))

describe("the time at which the status says that delivery tries again", () => {
  check(
    "is none while the socket delivers, and none once it delivers again",
    Effect.gen(function*() {
      const own = yield* sending(() => {})
      assert.deepStrictEqual([own.status.transport, own.status.retryAt], ["socket", undefined])
      own.server.refuseSocket = 503
      own.server.cut()
      yield* settle
      assert.strictEqual(own.status.transport, "waiting")
      own.server.refuseSocket = undefined
      yield* awaitRetry(own)
      assert.deepStrictEqual([own.status.transport, own.status.retryAt], ["socket", undefined])
    })
  )

  check(
    "is that of the next attempt on the socket, with delays that grow",
    Effect.gen(function*() {
      const own = yield* sending((server) => {
        server.refuseSocket = 503
      })
      for (const delay of [500, 750]) {
        assert.strictEqual(own.status.transport, "waiting")
        const waited = yield* awaitRetry(own)
        assert.isAtLeast(waited, 0.8 * delay)
        assert.isAtMost(waited, 1.2 * delay)
      }
    })
  )

  check(
    "is that of the next attempt on the socket while HTTP delivers",
    Effect.gen(function*() {
      const own = yield* sending((server) => {
        server.refuseSocket = 503
      })
      yield* awaitRetry(own)
      yield* awaitRetry(own)
      assert.strictEqual(own.status.transport, "http")
      for (let i = 0; i < 20; i++) assert.isAtMost(yield* awaitRetry(own), 30_000)
      assert.strictEqual(own.status.transport, "http")
      own.server.refuseSocket = undefined
      yield* awaitRetry(own)
      assert.deepStrictEqual([own.status.transport, own.status.retryAt], ["socket", undefined])
    })
  )

  check(
    "is no earlier than the server asks, and of two ways that wait the earlier one",
    Effect.gen(function*() {
      const own = yield* sending((server) => {
        server.refuseSocket = 503
        server.refuseHttp = { status: 503, body: "", retryAfter: "120" }
      })
      yield* awaitRetry(own)
      yield* awaitRetry(own)
      assert.deepStrictEqual([own.status.transport, own.server.posts], ["waiting", 1])
      const asked = (yield* Clock.currentTimeMillis) + 120_000
      // The socket is tried every 30 s or more often, HTTP when its time has come.
      while ((yield* Clock.currentTimeMillis) < asked) {
        assert.strictEqual(own.server.posts, 1)
        assert.isAtMost(own.status.retryAt ?? Infinity, asked)
        yield* awaitRetry(own)
      }
      assert.strictEqual(yield* Clock.currentTimeMillis, asked)
      assert.strictEqual(own.server.posts, 2)
    })
  )

  check(
    "is that of the next look, once delivery has stopped",
    Effect.gen(function*() {
      const own = yield* sending((server) => {
        server.refuseSocket = 503
        server.refuseHttp = { status: 401, body: "{\"code\":\"unauthorized\",\"message\":\"no\"}" }
      })
      yield* awaitRetry(own)
      yield* awaitRetry(own)
      for (let i = 0; i < 3; i++) {
        assert.strictEqual(own.status.transport, "stopped")
        assert.strictEqual(yield* awaitRetry(own), Duration.toMillis(RECHECK_INTERVAL))
      }
      own.server.refuseSocket = undefined
      yield* awaitRetry(own)
      assert.deepStrictEqual([own.status.transport, own.status.retryAt], ["socket", undefined])
    })
  )
})
