import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { onceForAll } from "../../src/domain/onceForAll.js"

describe("onceForAll", () => {
  it.effect("makes what is asked for once, also where the first who asks is interrupted", () =>
    Effect.gen(function*() {
      const goOn = yield* Effect.makeLatch()
      let made = 0
      const thing = yield* onceForAll(Effect.andThen(goOn.await, () => ++made))
      expect(made).toBe(0)
      const first = yield* Effect.fork(thing)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(first)
      const others = yield* Effect.fork(Effect.all([thing, thing], { concurrency: "unbounded" }))
      yield* goOn.open
      expect(yield* Fiber.join(others)).toEqual([1, 1])
      expect(yield* thing).toBe(1)
    }))

  it.effect("tells all who ask of a failure", () =>
    Effect.gen(function*() {
      const thing = yield* onceForAll(Effect.fail("no"))
      expect([yield* Effect.flip(thing), yield* Effect.flip(thing)]).toEqual(["no", "no"])
    }))
})
