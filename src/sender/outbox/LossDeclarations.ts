import { Duration, Effect, Schedule } from "effect"
import type { LossLedger } from "../../telemetry/LossLedger.js"
import type { Outbox } from "../Outbox.js"

const shortest = 1_000
const longest = 60_000

// So many more records that wait double the delay.
const doubling = 100

/**
 * How long losses are joined before they become records, while so many records
 * wait for the server: 1 s, and longer the more wait, up to a minute. So a long
 * outage in which losses never end makes few records.
 */
export const declarationDelay = (waiting: number): Duration.Duration =>
  Duration.millis(Math.min(longest, shortest * 2 ** Math.floor(waiting / doubling)))

/** Delays before an outbox that failed is tried again: 1 s, doubling, at most 30 s. */
const retries = Schedule.exponential("1 second", 2).pipe(Schedule.union(Schedule.spaced("30 seconds")))

/** Commits the losses that were written down so far to the outbox, whatever stands there. */
export const declareLosses = (ledger: LossLedger, outbox: typeof Outbox.Service) => ledger.commitPending(outbox.declare)

/**
 * Commits losses to the outbox as they are written down, forever. Where too
 * many records wait for the server, they are joined in the ledger until it has
 * acknowledged some.
 */
export const keepDeclaring = (ledger: LossLedger, outbox: typeof Outbox.Service): Effect.Effect<never> =>
  Effect.gen(function*() {
    yield* ledger.awaitPending
    const { losses } = yield* outbox.stats
    yield* Effect.sleep(declarationDelay(losses))
    yield* outbox.awaitLossRoom
    yield* declareLosses(ledger, outbox).pipe(
      Effect.tapError(({ message }) => Effect.logError(`losses could not be written into the outbox: ${message}`)),
      Effect.retry(retries),
      Effect.ignore
    )
  }).pipe(Effect.forever)
