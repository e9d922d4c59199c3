import { Clock, Duration, Effect } from "effect"

/** Least time without any request after a 429: what the rules of Lichess ask for. */
export const leastPause = Duration.minutes(1)

const longestPause = Duration.hours(24)

/**
 * The one door through which requests to a server leave: one at a time, and
 * none while the server has asked for a pause. Its limits are per address, so
 * that one refusal concerns every request. Streams that are open already stay
 * open.
 */
export interface RequestGate {
  /** Waits for its turn and for the end of a pause, then sends. Sending ends with the headers of the answer. */
  readonly send: <A, E, R>(request: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Keeps everything back for this long, one minute at least and 24 hours at
   * most, from now. A longer pause that was asked for before stands. Gives the
   * time that is left.
   */
  readonly pause: (asked: Duration.Duration | undefined) => Effect.Effect<Duration.Duration>
}

/** Opens a gate. */
export const makeRequestGate: Effect.Effect<RequestGate> = Effect.gen(function*() {
  const turn = yield* Effect.makeSemaphore(1)
  let pausedUntil = 0

  const waited: Effect.Effect<void> = Effect.flatMap(
    Clock.currentTimeMillis,
    (now) =>
      now >= pausedUntil ? Effect.void : Effect.zipRight(Effect.sleep(Duration.millis(pausedUntil - now)), waited)
  )

  return {
    send: (request) => turn.withPermits(1)(Effect.zipRight(waited, request)),
    pause: (asked = leastPause) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const pause = Duration.clamp(asked, { minimum: leastPause, maximum: longestPause })
        pausedUntil = Math.max(pausedUntil, now + Duration.toMillis(pause))
        return Duration.millis(pausedUntil - now)
      })
  }
})
