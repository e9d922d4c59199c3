import { Effect } from "effect"
import type { Loss } from "../../telemetry/Loss.js"
import { encodeBatch } from "../../wire/BatchCodec.js"
import type { DeclaredLoss } from "../../wire/Frames.js"
import { JoinedColumns } from "../../wire/JoinedColumns.js"
import type { Outbox, OutboxError } from "../Outbox.js"
import type { OutgoingBatch, Positions } from "./Positions.js"

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

// No more than their bytes in UTF-8, and as many where no tag is beyond ASCII.
const lengthOf = (texts: ReadonlyArray<string>): number => {
  let length = 0
  for (const text of texts) length += text.length
  return length
}

/** What goes out as one frame: a declaration, a batch, or several batches that follow one another. */
export interface OutgoingFrame {
  readonly stream: string
  /** Its first offset, and the one after its last. */
  readonly first: number
  readonly end: number
  readonly text: string
  /** Ids that it defines. */
  readonly defined: ReadonlyArray<number>
  /** How many batches it holds. */
  readonly batches: number
}

/** What {@link nextFrame} writes from, and for whom. */
export interface FrameSource {
  readonly outbox: typeof Outbox.Service
  readonly positions: Positions
  /** Whether a definition must go along. */
  readonly isNeeded: (id: number, stream: string) => boolean
  /** Bytes past which no further batch is joined. */
  readonly most: number
  /** Given over HTTP, where no `hello` came before. */
  readonly origin?: (stream: string) => RequestOrigin
}

/**
 * Writes what goes out next as a frame, with the definitions that it needs;
 * `undefined` when all is under way. Batches that wait are joined, as long as
 * their points carry no fields.
 */
export const nextFrame = (source: FrameSource): Effect.Effect<OutgoingFrame | undefined, OutboxError> =>
  Effect.gen(function*() {
    const { isNeeded, most, outbox, positions } = source
    const first = yield* positions.next
    if (first === undefined) return undefined
    const { stream } = first
    const origin = source.origin?.(stream)
    const { end, entry } = first
    if (entry._tag === "Skip") {
      const { from, loss, reason, to } = entry.range
      const text = JSON.stringify({ type: "skip", stream, from, to, reason, ...declared(loss), ...origin })
      return { stream, first: from, end, text, defined: [], batches: 0 }
    }
    const columns = new JoinedColumns(entry.batch.columns)
    const defined = new Set<number>()
    const define: Array<string> = []
    const missingOf = (ids: ReadonlyArray<number>) => ids.filter((id) => isNeeded(id, stream) && !defined.has(id))
    const note = (missing: ReadonlyArray<number>, definitions: ReadonlyArray<string>): void => {
      for (const id of missing) defined.add(id)
      for (const definition of definitions) define.push(definition)
    }
    const missing = missingOf(entry.batch.ids)
    const definitions = missing.length === 0 ? [] : yield* outbox.definitions(stream, missing)
    note(missing, definitions)
    let last: OutgoingBatch = { stream, entry, end }
    let batches = 1
    let bytes = entry.batch.columns.length + lengthOf(definitions)
    while (bytes < most) {
      const more = yield* positions.following(last)
      if (more === undefined) break
      const missing = missingOf(more.entry.batch.ids)
      const definitions = missing.length === 0 ? [] : yield* outbox.definitions(stream, missing)
      bytes += more.entry.batch.columns.length + lengthOf(definitions)
      if (bytes > most || !columns.add(more.entry.batch.columns)) {
        positions.giveBack(stream, last.end, more.end)
        break
      }
      note(missing, definitions)
      last = more
      batches++
    }
    const text = encodeBatch({ stream, first: entry.batch.first, define, columns: columns.text, ...origin })
    return { stream, first: entry.batch.first, end: last.end, text, defined: Array.from(defined), batches }
  })
