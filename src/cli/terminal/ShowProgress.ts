import { Duration, Effect, Ref, Schedule, type Scope } from "effect"
import { renderProgress } from "./ProgressBar.js"
import { liveScope, Terminal } from "./Terminal.js"

const every = Duration.millis(500)

/**
 * Draws how far a work is, twice a second, until the scope closes; does nothing
 * where no person looks. `unit` stands behind the figures, as in `B`.
 */
export const showProgress = (
  read: Effect.Effect<{ readonly done: number; readonly total: number }>,
  unit = ""
): Effect.Effect<void, never, Scope.Scope | Terminal> =>
  Effect.gen(function*() {
    const terminal = yield* Terminal
    if (!terminal.interactive) return
    yield* liveScope
    const seen = yield* Ref.make({ done: (yield* read).done, perSecond: 0 })
    const draw = Effect.gen(function*() {
      const { done, total } = yield* read
      const { perSecond } = yield* Ref.updateAndGet(seen, (before) => ({
        done,
        // Smoothed, so that the time that is left can be read.
        perSecond: 0.7 * before.perSecond + 0.3 * Math.max(0, done - before.done) / Duration.toSeconds(every)
      }))
      yield* terminal.showStatus(renderProgress({ done, total, perSecond, unit }, (yield* terminal.size).columns))
    })
    yield* Effect.forkScoped(Effect.schedule(draw, Schedule.fixed(every)))
  })
