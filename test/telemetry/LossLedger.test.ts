import { describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as assert from "node:assert/strict"
import { type Loss, LossLedger } from "../../src/telemetry/LossLedger.js"

const inLedger = <A, E>(test: (ledger: LossLedger) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(LossLedger, test), LossLedger.Default)

describe("the loss ledger", () => {
  it.effect("dates a loss by the clock, and joins those of one cause that follow each other", () =>
    inLedger((ledger) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("10 seconds")
        yield* ledger.record({ source: "system", reason: "queue-overflow", count: 3 })
        yield* TestClock.adjust("59 seconds")
        yield* ledger.record({ source: "system", reason: "queue-overflow", count: 4 })
        yield* ledger.record({ source: "dice", reason: "queue-overflow", count: 1 })
        assert.deepEqual(yield* ledger.losses, [
          { source: "system", reason: "queue-overflow", count: 7, from: 10_000, to: 69_000 },
          { source: "dice", reason: "queue-overflow", count: 1, from: 69_000, to: 69_000 }
        ])
      })
    ))

  it.effect("keeps losses apart that are more than a minute apart", () =>
    inLedger((ledger) =>
      Effect.gen(function*() {
        yield* ledger.record({ source: "system", reason: "missed-tick", count: 1 })
        yield* TestClock.adjust("61 seconds")
        yield* ledger.record({ source: "system", reason: "missed-tick", count: 1 })
        assert.equal((yield* ledger.losses).length, 2)
      })
    ))

  it.effect("an uncounted loss makes the whole record uncounted, but never the total", () =>
    inLedger((ledger) =>
      Effect.gen(function*() {
        yield* ledger.record({ source: "outbox", reason: "unclean-end", count: 5 })
        yield* ledger.record({ source: "outbox", reason: "unclean-end", count: "unknown" })
        assert.deepEqual((yield* ledger.losses).map(({ count }) => count), ["unknown"])
        assert.deepEqual(yield* ledger.totals, [
          { source: "outbox", reason: "unclean-end", count: 5, uncounted: 1 }
        ])
      })
    ))

  it.effect("keeps what nobody has committed, one of each source and reason, counted and uncounted apart", () =>
    inLedger((ledger) =>
      Effect.gen(function*() {
        for (let i = 0; i < 1_000; i++) {
          yield* TestClock.adjust("1 minute")
          yield* ledger.record({ source: "system", reason: "missed-tick", count: 2 })
          yield* ledger.record({ source: "dice", reason: "missed-tick", count: i === 500 ? "unknown" : 1 })
          yield* ledger.recordDeclared({ source: "outbox", reason: "outbox-overflow", count: 5 })
        }
        assert.equal(yield* ledger.pendingSince, 60_000)
        const taken: Array<Loss> = []
        yield* ledger.commitPending((losses, committed) =>
          Effect.sync(() => {
            taken.push(...losses)
            committed()
          })
        )
        const [from, to] = [60_000, 60_000_000]
        const unknownAt = 501 * 60_000
        assert.deepEqual(taken, [
          { source: "system", reason: "missed-tick", count: 2_000, from, to },
          { source: "dice", reason: "missed-tick", count: 999, from, to },
          { source: "dice", reason: "missed-tick", count: "unknown", from: unknownAt, to: unknownAt }
        ])
        assert.equal(yield* ledger.pendingSince, Infinity)
        yield* ledger.commitPending(() => Effect.dieMessage("nothing is left to commit"))
      })
    ))

  it.effect("gives a loss again whose commit failed, with what came meanwhile, and wakes who waits for one", () =>
    inLedger((ledger) =>
      Effect.gen(function*() {
        const waiting = yield* Effect.fork(ledger.awaitPending)
        yield* ledger.record({ source: "system", reason: "missed-tick", count: 2 })
        yield* Fiber.join(waiting)
        const failing = ledger.commitPending(() =>
          Effect.zipRight(ledger.record({ source: "system", reason: "missed-tick", count: 3 }), Effect.fail("no"))
        )
        assert.equal(yield* Effect.flip(failing), "no")
        const counts: Array<Loss["count"]> = []
        yield* ledger.commitPending((losses, committed) =>
          Effect.gen(function*() {
            counts.push(...losses.map(({ count }) => count))
            yield* ledger.record({ source: "system", reason: "missed-tick", count: 4 })
            committed()
          })
        )
        assert.deepEqual(counts.slice(), [5])
        // The one that came while it was committed is still there.
        yield* ledger.awaitPending
        yield* ledger.commitPending((losses, committed) =>
          Effect.sync(() => {
            counts.push(...losses.map(({ count }) => count))
            committed()
          })
        )
        assert.deepEqual(counts.slice(), [5, 4])
        const next = yield* Effect.fork(ledger.awaitPending)
        yield* Effect.yieldNow()
        assert.equal((yield* Fiber.poll(next))._tag, "None")
        yield* Fiber.interrupt(next)
      })
    ))

  it.effect("keeps the newest records, says how many it forgot, and forgets no total", () =>
    inLedger((ledger) =>
      Effect.gen(function*() {
        for (let i = 0; i < 10_005; i++) {
          yield* ledger.record({
            source: `s${i % 50}`,
            reason: "invalid",
            count: 1,
            from: i * 100_000,
            to: i * 100_000
          })
        }
        assert.equal((yield* ledger.losses).length, 10_000)
        assert.equal(yield* ledger.forgotten, 5)
        assert.equal((yield* ledger.totals).reduce((sum, { count }) => sum + count, 0), 10_005)
      })
    ))
})
