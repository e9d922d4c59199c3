import type { Rejection, StreamBatch } from "./MetricStore.js"

/** The part of a batch that a stream does not hold yet, and where the stream stands after it. */
export interface Admitted {
  /** Indexes `from` ≤ i < `points.length` of the batch's points are new. */
  readonly from: number
  readonly rejected: ReadonlyArray<Rejection>
  readonly next: number
}

/**
 * Decides what of a batch is new to a stream that expects `next`, or
 * `undefined` when the batch begins past it and nothing may be taken: taking
 * it would leave a hole that no later batch fills.
 */
export const admit = (batch: StreamBatch, next: number): Admitted | undefined => {
  if (batch.first > next) return undefined
  const end = batch.first + batch.count
  if (end <= next) return { from: batch.offset.length, rejected: [], next }
  if (batch.first === next) return { from: 0, rejected: batch.rejected, next: end }
  const from = batch.offset.findIndex((offset) => offset >= next)
  return {
    from: from === -1 ? batch.offset.length : from,
    rejected: batch.rejected.filter(([offset]) => offset >= next),
    next: end
  }
}
