import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, TestClock } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { RECHECK_INTERVAL } from "../../src/sender/delivery/Delivery.js"
import { transitionName } from "../../src/sender/delivery/DeliveryState.js"
import { DeliveryWatch } from "../../src/sender/delivery/DeliveryWatch.js"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { makeFakeServer } from "../../src/testing/FakeServer.js"

/** Lets all fibers go as far as they come without time going on. */
const settle = TestClock.adjust(0)

describe("delivery that stopped", () => {
  it.scoped("goes on over HTTP once that is let in, and says nothing of a failure", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      server.refuseSocket = 503
      server.refuseHttp = { status: 401, body: "{\"code\":\"unauthorized\",\"message\":\"no\"}" }
      const moves: Array<string> = []
      const logs: Array<string> = []
      const noting = Layer.mergeAll(
        Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => logs.push(String(message)))),
        Layer.succeed(DeliveryWatch, {
          moved: (from, event, to) => moves.push(transitionName(from._tag, event._tag, to._tag))
        })
      )
      const context = yield* GenericMetricsSender.layerWithOutbox({
        endpointUrl: "ws://fake.test",
        durable: false,
        shutdownGrace: "0 millis"
      }).pipe(
        Layer.provide(Layer.merge(server.layer, MemoryOutbox.layer())),
        Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default)),
        Layer.provide(noting),
        Layer.build
      )
      const { sendMetric } = Context.get(context, GenericMetricsSender)
      const { sender: status } = Context.get(context, PipelineStatus)
      const send = (value: number) =>
        sendMetric(new GenericMetric({ origin: "test", metricType: "m", value, timestamp: 0 }))
      yield* settle
      yield* send(1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(status.transport, "stopped")
      server.refuseHttp = undefined
      moves.length = 0
      logs.length = 0
      yield* TestClock.adjust(RECHECK_INTERVAL)
      assert.strictEqual(status.transport, "http")
      yield* send(2)
      yield* settle
      assert.deepStrictEqual(server.points.map(({ value }) => value), [1, 2])
      assert.deepStrictEqual(moves, ["Stopped → Rechecking (RecheckDue)", "Rechecking → Http (HttpAnswered)"])
      assert.deepStrictEqual(logs.filter((text) => text.startsWith("not delivering")), [])
    }))
})
