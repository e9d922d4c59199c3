import { Effect } from "effect"
import type { TransportFailure } from "../delivery/Transports.js"
import { type HttpTransportOptions, postText } from "../HttpTransport.js"
import { readPlainAnswer } from "./PlainAnswer.js"
import type { PlainDelivery } from "./PlainDelivery.js"

/**
 * Delivers in plain mode over HTTP, one request after the other, and waits for
 * more when all is acknowledged. Every 2xx acknowledges what it answers.
 */
export const deliverPlainOverHttp = (
  options: HttpTransportOptions,
  plain: PlainDelivery,
  onAnswer: Effect.Effect<void>
): Effect.Effect<never, TransportFailure> =>
  Effect.gen(function*() {
    const { outbox, positions, status } = options
    yield* positions.open(yield* outbox.streams)
    while (true) {
      const outgoing = yield* positions.next
      if (outgoing === undefined) {
        yield* outbox.awaitAppend
        continue
      }
      for (const piece of yield* plain.pieces(outgoing)) {
        const { again, before } = yield* plain.note(piece)
        if (piece.offsets.length === 0) {
          yield* plain.passOver(piece)
          continue
        }
        const verdict = yield* postText(options, piece.body, "application/json").pipe(
          Effect.flatMap(({ body, retryAfter, status }) =>
            readPlainAnswer(piece.offsets.length, status, body, retryAfter)
          ),
          Effect.tapError((error) =>
            error._tag === "DeliveryRefused" || error.untaken === true
              ? outbox.takeBackPlain(piece.stream, before)
              : Effect.void
          )
        )
        status.batchesSent++
        yield* plain.taken(piece, again, verdict)
        yield* onAnswer
      }
    }
  })
