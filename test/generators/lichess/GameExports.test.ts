import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Stream, TestClock } from "effect"
import { makeGameExports } from "../../../src/generators/lichess/GameExports.js"
import type { TrackedGame } from "../../../src/generators/lichess/GameTracker.js"
import { settableClock } from "./SettableClock.js"

const game: TrackedGame = {
  id: "abcd1234",
  orientation: undefined,
  players: { white: {}, black: {} },
  ply: undefined,
  position: undefined,
  lastMoved: undefined,
  clocks: undefined,
  highest: {},
  metricsOfMove: 6
}

describe("GameExports", () => {
  it.effect("a running game is asked for once more in its time, though the clock on the wall is set back meanwhile", () =>
    Effect.gen(function*() {
      const { clock, setBack } = yield* settableClock
      let asked = 0
      const api = {
        url: "https://lichess.test",
        open: () => Effect.die("not called"),
        json: () =>
          Effect.sync((): unknown => {
            asked++
            return { id: game.id, status: "started" }
          })
      }
      const exports = makeGameExports(api, () => Effect.void, { abandonedRetry: Duration.minutes(10) })
      const asking = yield* Effect.fork(Effect.withClock(Stream.runDrain(exports.results), clock))
      exports.left("best", { game, followed: true }, clock.unsafeCurrentTimeMillis())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(asked, 1)
      setBack("1 day")
      yield* TestClock.adjust("9 minutes")
      assert.strictEqual(asked, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(asked, 2)
      yield* Fiber.interrupt(asking)
    }))
})
