import { Duration, Effect } from "effect"
import { steadyMillis } from "./steadyMillis.js"

/** Least time without any request after a 429: what the rules of Lichess ask for. */
export const leastPause = Duration.minutes(1)

/** Refused again and again, we wait twice as long each time, up to this. */
const longestOwnPause = Duration.hours(1)

/** A server may ask for more, up to this. */
const longestPause = Duration.hours(24)

/**
 * The one door through which requests to a server leave: one at a time, and
 * none while the server has asked for a pause. Its limits are per address, so
 * that one refusal concerns every request. Streams that are open already stay
 * open.
 */
export interface RequestGate {
  /** Waits for its turn and for the end of a pause, then sends. The next has its turn when the effect has ended. */
  readonly send: <A, E, R>(request: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Keeps everything back for as long as the server asked, from now, but for
   * one minute at least, twice as long with each refusal in a row (up to an
   * hour), and for 24 hours at most. Gives the time that is left.
   */
  readonly pause: (asked: Duration.Duration | undefined) => Effect.Effect<Duration.Duration>
}

/** Opens a gate. */
export const makeRequestGate: Effect.Effect<RequestGate> = Effect.gen(function*() {
  const turn = yield* Effect.makeSemaphore(1)
  let pausedUntil = 0
  let refusals = 0

  const waited: Effect.Effect<void> = Effect.flatMap(
    steadyMillis,
    (now) =>
      now >= pausedUntil
        ? Effect.void
        : Effect.zipRight(Effect.sleep(Duration.millis(Math.ceil(pausedUntil - now))), waited)
  )
  const answered = Effect.sync(() => {
    refusals = 0
  })

  return {
    send: (request) => turn.withPermits(1)(Effect.zipRight(waited, Effect.zipLeft(request, answered))),
    pause: (asked = Duration.zero) =>
      Effect.map(steadyMillis, (now) => {
        const own = Duration.min(Duration.times(leastPause, 2 ** Math.min(refusals, 10)), longestOwnPause)
        refusals++
        const pause = Duration.min(Duration.max(asked, own), longestPause)
        pausedUntil = Math.max(pausedUntil, now + Duration.toMillis(pause))
        return Duration.millis(pausedUntil - now)
      })
  }
})
