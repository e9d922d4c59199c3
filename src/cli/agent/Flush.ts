import { Duration, Effect, Ref, Schedule } from "effect"
import { type CliFailure, failure, toFailure } from "../CliFailure.js"
import type { Agent } from "./Agent.js"

/**
 * Waits until all is acknowledged, as long as acknowledgements keep coming:
 * fails when `patience` passes without one. `kept` says what becomes of the
 * rest, as in `are kept in DIR`.
 */
export const flushWhileAcknowledged = (
  agent: Agent,
  patience: Duration.Duration,
  kept: string
): Effect.Effect<void, CliFailure> =>
  Effect.gen(function*() {
    const seen = yield* Ref.make((yield* agent.status).sender.acknowledged)
    const stuck = Effect.gen(function*() {
      yield* Effect.sleep(patience)
      const { sender } = yield* agent.status
      if ((yield* Ref.getAndSet(seen, sender.acknowledged)) !== sender.acknowledged) return
      const reason = sender.lastError === undefined ? "" : ` (${sender.lastError})`
      return yield* failure(
        `not delivered to ${sender.endpoint ?? "the server"} within ${Duration.format(patience)}${reason}; ` +
          `${sender.pending} metrics ${kept}`
      )
    })
    yield* Effect.raceFirst(
      Effect.mapError(agent.sender.flush, toFailure),
      Effect.repeat(stuck, Schedule.forever)
    )
  })
