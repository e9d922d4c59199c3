import type { Rejection, StreamBatch, StreamWriter } from "./MetricStore.js"

/** What a store keeps of a stream, beside its rejections. */
export interface StreamState {
  readonly stream: string
  readonly sender: string
  readonly owner: string
  readonly next: number
  readonly rejected: number
  /** Ms since the epoch. */
  readonly firstSeen: number
  readonly lastSeen: number
}

/** A stream that was never seen expects offset 0. */
export const newStream = (writer: StreamWriter, now: number): StreamState => ({
  stream: writer.stream,
  sender: writer.sender,
  owner: writer.owner,
  next: 0,
  rejected: 0,
  firstSeen: now,
  lastSeen: now
})

/** What is new in a batch, or that it begins too late. */
export type Admission =
  | { readonly _tag: "Gap" }
  | {
    readonly _tag: "Admitted"
    /** Index of the first point that is new; `points.time.length` when none is. */
    readonly firstPoint: number
    readonly rejected: ReadonlyArray<Rejection>
    readonly next: number
  }

/** Takes of a batch what lies at or after `next`; the rest was taken before. */
export const admit = (batch: StreamBatch, next: number): Admission => {
  if (batch.first > next) return { _tag: "Gap" }
  const end = batch.first + batch.count
  if (end <= next) return { _tag: "Admitted", firstPoint: batch.offset.length, rejected: [], next }
  let firstPoint = 0
  while (firstPoint < batch.offset.length && batch.offset[firstPoint] < next) firstPoint++
  return { _tag: "Admitted", firstPoint, rejected: batch.rejected.filter(([offset]) => offset >= next), next: end }
}

/** The losses that rejections are: one for each reason, so that a broken sender does not flood the list. */
export const lossesOf = (
  rejected: ReadonlyArray<Rejection>
): ReadonlyArray<
  { readonly from: number; readonly to: number; readonly count: number; readonly reason: string }
> => {
  const byReason = new Map<string, { from: number; to: number; count: number }>()
  for (const [offset, reason] of rejected) {
    const own = byReason.get(reason)
    if (own === undefined) byReason.set(reason, { from: offset, to: offset + 1, count: 1 })
    else {
      own.from = Math.min(own.from, offset)
      own.to = Math.max(own.to, offset + 1)
      own.count++
    }
  }
  return Array.from(byReason, ([reason, loss]) => ({ ...loss, reason: `rejected: ${reason}` }))
}
