import { Deferred, Effect, ExecutionStrategy, Exit, Scope } from "effect"

/** Work that is done once for all who ask for the same at the same time. */
export interface SharedWork<A, E> {
  /**
   * The result of `work` for all who ask under this key before it begins; who comes later waits for the next one, so
   * that no result is older than the question. It belongs to its askers until the last of their scopes is closed: then
   * the scope of the work is closed too, and work that nobody waits for any more is interrupted.
   */
  readonly share: (key: string, work: Effect.Effect<A, E, Scope.Scope>) => Effect.Effect<A, E, Scope.Scope>
}

interface Round<A, E> {
  readonly result: Deferred.Deferred<A, E>
  readonly scope: Scope.CloseableScope
  askers: number
}

/** Makes a {@link SharedWork} that does `atOnce` of its works at a time, and one for each key. */
export const makeSharedWork = <A, E>(atOnce: number): Effect.Effect<SharedWork<A, E>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const turns = yield* Effect.makeSemaphore(atOnce)
    const waiting = new Map<string, Round<A, E>>()
    const working = new Map<string, Effect.Latch>()

    const run = (key: string, round: Round<A, E>, work: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> =>
      Effect.suspend(() => working.get(key)?.await ?? Effect.void).pipe(
        Effect.zipRight(
          turns.withPermits(1)(Effect.suspend(() => {
            const done = Effect.unsafeMakeLatch()
            if (waiting.get(key) === round) waiting.delete(key)
            working.set(key, done)
            return Effect.ensuring(
              Scope.extend(work, round.scope),
              Effect.sync(() => {
                working.delete(key)
                done.unsafeOpen()
              })
            )
          }))
        )
      )

    const begin = (key: string, work: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<Round<A, E>> =>
      Effect.gen(function*() {
        const round: Round<A, E> = {
          result: yield* Deferred.make<A, E>(),
          scope: yield* Scope.fork(scope, ExecutionStrategy.sequential),
          askers: 0
        }
        waiting.set(key, round)
        yield* Effect.forkIn(
          Effect.interruptible(Effect.intoDeferred(run(key, round, work), round.result)),
          round.scope
        )
        return round
      })

    const leave = (key: string, round: Round<A, E>): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (--round.askers > 0) return Effect.void
        if (waiting.get(key) === round) waiting.delete(key)
        return Scope.close(round.scope, Exit.void)
      })

    return {
      share: (key, work) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function*() {
            const round = waiting.get(key) ?? (yield* begin(key, work))
            round.askers++
            yield* Effect.addFinalizer(() => leave(key, round))
            return yield* restore(Deferred.await(round.result))
          })
        )
    }
  })
