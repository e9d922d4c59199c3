import { Effect, Fiber } from "effect"

/**
 * Makes something once for all who ask, at the first question. Who asks may be
 * interrupted while it is made, and it is made all the same for those who come
 * after: what `Effect.cached` keeps is the interruption, also where the region
 * within is uninterruptible.
 */
export const onceForAll = <A, E, R>(make: Effect.Effect<A, E, R>): Effect.Effect<Effect.Effect<A, E, R>> =>
  Effect.map(Effect.cached(Effect.forkDaemon(make)), Effect.flatMap(Fiber.join))
