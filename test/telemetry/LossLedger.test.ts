import { describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import * as assert from "node:assert/strict"
import { LossLedger } from "../../src/telemetry/LossLedger.js"

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
