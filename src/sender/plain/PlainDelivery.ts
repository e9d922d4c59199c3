import { Effect } from "effect"
import type { LossLedger } from "../../telemetry/LossLedger.js"
import type { PipelineStatus } from "../../telemetry/PipelineStatus.js"
import type { Outgoing, Positions } from "../delivery/Positions.js"
import type { Outbox, OutboxError } from "../Outbox.js"
import type { DeliveryRefused } from "../SenderErrors.js"
import type { PlainVerdict } from "./PlainAnswer.js"
import { type PlainFormat, type PlainPiece, readPieces } from "./PlainPieces.js"
import { makeUnverified } from "./Unverified.js"

/** What plain mode does with a piece, whichever way it leaves. */
export interface PlainDelivery {
  /** The pieces of what goes out next, less what is acknowledged of it. */
  readonly pieces: (outgoing: Outgoing) => Effect.Effect<ReadonlyArray<PlainPiece>, OutboxError>
  /**
   * To be called before a piece is sent: from now on it may have arrived. Gives
   * how many of its metrics may have arrived `before`, less than which offset.
   */
  readonly note: (piece: PlainPiece) => Effect.Effect<{ readonly again: number; readonly before: number }, OutboxError>
  /** Acknowledges a piece on the word of the server; `again` of its metrics may be stored twice. */
  readonly taken: (
    piece: PlainPiece,
    again: number,
    verdict: PlainVerdict
  ) => Effect.Effect<void, OutboxError | DeliveryRefused>
  /** Acknowledges a piece that the server has read and says nothing of. */
  readonly handedOver: (piece: PlainPiece) => Effect.Effect<void, OutboxError | DeliveryRefused>
  /** Acknowledges a piece that holds nothing to send. */
  readonly passOver: (piece: PlainPiece) => Effect.Effect<void, OutboxError | DeliveryRefused>
  /** The server refused some of what had been handed over: nobody has them any more. */
  readonly refusedLate: (count: number | "unknown", reason: string) => Effect.Effect<void>
  /** Writes down what is known and stands nowhere yet. */
  readonly settle: Effect.Effect<void>
}

/** Makes the plain delivery of an outbox. */
export const makePlainDelivery = ({ format, ledger, outbox, positions, status }: {
  readonly format: PlainFormat
  readonly ledger: LossLedger
  readonly outbox: typeof Outbox.Service
  readonly positions: Positions
  readonly status: PipelineStatus["sender"]
}): PlainDelivery => {
  const unverified = makeUnverified(ledger, status)

  const acknowledge = (piece: PlainPiece, rejected: PlainVerdict["rejected"]) => {
    const refused = rejected.map(([index, reason]) => [piece.offsets[index], reason] as const)
    return positions.acknowledge(piece.stream, piece.end, [...refused, ...piece.unreadable])
  }

  return {
    pieces: (outgoing) => readPieces(outbox, outgoing, positions.acked(outgoing.stream), format),
    note: (piece) =>
      Effect.map(outbox.notePlain(piece.stream, piece.end), (before) => ({
        before,
        again: piece.offsets.reduce((count, offset) => offset < before ? count + 1 : count, 0)
      })),
    taken: (piece, again, { rejected, uncounted }) =>
      // Doubts first: an interruption between the two makes one too many of them, and never hides one.
      unverified.doubted(again, piece, "sent again, because no answer had come: may be stored twice").pipe(
        Effect.zipRight(
          unverified.doubted(uncounted, piece, "the server counts fewer than it was sent, and does not name them")
        ),
        Effect.zipRight(acknowledge(piece, rejected))
      ),
    handedOver: (piece) => Effect.zipRight(unverified.handedOver(piece.offsets.length, piece), acknowledge(piece, [])),
    passOver: (piece) => acknowledge(piece, []),
    refusedLate: (count, reason) =>
      Effect.suspend(() => {
        if (count !== "unknown") status.rejected += count
        status.lastRejection = reason
        return Effect.zipRight(
          ledger.record({ source: "sender", reason: "server-rejected", count, detail: reason }),
          Effect.logWarning(`the server refused metrics after they had been taken as delivered: ${reason}`)
        )
      }),
    settle: unverified.settle
  }
}
