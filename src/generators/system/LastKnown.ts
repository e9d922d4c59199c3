import { Clock, Duration, Effect, type Scope } from "effect"

/** A value that is read in the background, because reading it may take long or never end. */
export interface LastKnown<A> {
  /** The value of the last reading that succeeded, unless it is older than `keep`. */
  readonly at: (nowMillis: number) => A | undefined
}

/**
 * Reads at once and then `every` so often, until the scope closes. A reading
 * that fails leaves the value of the one before in place; while one hangs no
 * other is started.
 */
const make = <A, E>(
  what: string,
  read: Effect.Effect<A, E>,
  options: { readonly every: Duration.DurationInput; readonly keep: Duration.DurationInput }
): Effect.Effect<LastKnown<A>, never, Scope.Scope> => {
  const keep = Duration.toMillis(options.keep)
  let known: { readonly value: A; readonly at: number } | undefined
  const once = Effect.gen(function*() {
    const value = yield* read
    known = { value, at: yield* Clock.currentTimeMillis }
  })
  return once.pipe(
    Effect.catchAllCause((cause) => Effect.logDebug(`${what} could not be read`, cause)),
    Effect.zipRight(Effect.sleep(options.every)),
    Effect.forever,
    Effect.forkScoped,
    Effect.as({ at: (now) => known === undefined || now - known.at > keep ? undefined : known.value })
  )
}

/** Makes a {@link LastKnown}. */
export const LastKnown = { make }
