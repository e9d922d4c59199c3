import { Effect } from "effect"
import { encodeBatch } from "../wire/BatchCodec.js"
import type { Outbox, OutboxError } from "./Outbox.js"
import type { Outgoing } from "./Positions.js"

/** Over HTTP every request stands alone: it names its sender and what is acknowledged. */
export interface RequestOrigin {
  readonly sender: string
  readonly acked: number
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
      const { from, reason, to } = entry.range
      return JSON.stringify({ type: "skip", stream, from, to, reason, ...origin })
    }
    const define: Array<string> = []
    for (const id of entry.batch.ids) if (needed(id)) define.push(yield* outbox.definition(stream, id))
    const { columns, first } = entry.batch
    return encodeBatch({ stream, first, define, columns, ...origin })
  })
