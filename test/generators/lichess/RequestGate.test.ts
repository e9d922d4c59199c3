import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, TestClock } from "effect"
import { leastPause, makeRequestGate } from "../../../src/generators/lichess/RequestGate.js"

describe("RequestGate", () => {
  it.effect("a pause lasts as long as it was to last, though the clock on the wall is set back meanwhile", () =>
    Effect.gen(function*() {
      const steady = yield* Effect.clock
      let setBy = 0
      const wall: Clock.Clock = {
        [Clock.ClockTypeId]: Clock.ClockTypeId,
        sleep: (duration) => steady.sleep(duration),
        unsafeCurrentTimeMillis: () => steady.unsafeCurrentTimeMillis() + setBy,
        currentTimeMillis: Effect.map(steady.currentTimeMillis, (millis) => millis + setBy),
        unsafeCurrentTimeNanos: () => steady.unsafeCurrentTimeNanos(),
        currentTimeNanos: steady.currentTimeNanos
      }
      const gate = yield* makeRequestGate
      yield* Effect.withClock(gate.pause(undefined), wall)
      let sent = false
      const request = Effect.sync(() => {
        sent = true
      })
      const sending = yield* Effect.fork(Effect.withClock(gate.send(request), wall))
      yield* TestClock.adjust("1 second")
      setBy = -Duration.toMillis("1 day")
      yield* TestClock.adjust(Duration.subtract(leastPause, "2 seconds"))
      assert.isFalse(sent)
      yield* TestClock.adjust("1 second")
      assert.isTrue(sent)
      yield* Fiber.join(sending)
    }))
})
