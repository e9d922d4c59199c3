import { Effect, Exit, Fiber, FiberId, Scheduler } from "effect"

/**
 * Runs an effect, interrupting it where its step of this number would yield to other fibers; answers whether it was
 * interrupted before its end.
 */
export const interruptedAt = <A, E, R>(
  step: number,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<boolean, never, R> =>
  Effect.gen(function*() {
    let steps = 0
    const scheduler: Scheduler.Scheduler = {
      shouldYield: (fiber) => {
        if (++steps !== step) return false
        fiber.unsafeInterruptAsFork(FiberId.none)
        return 0
      },
      scheduleTask: (task, priority, fiber) => Scheduler.defaultScheduler.scheduleTask(task, priority, fiber)
    }
    const fiber = yield* Effect.fork(Effect.withScheduler(effect, scheduler))
    return Exit.isInterrupted(yield* Fiber.await(fiber))
  })
