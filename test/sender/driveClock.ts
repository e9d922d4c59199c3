import { Effect, TestClock } from "effect"

/** Lets time go on whenever nobody else has something to do. */
export const driveClock: Effect.Effect<never> = Effect.forever(Effect.zipRight(
  Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
  TestClock.adjust("500 millis")
))
