import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, TestClock } from "effect"
import { leastPause, makeRequestGate } from "../../../src/generators/lichess/RequestGate.js"
import { settableClock } from "./SettableClock.js"

describe("RequestGate", () => {
  it.effect("a pause lasts as long as it was to last, though the clock on the wall is set back meanwhile", () =>
    Effect.gen(function*() {
      const { clock, setBack } = yield* settableClock
      const gate = yield* makeRequestGate
      yield* Effect.withClock(gate.pause(undefined), clock)
      let sent = false
      const request = Effect.sync(() => {
        sent = true
      })
      const sending = yield* Effect.fork(Effect.withClock(gate.send(request), clock))
      yield* TestClock.adjust("1 second")
      setBack("1 day")
      yield* TestClock.adjust(Duration.subtract(leastPause, "2 seconds"))
      assert.isFalse(sent)
      yield* TestClock.adjust("1 second")
      assert.isTrue(sent)
      yield* Fiber.join(sending)
    }))
})
