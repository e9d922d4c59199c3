import { Effect } from "effect"

/**
 * Lets sockets and timers have their turn. `Effect.yieldNow` yields to other
 * fibers only: it goes on in the same turn of the event loop.
 */
export const nextTurn: Effect.Effect<void> = Effect.async<void>((resume) => {
  // Nothing to cancel: who is interrupted does not listen any more.
  setImmediate(() => resume(Effect.void))
})
