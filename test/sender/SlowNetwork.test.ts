import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Logger } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { SocketConnector } from "../../src/sender/delivery/SocketConnector.js"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { upTo } from "../../src/testing/DeliveryHarness.js"
import { type FakeServer, makeFakeServer } from "../../src/testing/FakeServer.js"
import { withVirtualClock } from "./VirtualClock.js"

/** The way to a server through which so many bytes go in a second, one after the other. */
const slowly = (server: FakeServer, bytesPerSecond: number) =>
  Layer.effectContext(Effect.gen(function*() {
    const line = yield* Effect.makeSemaphore(1)
    const through = (bytes: number) => line.withPermits(1)(Effect.sleep(`${(1_000 * bytes) / bytesPerSecond} millis`))
    const { connect } = yield* SocketConnector
    const client = yield* HttpClient.HttpClient
    return Context.make(
      SocketConnector,
      SocketConnector.of({
        connect: (request) =>
          Effect.map(connect(request), (connection) => ({
            ...connection,
            send: (frame) => Effect.zipRight(through(frame.length), connection.send(frame))
          }))
      })
    ).pipe(
      Context.add(
        HttpClient.HttpClient,
        HttpClient.make((request) =>
          Effect.zipRight(
            through(request.body._tag === "Uint8Array" ? request.body.contentLength : 0),
            client.execute(request)
          )
        )
      )
    )
  })).pipe(Layer.provide(server.layer))

// Of one tick each, as a collector accepts them.
const pieces = 500
const piece = 100

/** Without fields, so that their batches can be joined. */
const metrics = (from: number): ReadonlyArray<GenericMetric> =>
  Array.from({ length: piece }, (_, i) => new GenericMetric({ origin: "slow", metricType: `of ${i}`, value: from + i }))

describe.each(["socket", "http"])("what an outage left behind, over %s", (way) => {
  it.scopedLive("is delivered through a network that is slower than the largest frames need", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      if (way === "http") server.refuseSocket = 503
      else server.refuseHttp = { status: 503, body: "" }
      const context = yield* GenericMetricsSender.layerWithOutbox({ endpointUrl: "ws://fake.test", durable: false })
        .pipe(
          Layer.provide(MemoryOutbox.layer()),
          Layer.provide(slowly(server, 5_000)),
          Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default)),
          Layer.build
        )
      const { flush, sendMetrics } = Context.get(context, GenericMetricsSender)
      const { sender: status } = Context.get(context, PipelineStatus)
      for (let i = 0; i < pieces; i++) yield* sendMetrics(metrics(i * piece))
      const { pendingBytes } = status
      const before = yield* Clock.currentTimeMillis
      yield* Effect.timeout(flush, "1 hour")
      const seconds = ((yield* Clock.currentTimeMillis) - before) / 1_000
      assert.deepStrictEqual(server.points.map(({ value }) => value), upTo(pieces * piece))
      // Most of the time is spent with what arrives.
      assert.isBelow(seconds, 2 * pendingBytes / 5_000)
    }).pipe(withVirtualClock, Effect.provide(Logger.remove(Logger.defaultLogger))))
})
