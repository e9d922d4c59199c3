import { Effect } from "effect"
import type { Loss } from "../telemetry/Loss.js"
import { encodeBatch } from "../wire/BatchCodec.js"
import type { DeclaredLoss } from "../wire/Frames.js"
import type { Outbox, OutboxError } from "./Outbox.js"
import type { Outgoing } from "./Positions.js"

/** Over HTTP every request stands alone: it names its sender and what is acknowledged. */
export interface RequestOrigin {
  readonly sender: string
  readonly acked: number
}

const declared = (loss: Loss | undefined): { readonly loss: DeclaredLoss } | undefined =>
  loss === undefined ? undefined : {
    loss: {
      generator: loss.source,
      ...(loss.count === "unknown" ? undefined : { count: loss.count }),
      from: loss.from,
      to: loss.to
    }
  }

/**
 * Writes what goes out as a frame, with the definitions that `needed` asks
 * for; `origin` is given over HTTP, where no `hello` came before.
 */
export const encodeOutgoing = (
  outbox: typeof Outbox.Service,
  { entry, stream }: Outgoing,
  needed: (id: number) => boolean,
  origin?: RequestOrigin
): Effect.Effect<string, OutboxError> =>
  Effect.gen(function*() {
    if (entry._tag === "Skip") {
      const { from, loss, reason, to } = entry.range
      return JSON.stringify({ type: "skip", stream, from, to, reason, ...declared(loss), ...origin })
    }
    const { columns, first, ids } = entry.batch
    const missing = ids.filter(needed)
    const define = missing.length === 0 ? [] : yield* outbox.definitions(stream, missing)
    return encodeBatch({ stream, first, define, columns, ...origin })
  })
