import { Clock, Duration, Effect, Scheduler, type Scope } from "effect"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/**
 * Runs an effect under a clock that jumps to the next moment somebody waits for
 * as soon as nobody has anything else to do: hours of waiting take milliseconds.
 */
export const withVirtualClock = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.gen(function*() {
    let now = 1_700_000_000_000
    let sleepers: Array<Sleeper> = []
    const clock: Clock.Clock = {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: () => now,
      unsafeCurrentTimeNanos: () => BigInt(Math.floor(now)) * 1_000_000n,
      currentTimeMillis: Effect.sync(() => now),
      currentTimeNanos: Effect.sync(() => BigInt(Math.floor(now)) * 1_000_000n),
      sleep: (duration) =>
        Effect.async((resume) => {
          const sleeper = { at: now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
          // Kept in order; who waits for one moment wakes in the order of the calls.
          const at = sleepers.findIndex((one) => one.at > sleeper.at)
          sleepers.splice(at < 0 ? sleepers.length : at, 0, sleeper)
          return Effect.sync(() => {
            sleepers = sleepers.filter((one) => one !== sleeper)
          })
        })
    }
    let activity = 0
    const scheduler: Scheduler.Scheduler = {
      shouldYield: (fiber) => Scheduler.defaultScheduler.shouldYield(fiber),
      scheduleTask: (task, priority, fiber) => {
        activity++
        Scheduler.defaultScheduler.scheduleTask(task, priority, fiber)
      }
    }
    const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    // Two turns of the event loop in which no fiber went on.
    const idle = Effect.gen(function*() {
      for (let quiet = 0, seen = -1; quiet < 2; seen = activity) {
        yield* turn
        quiet = activity === seen ? quiet + 1 : 0
      }
    })
    const jump = Effect.sync(() => {
      const next = sleepers.shift()
      if (next === undefined) return
      now = Math.max(now, next.at)
      next.wake()
    })
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(idle, jump)))
    return yield* Effect.withScheduler(Effect.withClock(effect, clock), scheduler)
  })
