import type { DeadLetter, LossRecord, OutboxBatch, PlainAccount, SkippedRange } from "../Outbox.js"

/** A batch as it is kept. */
export interface StoredBatch extends OutboxBatch {
  /** What it counts against the limit. */
  readonly bytes: number
  /** First and last timestamp, ms since the epoch. */
  readonly from: number
  readonly to: number
}

/** A batch without what it holds. */
export type StoredBatchHead = Pick<StoredBatch, "first" | "count" | "bytes" | "from" | "to">

/** What an outbox knows of a stream; all of it fits in memory, whatever the stream holds. */
export interface StoredStream {
  readonly stream: string
  /** All before it is acknowledged. */
  readonly acked: number
  /** The offset that the next accepted point gets. */
  readonly next: number
  /** How many batches stand there, and what they count. */
  readonly batches: number
  readonly bytes: number
  /** What plain mode delivered of it, where it did. */
  readonly plain?: PlainAccount | undefined
}

/** What a commit changes. */
export interface OutboxChange {
  readonly streams?: ReadonlyArray<StoredStream>
  /** New batches, at the end of their stream. */
  readonly batches?: ReadonlyArray<StoredBatch>
  /** New definitions of the current stream. */
  readonly define?: ReadonlyArray<readonly [id: number, definition: string]>
  /** Batches that begin at `from` ≤ first < `to` go. */
  readonly remove?: ReadonlyArray<{ readonly stream: string; readonly from: number; readonly to: number }>
  /** All ranges of these streams, in place of those before. */
  readonly ranges?: ReadonlyArray<{ readonly stream: string; readonly ranges: ReadonlyArray<SkippedRange> }>
  /** What plain mode delivered of these streams, in place of what was noted before. */
  readonly plain?: ReadonlyArray<Pick<StoredStream, "stream" | "plain">>
  /** Streams that go, with everything they have. */
  readonly ended?: ReadonlyArray<string>
  readonly deadLetters?: ReadonlyArray<DeadLetter>
  /** New loss records, at the end of their stream. */
  readonly losses?: ReadonlyArray<LossRecord>
  /** Loss records that go. */
  readonly forgotten?: ReadonlyArray<LossRecord>
  /** Whether it must survive a loss of power; without it the change may be undone, and is then made again. */
  readonly durable: boolean
}

/** What stands at an offset. */
export interface FoundBatch {
  readonly first: number
  readonly bytes: number
  /** `undefined`: it could not be read, or is not what was written. */
  readonly batch: OutboxBatch | undefined
}

/**
 * Keeps what an outbox holds; the rules of an outbox are in `StoredOutbox`. Every
 * member is done when it returns, in one turn of the event loop, and throws
 * what the medium throws, having changed nothing.
 */
export interface OutboxStorage {
  /** `upTo`: what was gathered or lost before is written down when this is; ms since the epoch. */
  readonly commit: (change: OutboxChange, upTo: number) => void
  /**
   * How many bytes of batches must go before batches of `needed` bytes find room on the medium, while `live` bytes stand
   * there; 0 where there is room.
   */
  readonly shortage: (live: number, needed: number) => number
  /** The last batch that begins at or before an offset, and does not end before it. */
  readonly batchAt: (stream: string, offset: number) => FoundBatch | undefined
  /** Where the first batch after an offset begins. */
  readonly firstAfter: (stream: string, offset: number) => number | undefined
  /** The first batches that begin at or after an offset, in order. */
  readonly heads: (stream: string, from: number, limit: number) => ReadonlyArray<StoredBatchHead>
  /** How many batches end at or before an offset, and what they count; all of them begin before `to`. */
  readonly tally: (
    stream: string,
    upTo: number
  ) => { readonly batches: number; readonly bytes: number; readonly to: number }
  /** Definitions of the ids, in their order; an id that is not known is left out. */
  readonly definitions: (stream: string, ids: ReadonlyArray<number>) => ReadonlyArray<string>
  readonly deadLetters: () => ReadonlyArray<DeadLetter>
}
