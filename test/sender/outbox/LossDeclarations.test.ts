import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Logger, TestClock } from "effect"
import { GenericMetric } from "../../../src/domain/GenericMetric.js"
import { GenericMetricsSender } from "../../../src/sender/GenericMetricsSender.js"
import { MemoryOutbox } from "../../../src/sender/MemoryOutbox.js"
import { Outbox, type OutboxLimits } from "../../../src/sender/Outbox.js"
import { declarationDelay } from "../../../src/sender/outbox/LossDeclarations.js"
import { LossLedger } from "../../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../../src/telemetry/PipelineStatus.js"
import { type FakeServer, makeFakeServer } from "../../../src/testing/FakeServer.js"

const refuse = (server: FakeServer): void => {
  server.refuseSocket = 503
  server.refuseHttp = { status: 503, body: "" }
}

const heal = (server: FakeServer): void => {
  server.refuseSocket = undefined
  server.refuseHttp = undefined
}

const sum = (counts: ReadonlyArray<number | null | undefined>): number =>
  counts.reduce<number>((total, count) => total + (count ?? 0), 0)

const toldBy = (server: FakeServer) => server.skips.map(({ loss, reason }) => [reason, loss?.generator, loss?.count])

/** A sender to the server over an outbox in memory. */
const harness = (server: FakeServer, limits: Partial<OutboxLimits> = {}) =>
  GenericMetricsSender.layerWithOutbox({ endpointUrl: "ws://fake.test", durable: true, shutdownGrace: "10 seconds" })
    .pipe(
      Layer.provide(server.layer),
      Layer.provideMerge(MemoryOutbox.layer(limits)),
      Layer.provideMerge(Layer.merge(LossLedger.Default, PipelineStatus.Default)),
      Layer.provide(Logger.remove(Logger.defaultLogger))
    )

const services = Effect.all({
  ledger: LossLedger,
  outbox: Outbox,
  sender: GenericMetricsSender,
  status: PipelineStatus
})

const metric = (value: number): GenericMetric => new GenericMetric({ origin: "o", metricType: "m", value })

describe("losses of a collector", () => {
  it.scoped("reach the server a second after the first of them, joined by source and reason", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      const context = yield* Layer.build(harness(server))
      const { ledger, sender, status } = yield* Effect.provide(services, context)
      yield* sender.sendMetric(metric(1))
      for (let i = 0; i < 9; i++) {
        yield* ledger.record({ source: "system", reason: "missed-tick", count: 2 })
        yield* ledger.record({ source: "dice", reason: "queue-overflow", count: "unknown" })
        yield* TestClock.adjust("100 millis")
      }
      assert.deepStrictEqual(server.skips, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(toldBy(server), [["missed-tick", "system", 18], [
        "queue-overflow",
        "dice",
        undefined
      ]])
      assert.deepStrictEqual([server.skips[0].loss?.from, server.skips[0].loss?.to], [0, 800])
      const { accepted, acknowledged, dropped, pending, rejected } = status.sender
      assert.deepStrictEqual({ accepted, acknowledged, dropped, pending, rejected }, {
        accepted: 1,
        acknowledged: 1,
        dropped: 0,
        pending: 0,
        rejected: 0
      })
    }))

  it.scoped("that the server learns otherwise are not told twice", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      server.reject = () => "not today"
      const context = yield* Layer.build(harness(server))
      const { ledger, sender } = yield* Effect.provide(services, context)
      yield* sender.sendMetric(metric(1))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* ledger.losses).map(({ reason }) => reason), ["server-rejected"])
      assert.deepStrictEqual(server.skips, [])
    }))

  it.scoped("that never end while the server is away make few records, and each metric is counted", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      refuse(server)
      const context = yield* Layer.build(harness(server, { maxLosses: 50 }))
      const { ledger, outbox } = yield* Effect.provide(services, context)
      let lost = 0
      for (let i = 0; i < 100; i++) {
        for (const source of ["a", "b"]) yield* ledger.record({ source, reason: "missed-tick", count: 3 })
        lost += 6
        yield* TestClock.adjust("10 seconds")
      }
      const { losses } = yield* outbox.stats
      // One of each source may have come in the commit that reached the limit.
      assert.isAtMost(losses, 52)
      assert.isAtLeast(losses, 50)
      heal(server)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(sum(server.skips.map(({ loss }) => loss?.count)), lost)
      assert.strictEqual((yield* outbox.stats).losses, 0)
      const instants = server.skips.flatMap(({ loss }) => loss === undefined ? [] : [loss.from, loss.to])
      assert.deepStrictEqual([Math.min(...instants), Math.max(...instants)], [0, 990_000])
    }))

  it.effect("are written down and delivered when the sender is closed in the same second", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      yield* Effect.scoped(Effect.gen(function*() {
        const context = yield* Layer.build(harness(server))
        const { ledger } = yield* Effect.provide(services, context)
        yield* TestClock.adjust("1 second")
        yield* ledger.record({ source: "system", reason: "missed-tick", count: 2 })
      }))
      assert.deepStrictEqual(toldBy(server), [["missed-tick", "system", 2]])
    }))

  it.scoped("are told again to a server that went back, though nothing waits for it", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      const context = yield* Layer.build(harness(server))
      const { ledger, outbox, sender } = yield* Effect.provide(services, context)
      yield* sender.sendMetrics([metric(1), metric(2)])
      yield* ledger.record({ source: "system", reason: "missed-tick", count: 7 })
      yield* TestClock.adjust("5 seconds")
      yield* sender.sendMetric(metric(3))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(server.next.get(outbox.stream), 4)
      server.restore(outbox.stream, 1)
      server.cut()
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(server.next.get(outbox.stream), 4)
      assert.deepStrictEqual(server.skips.map(({ from, loss, reason, to }) => [from, to, reason, loss?.count]), [
        [1, 2, "server-rollback", undefined],
        [2, 3, "missed-tick", 7],
        [3, 4, "server-rollback", undefined]
      ])
      const rollbacks = (yield* ledger.totals).filter(({ reason }) => reason === "server-rollback")
      assert.deepStrictEqual(rollbacks.map(({ count }) => count), [2])
    }))

  it("wait a second, and longer the more records wait, up to a minute", () => {
    assert.deepStrictEqual(
      [0, 99, 100, 250, 599, 600, 100_000].map((waiting) => Duration.toSeconds(declarationDelay(waiting))),
      [1, 1, 2, 4, 32, 60, 60]
    )
  })
})
