import { Clock, Duration, Effect } from "effect"
import type { LossLedger } from "../../telemetry/LossLedger.js"
import type { PipelineStatus } from "../../telemetry/PipelineStatus.js"
import type { PlainPiece } from "./PlainPieces.js"

/** For how long metrics that nobody acknowledges are joined before they are written down. */
export const HANDED_OVER_JOINED = Duration.minutes(10)

const joinedMillis = Duration.toMillis(HANDED_OVER_JOINED)

type Span = Pick<PlainPiece, "from" | "to">

/** Writes down of which metrics plain mode cannot say that they are stored, and once. */
export interface Unverified {
  /** So many metrics of this time were delivered, and in doubt: why. */
  readonly doubted: (count: number, span: Span, detail: string) => Effect.Effect<void>
  /** So many metrics of this time were given to a server that acknowledges nothing. */
  readonly handedOver: (count: number, span: Span) => Effect.Effect<void>
  /** Writes down what is still being joined. */
  readonly settle: Effect.Effect<void>
}

/** Makes the account of one sender. */
export const makeUnverified = (ledger: LossLedger, status: PipelineStatus["sender"]): Unverified => {
  let joined: { readonly since: number; readonly count: number } & Span | undefined

  const record = (count: number, { from, to }: Span, detail: string): Effect.Effect<void> =>
    ledger.record({ source: "sender", reason: "unverified", count, from, to, detail })

  const settle = Effect.suspend(() => {
    if (joined === undefined) return Effect.void
    const { count } = joined
    const span = joined
    joined = undefined
    return record(count, span, "given to a server that acknowledges nothing")
  })

  return {
    doubted: (count, span, detail) =>
      Effect.suspend(() => {
        if (count === 0) return Effect.void
        status.unverified += count
        return record(count, span, detail)
      }),
    handedOver: (count, { from, to }) =>
      Effect.gen(function*() {
        if (count === 0) return
        const now = yield* Clock.currentTimeMillis
        status.unverified += count
        joined = joined === undefined
          ? { since: now, count, from, to }
          : {
            ...joined,
            count: joined.count + count,
            from: Math.min(joined.from, from),
            to: Math.max(joined.to, to)
          }
        // A clock that was set back by more tells nothing of how long it has been.
        if (Math.abs(now - joined.since) >= joinedMillis) yield* settle
      }),
    settle
  }
}
