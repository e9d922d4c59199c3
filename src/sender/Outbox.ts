import { Context, Data, type Effect } from "effect"
import type { Loss } from "../telemetry/Loss.js"

/** The outbox could not take or give batches. */
export class OutboxError extends Data.TaggedError("OutboxError")<{
  readonly reason: "Full" | "Corrupt" | "Locked" | "Closed" | "Failed"
  readonly message: string
  readonly cause?: unknown
}> {}

/** A point that the server refused, kept for a person to look at. */
export interface DeadLetter {
  readonly stream: string
  readonly offset: number
  readonly reason: string
  /** The point as a metric in wire form, JSON; `undefined` when its batch could not be read any more. */
  readonly metric: string | undefined
}

/** A closed batch on its way in: its points as columns, and their text. */
export interface NewBatch {
  readonly count: number
  /** First and last timestamp, ms since the epoch: they date the loss if the batch is dropped. */
  readonly from: number
  readonly to: number
  /** Ids of the series it uses, each once. */
  readonly ids: ReadonlyArray<number>
  /** The columns as `encodeColumns` wrote them. Never cut again. */
  readonly columns: string
  /** Definitions of ids that no earlier batch of this outbox used, as `encodeDefinition` wrote them. */
  readonly define: ReadonlyArray<readonly [id: number, definition: string]>
}

/** A batch in the outbox. */
export interface OutboxBatch {
  readonly stream: string
  readonly first: number
  readonly count: number
  readonly ids: ReadonlyArray<number>
  readonly columns: string
}

/** Offsets that will never be sent as points and must be declared to the server. */
export interface SkippedRange {
  readonly stream: string
  readonly from: number
  readonly to: number
  readonly reason: string
  /** What the one offset of the range tells, when it never was a metric; without it its metrics are lost. */
  readonly loss?: Loss
}

/**
 * A loss that a collector wrote down, as the outbox keeps it: it takes an offset
 * of the stream, so that it is delivered exactly once, as a metric is.
 */
export interface LossRecord {
  readonly stream: string
  readonly offset: number
  readonly loss: Loss
}

/** What of a stream plain mode delivered: to a server that keeps no account of offsets. */
export interface PlainAccount {
  /** Whatever is acknowledged from this offset on, such a server took. */
  readonly from: number
  /** All before it was on its way: what of it is not acknowledged may have arrived. */
  readonly sent: number
}

/** Offsets that the server had acknowledged and does not have any more. */
export interface RolledBack extends SkippedRange {
  /** How many of them were metrics. */
  readonly metrics: number
}

/** A stream that still has something to deliver, or is the current one. */
export interface OutboxStream {
  readonly stream: string
  /** All before it is acknowledged. */
  readonly acked: number
  /** The offset that the next accepted point gets. */
  readonly next: number
}

/** What stands in the outbox. */
export interface OutboxStats {
  readonly batches: number
  readonly metrics: number
  readonly bytes: number
  readonly deadLetters: number
  /** Loss records that the server has not acknowledged. */
  readonly losses: number
}

/** What the sender does next with a stream: send this batch, declare this range, or nothing yet. */
export type OutboxEntry =
  | { readonly _tag: "Batch"; readonly batch: OutboxBatch }
  | { readonly _tag: "Skip"; readonly range: SkippedRange }

/**
 * Keeps every accepted batch until the server has acknowledged it. One opening
 * of an outbox is one `stream`; accepted points get consecutive offsets in it.
 */
export class Outbox extends Context.Tag("metrics-collector/sender/Outbox")<Outbox, {
  /** UUID of this outbox, for people. */
  readonly sender: string
  /** Random 128-bit id of this opening. */
  readonly stream: string
  /**
   * Commits batches in order, giving them offsets: all of them or none. When it
   * returns they are accepted. A full outbox waits (`block`) or drops its oldest
   * batches that are not in flight (`drop-oldest`), which it then declares by
   * `Skip`; a full disk waits. `committed` is called in the turn of the commit,
   * so that no later interruption can hide it.
   */
  readonly append: (batches: ReadonlyArray<NewBatch>, committed: () => void) => Effect.Effect<void, OutboxError>
  /**
   * Commits losses in order, giving each an offset: they are declared by `Skip`.
   * Never waits for the room that batches need, only while the disk is full;
   * `committed` as of `append`.
   */
  readonly declare: (losses: ReadonlyArray<Loss>, committed: () => void) => Effect.Effect<void, OutboxError>
  /** Waits until fewer loss records than the limit are not acknowledged. */
  readonly awaitLossRoom: Effect.Effect<void>
  /** The definitions of series ids, in their order, as `encodeDefinition` wrote them. */
  readonly definitions: (
    stream: string,
    ids: ReadonlyArray<number>
  ) => Effect.Effect<ReadonlyArray<string>, OutboxError>
  /** Streams with something to deliver, oldest first, the current one last. */
  readonly streams: Effect.Effect<ReadonlyArray<OutboxStream>, OutboxError>
  /** What begins at or covers `offset` in the stream; marks it as in flight. `undefined`: nothing yet. */
  readonly entry: (stream: string, offset: number) => Effect.Effect<OutboxEntry | undefined, OutboxError>
  /** Nothing is in flight any more: the connection was lost. */
  readonly releaseInFlight: Effect.Effect<void>
  /**
   * Takes an acknowledgement: forgets all before `next` and keeps what was
   * refused as dead letters. A rejection of an offset that was acknowledged
   * before is a repetition and is ignored.
   */
  readonly acknowledge: (
    stream: string,
    next: number,
    rejected: ReadonlyArray<readonly [offset: number, reason: string]>
  ) => Effect.Effect<{ readonly acknowledged: number; readonly rejected: number }, OutboxError>
  /**
   * The server went back: it expects `next`, less than what it acknowledged.
   * Declares the metrics that are gone from both sides; loss records are still
   * here, and are delivered again.
   */
  readonly declareRollback: (stream: string, serverNext: number) => Effect.Effect<RolledBack, OutboxError>
  /**
   * Plain mode: all before `sent` is on its way to a server that keeps no account
   * of offsets. Gives the offset before which all may have been on its way already:
   * of a stream of an earlier opening that knew no plain mode, that is all of it.
   */
  readonly notePlain: (stream: string, sent: number) => Effect.Effect<number, OutboxError>
  /** Plain mode: what was on its way from the offset `sent` on surely did not arrive. */
  readonly takeBackPlain: (stream: string, sent: number) => Effect.Effect<void, OutboxError>
  /**
   * Turns what plain mode delivered into ranges to be declared as `unverified`:
   * a server that keeps account must not seem to have lost it. Does nothing
   * where there was no plain mode.
   */
  readonly declarePlain: Effect.Effect<void, OutboxError>
  /** Waits until something was appended or declared since it returned last: whoever looks after it returned misses nothing. */
  readonly awaitAppend: Effect.Effect<void>
  readonly stats: Effect.Effect<OutboxStats>
  readonly deadLetters: Effect.Effect<ReadonlyArray<DeadLetter>, OutboxError>
}>() {}

/** How an outbox bounds itself. */
export interface OutboxLimits {
  /**
   * Most bytes of batches that are not yet acknowledged: their text and
   * {@link BATCH_OVERHEAD} for each. Into an empty outbox a commit always goes.
   */
  readonly maxBytes: number
  /** What a full outbox does with new batches: make them wait, or drop its oldest. */
  readonly overflow: "block" | "drop-oldest"
  /** Most dead letters that are kept; the oldest make room. All of them are counted in the loss ledger. */
  readonly maxDeadLetters: number
  /**
   * Loss records that may wait for the server before further losses are joined
   * in memory; as many that it acknowledged are kept, in case it goes back.
   */
  readonly maxLosses: number
}

/** Bytes that a batch is counted with beside its text. */
export const BATCH_OVERHEAD = 128
