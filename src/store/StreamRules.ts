import type { CollectorLoss, Rejection, StoredLoss, StreamBatch, StreamWriter } from "./MetricStore.js"
import { BEYOND_RETENTION } from "./retention/RetentionAges.js"

/** What a store keeps of a stream, beside its rejections. */
export interface StreamState {
  readonly stream: string
  readonly sender: string
  readonly owner: string
  readonly next: number
  readonly rejected: number
  /** Offsets that were metrics and are declared lost. */
  readonly lost: number
  /** Offsets that told of a loss and never were a metric. */
  readonly declarations: number
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
  lost: 0,
  declarations: 0,
  firstSeen: now,
  lastSeen: now
})

/** The first of the streams that belongs to another owner who is known still. */
export const firstOwned = (
  writers: ReadonlyArray<StreamWriter>,
  stateOf: (stream: string) => StreamState | undefined,
  isCurrentOwner: (owner: string) => boolean
): string | undefined =>
  writers.find(({ owner, stream }) => {
    const state = stateOf(stream)
    return state !== undefined && state.owner !== owner && isCurrentOwner(state.owner)
  })?.stream

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

/** What a skip changes, or that it begins too late. */
export type SkipAdmission =
  | { readonly _tag: "Gap" }
  | {
    readonly _tag: "Admitted"
    readonly state: StreamState
    /** The loss that it declares; `undefined` when it was taken before. */
    readonly loss: StoredLoss | undefined
  }

/** Takes of a skip what lies at or after `next`; a collector's loss is taken whole or, when it was there, not at all. */
export const admitSkip = (
  state: StreamState,
  from: number,
  to: number,
  reason: string,
  told: CollectorLoss | undefined,
  now: number
): SkipAdmission => {
  const { declarations, lost, next } = state
  if (from > next) return { _tag: "Gap" }
  if (to <= next) return { _tag: "Admitted", state: { ...state, lastSeen: now }, loss: undefined }
  const offsets = to - next
  return {
    _tag: "Admitted",
    state: {
      ...state,
      next: to,
      lastSeen: now,
      ...(told === undefined ? { lost: lost + offsets } : { declarations: declarations + offsets })
    },
    loss: {
      ...lossOfMetrics(state, { from: next, to, count: offsets }, reason, now),
      ...(told === undefined
        ? undefined
        : { count: told.count, generator: told.generator, timeFrom: told.from, timeTo: told.to })
    }
  }
}

/** A loss of offsets that were metrics. */
const lossOfMetrics = (
  { sender, stream }: Pick<StreamWriter, "sender" | "stream">,
  { count, from, to }: { readonly from: number; readonly to: number; readonly count: number },
  reason: string,
  at: number
): StoredLoss => ({
  stream,
  sender,
  fromOffset: from,
  toOffset: to,
  count,
  reason,
  at,
  generator: null,
  timeFrom: null,
  timeTo: null
})

/** The loss that points are which came when their time was over: of the new points of a batch those at `late`. */
export const lateLosses = (
  batch: StreamBatch,
  { firstPoint }: { readonly firstPoint: number },
  late: ReadonlyArray<number>,
  at: number
): ReadonlyArray<StoredLoss> => {
  if (late.length === 0) return []
  const from = batch.offset[firstPoint + late[0]]
  const to = batch.offset[firstPoint + late[late.length - 1]] + 1
  return [lossOfMetrics(batch, { from, to, count: late.length }, BEYOND_RETENTION, at)]
}

/** The losses that rejections are: one for each reason, so that a broken sender does not flood the list. */
export const lossesOf = (
  writer: StreamWriter,
  rejected: ReadonlyArray<Rejection>,
  at: number
): ReadonlyArray<StoredLoss> => {
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
  return Array.from(byReason, ([reason, loss]) => lossOfMetrics(writer, loss, `rejected: ${reason}`, at))
}
