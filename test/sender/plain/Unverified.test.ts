import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, TestClock } from "effect"
import { makeUnverified } from "../../../src/sender/plain/Unverified.js"
import { LossLedger } from "../../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../../src/telemetry/PipelineStatus.js"

const provided = Effect.provide(Layer.merge(LossLedger.Default, PipelineStatus.Default))

const setting = Effect.gen(function*() {
  const ledger = yield* LossLedger
  const { sender: status } = yield* PipelineStatus
  const written = Effect.map(
    ledger.losses,
    (losses) => losses.map(({ count, from, reason, source, to }) => [source, reason, count, from, to])
  )
  return { unverified: makeUnverified(ledger, status), status, written }
})

describe("what plain mode cannot verify", () => {
  it.effect("is counted at once, and written down as one record for ten minutes of it", () =>
    Effect.gen(function*() {
      const { status, unverified, written } = yield* setting
      for (let minute = 0; minute < 10; minute++) {
        yield* unverified.handedOver(60, { from: minute * 100, to: minute * 100 + 99 })
        yield* TestClock.adjust("1 minute")
      }
      assert.strictEqual(status.unverified, 600)
      assert.deepStrictEqual(yield* written, [])
      yield* unverified.handedOver(1, { from: 1_000, to: 1_000 })
      assert.deepStrictEqual(yield* written, [["sender", "unverified", 601, 0, 1_000]])
    }).pipe(provided))

  it.effect("is written down when the connection or the sender ends, once", () =>
    Effect.gen(function*() {
      const { status, unverified, written } = yield* setting
      yield* unverified.settle
      yield* unverified.handedOver(5, { from: 10, to: 20 })
      yield* unverified.settle
      yield* unverified.settle
      assert.strictEqual(status.unverified, 5)
      assert.deepStrictEqual(yield* written, [["sender", "unverified", 5, 10, 20]])
    }).pipe(provided))

  it.effect("of what was sent again is written down at once", () =>
    Effect.gen(function*() {
      const { status, unverified, written } = yield* setting
      yield* unverified.doubted(0, { from: 0, to: 0 }, "nothing")
      yield* unverified.doubted(7, { from: 10, to: 20 }, "sent again")
      assert.strictEqual(status.unverified, 7)
      assert.deepStrictEqual(yield* written, [["sender", "unverified", 7, 10, 20]])
    }).pipe(provided))
})
