import { Effect, Schedule, Stream } from "effect"
import type { ClientError } from "../../client/ClientError.js"
import { type LiveEvent, MetricsClient, type SeriesQuestion } from "../../client/MetricsClient.js"

/** Delays before a broken connection is opened again. */
const reconnect = Schedule.exponential("500 millis", 1.5).pipe(
  Schedule.jittered,
  Schedule.union(Schedule.spaced("10 seconds"))
)

// What no second attempt cures ends the command.
const mayHeal = (error: ClientError): boolean => error._tag === "Unreachable"

/**
 * Takes what a server stores, for ever: connects again when the connection is
 * lost or the server ends it, and says so by `onLost`. Fails when the server
 * was not there at all, which is a wrong address rather than an outage.
 */
export const followLive = (
  question: SeriesQuestion,
  onEvent: (event: LiveEvent) => Effect.Effect<void>,
  onLost: (message: string) => Effect.Effect<void>
): Effect.Effect<never, ClientError, MetricsClient> =>
  Effect.gen(function*() {
    const client = yield* MetricsClient
    yield* client.status
    const once = Stream.runForEach(client.live(question), onEvent)
    return yield* once.pipe(
      Effect.zipRight(onLost("the server ended the stream")),
      Effect.tapError((error) => mayHeal(error) ? onLost(error.message) : Effect.void),
      Effect.retry({ schedule: reconnect, while: mayHeal }),
      Effect.repeat(Schedule.spaced("1 second")),
      Effect.zipRight(Effect.never)
    )
  })
