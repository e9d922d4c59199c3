import { Effect } from "effect"

/** Ms on a clock that nobody sets: a wait until an instant of the wall clock is longer by as much as that is set back. */
export const steadyMillis: Effect.Effect<number> = Effect.clockWith((clock) =>
  Effect.sync(() => Number(clock.unsafeCurrentTimeNanos()) / 1e6)
)
