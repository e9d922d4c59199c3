import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { SeriesDictionary } from "../../../src/sender/batch/SeriesDictionary.js"
import { makePositions } from "../../../src/sender/delivery/Positions.js"
import { MemoryOutbox } from "../../../src/sender/MemoryOutbox.js"
import { Outbox } from "../../../src/sender/Outbox.js"
import { LossLedger } from "../../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../../src/telemetry/PipelineStatus.js"
import { suiteBatch } from "../../../src/testing/OutboxSuite.js"
import { interruptedAt } from "../interruptedAt.js"

/** The positions of an outbox that holds the offsets 0 to 30 in three batches. */
const harness = Effect.gen(function*() {
  const outbox = yield* Outbox
  const ledger = yield* LossLedger
  const { sender: status } = yield* PipelineStatus
  const dictionary = new SeriesDictionary()
  for (const n of [0, 10, 20]) yield* outbox.append([suiteBatch(dictionary, n, n + 10)], () => {})
  const positions = makePositions(outbox, status, ledger)
  yield* positions.open(yield* outbox.streams)
  return { ledger, outbox, positions, status, stream: outbox.stream }
})

const provided = Effect.provide(Layer.mergeAll(MemoryOutbox.layer(), LossLedger.Default, PipelineStatus.Default))

describe("Positions", () => {
  it.effect("an acknowledgement of what was never accepted is not believed, and keeps the data", () =>
    Effect.gen(function*() {
      const { outbox, positions, stream } = yield* harness
      yield* positions.next
      const error = yield* Effect.flip(positions.acknowledge(stream, 31, []))
      assert.strictEqual(error._tag, "DeliveryRefused")
      assert.match(error.message, /claims to have offsets before 31 .* only those before 30 were accepted/)
      assert.strictEqual((yield* outbox.stats).metrics, 30)
      yield* positions.acknowledge(stream, 10, [])
      assert.strictEqual((yield* outbox.stats).metrics, 20)
    }).pipe(provided))

  it.effect("an acknowledgement of more than was sent is believed of what was sent: a copy may have sent the rest", () =>
    Effect.gen(function*() {
      const { outbox, positions, stream } = yield* harness
      yield* positions.next
      yield* positions.acknowledge(stream, 25, [])
      assert.strictEqual((yield* outbox.stats).metrics, 20)
      assert.strictEqual((yield* positions.next)?.end, 20)
    }).pipe(provided))

  it.effect("an answer for a stream that is not ours is not believed", () =>
    Effect.gen(function*() {
      const { positions } = yield* harness
      assert.strictEqual((yield* Effect.flip(positions.acknowledge("other", 1, [])))._tag, "DeliveryRefused")
      assert.strictEqual((yield* Effect.flip(positions.place("other", 1)))._tag, "DeliveryRefused")
    }).pipe(provided))

  it.effect("a welcome that claims more than was accepted is not believed", () =>
    Effect.gen(function*() {
      const { positions, stream } = yield* harness
      assert.strictEqual((yield* Effect.flip(positions.place(stream, 31, 0)))._tag, "DeliveryRefused")
    }).pipe(provided))

  it.effect("what a welcome claims beyond what was sent is sent all the same: a copy may have brought it", () =>
    Effect.gen(function*() {
      const { outbox, positions, stream } = yield* harness
      yield* positions.place(stream, 25, 0)
      assert.strictEqual((yield* positions.next)?.end, 10)
      assert.strictEqual((yield* outbox.stats).metrics, 30)
    }).pipe(provided))

  it.effect("what a welcome confirms and nothing acknowledges is sent again", () =>
    Effect.gen(function*() {
      const { outbox, positions, stream } = yield* harness
      yield* positions.next
      yield* positions.open(yield* outbox.streams)
      yield* positions.place(stream, 10, 0)
      assert.strictEqual((yield* positions.next)?.end, 20)
      yield* positions.resendConfirmed
      assert.strictEqual((yield* positions.next)?.end, 10)
      yield* positions.acknowledge(stream, 20, [])
      yield* positions.resendConfirmed
      assert.strictEqual((yield* positions.next)?.end, 30)
    }).pipe(provided))

  it.effect("a server that went back twice before it took the declaration is written down once", () =>
    Effect.gen(function*() {
      const { ledger, outbox, positions, stream } = yield* harness
      yield* positions.next
      yield* positions.next
      yield* positions.acknowledge(stream, 20, [])
      yield* positions.place(stream, 5, 20)
      yield* positions.open(yield* outbox.streams)
      yield* positions.place(stream, 5, 5)
      const skip = yield* positions.next
      assert.deepStrictEqual([skip?.entry._tag, skip?.end], ["Skip", 20])
      assert.deepStrictEqual((yield* ledger.losses).map(({ count, reason }) => [reason, count]), [[
        "server-rollback",
        15
      ]])
    }).pipe(provided))

  it.effect("what follows a batch comes after it, and comes again when it was given back", () =>
    Effect.gen(function*() {
      const { outbox, positions, stream } = yield* harness
      const { end } = (yield* positions.next) ?? assert.fail("nothing")
      const second = yield* positions.following({ stream, end })
      assert.strictEqual(second?.end, 20)
      positions.giveBack(stream, end, 20)
      assert.strictEqual((yield* positions.following({ stream, end }))?.end, 20)
      assert.strictEqual((yield* positions.next)?.end, 30)
      assert.strictEqual(yield* positions.following({ stream, end: 30 }), undefined)
      yield* outbox.declare([{ source: "a", reason: "missed-tick", count: 1, from: 0, to: 0 }], () => {})
      assert.strictEqual(yield* positions.following({ stream, end: 30 }), undefined)
      assert.strictEqual((yield* positions.next)?.entry._tag, "Skip")
    }).pipe(provided))

  it.effect("nothing follows a batch when an answer sent the cursor back", () =>
    Effect.gen(function*() {
      const { positions, stream } = yield* harness
      yield* positions.next
      yield* positions.rewind
      assert.strictEqual(yield* positions.following({ stream, end: 10 }), undefined)
      positions.giveBack(stream, 5, 10)
      assert.strictEqual((yield* positions.next)?.end, 10)
    }).pipe(provided))

  it.effect("interrupted at any step, they know of an acknowledgement and a rollback what the outbox knows", () =>
    Effect.gen(function*() {
      let interrupted = 0
      for (let step = 1; step <= 200; step++) {
        yield* Effect.gen(function*() {
          const { ledger, outbox, positions, status, stream } = yield* harness
          yield* positions.next
          yield* positions.next
          if (yield* interruptedAt(step, positions.acknowledge(stream, 10, [[3, "no"]]))) interrupted++
          const [{ acked }] = yield* outbox.streams
          const { deadLetters } = yield* outbox.stats
          assert.deepStrictEqual(
            [positions.acked(stream), status.acknowledged, status.rejected, (yield* ledger.losses).length],
            [acked, acked, deadLetters, deadLetters],
            `acknowledged up to step ${step}`
          )
          yield* positions.acknowledge(stream, 20, [])
          yield* interruptedAt(step, positions.place(stream, 15, 20))
          const [after] = yield* outbox.streams
          const told = (yield* ledger.losses).filter(({ reason }) => reason === "server-rollback")
          assert.deepStrictEqual(
            [positions.acked(stream), told.map(({ count }) => count)],
            [after.acked, after.acked === 15 ? [5] : []],
            `went back up to step ${step}`
          )
        }).pipe(provided)
      }
      // Neither never nor always.
      assert.isAbove(interrupted, 10)
      assert.isBelow(interrupted, 190)
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))
})
