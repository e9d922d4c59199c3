import { Effect, Layer, Schedule } from "effect"
import * as assert from "node:assert/strict"
import { GenericMetric } from "../domain/GenericMetric.js"
import { GenericMetricsSender, type PlainFormat } from "../sender/GenericMetricsSender.js"
import type { Outbox, OutboxError } from "../sender/Outbox.js"
import { LossLedger } from "../telemetry/LossLedger.js"
import { PipelineStatus } from "../telemetry/PipelineStatus.js"
import { type FakeServer, makeFakeServer } from "./FakeServer.js"

/** A check of delivery; `run` fails when it does not hold. It sleeps by the Clock: drive a TestClock beside it. */
export interface DeliveryCheck {
  readonly name: string
  readonly run: Effect.Effect<void, unknown>
}

/** Which ways are open in a run of the suite. `both`: sockets come and go. */
export type Ways = "socket" | "http" | "both"

/** A sender and the server that it delivers to. */
export interface DeliveryHarness {
  readonly server: FakeServer
  readonly sender: typeof GenericMetricsSender.Service
  readonly status: PipelineStatus["sender"]
  readonly ledger: LossLedger
}

const metric = (value: number): GenericMetric =>
  new GenericMetric({
    origin: "suite",
    metricType: value % 3 === 0 ? "third" : "other",
    value,
    timestamp: 1_700_000_000_000 + value,
    metadata: { host: `web-${value % 5}`, ply: value }
  })

/** Metrics with the values `from` ≤ v < `to`. */
export const deliveryMetrics = (from: number, to: number): ReadonlyArray<GenericMetric> =>
  Array.from({ length: to - from }, (_, i) => metric(from + i))

/** The values below `count`. */
export const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

/** Waits, by the Clock, until something holds. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.repeat(Effect.sleep("100 millis"), { until: holds, schedule: Schedule.forever })

/** Accepts `count` metrics, a few hundred at a time. */
export const sendInPieces = ({ sender }: DeliveryHarness, count: number): Effect.Effect<void, unknown> =>
  Effect.gen(function*() {
    for (let from = 0; from < count; from += 250) {
      const { accepted } = yield* sender.sendMetrics(deliveryMetrics(from, Math.min(count, from + 250)))
      assert.equal(accepted, Math.min(count, from + 250) - from)
      if (from % 1000 === 0) yield* Effect.sleep("300 millis")
    }
  })

/** Makes checks of a sender over an outbox, each with a server of its own. With `plain` it delivers in plain mode. */
export const deliveryCheck = (
  ways: Ways,
  outbox: Layer.Layer<Outbox, OutboxError>,
  plain?: PlainFormat
) =>
(name: string, body: (harness: DeliveryHarness) => Effect.Effect<void, unknown>): DeliveryCheck => ({
  name,
  run: Effect.suspend(() => {
    const server = makeFakeServer()
    if (ways === "http") server.refuseSocket = 503
    const layer = GenericMetricsSender.layerWithOutbox({ endpointUrl: "ws://fake.test", durable: false, plain }).pipe(
      Layer.provide(outbox),
      Layer.provide(server.layer),
      Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default))
    )
    return Effect.gen(function*() {
      const sender = yield* GenericMetricsSender
      const { sender: status } = yield* PipelineStatus
      const ledger = yield* LossLedger
      const toggle = Effect.gen(function*() {
        while (true) {
          yield* Effect.sleep("4 seconds")
          server.refuseSocket = server.refuseSocket === undefined ? 503 : undefined
          if (server.refuseSocket !== undefined) server.cut()
        }
      })
      if (ways === "both") yield* Effect.forkScoped(toggle)
      yield* body({ server, sender, status, ledger })
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})
