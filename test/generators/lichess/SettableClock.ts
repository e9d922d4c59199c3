import { Clock, Duration, Effect } from "effect"

/** The clock of this fiber, and one like it whose wall can be set back. */
export const settableClock = Effect.map(Effect.clock, (steady) => {
  let setBy = 0
  const clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    sleep: (duration) => steady.sleep(duration),
    unsafeCurrentTimeMillis: () => steady.unsafeCurrentTimeMillis() + setBy,
    currentTimeMillis: Effect.map(steady.currentTimeMillis, (millis) => millis + setBy),
    unsafeCurrentTimeNanos: () => steady.unsafeCurrentTimeNanos(),
    currentTimeNanos: steady.currentTimeNanos
  }
  return {
    clock,
    setBack: (by: Duration.DurationInput): void => {
      setBy -= Duration.toMillis(by)
    }
  }
})
