import { Clock, Effect } from "effect"
import type { Loss } from "../../telemetry/Loss.js"
import { LossLedger } from "../../telemetry/LossLedger.js"
import { PipelineStatus } from "../../telemetry/PipelineStatus.js"
import {
  BATCH_OVERHEAD,
  type DeadLetter,
  type LossRecord,
  type NewBatch,
  type Outbox,
  type OutboxEntry,
  OutboxError,
  type OutboxLimits,
  type PlainAccount,
  type SkippedRange
} from "../Outbox.js"
import { readDeadPoints } from "./DeadPoints.js"
import { LossRecords } from "./LossRecords.js"
import type { OutboxChange, OutboxStorage, StoredBatch, StoredBatchHead, StoredStream } from "./OutboxStorage.js"
import { addRange, coveredOffsets, rangeAt, rangesFrom } from "./SkippedRanges.js"

/** What an opening found in its storage. */
export interface OutboxOpening {
  readonly sender: string
  /** The new stream of this opening; it is not among `streams`. */
  readonly stream: string
  /** Streams of earlier openings that still have something to deliver, oldest first. */
  readonly streams: ReadonlyArray<StoredStream & { readonly ranges: ReadonlyArray<SkippedRange> }>
  /** Loss records of all streams in the order of their commits; those of the new stream stand at its first offsets. */
  readonly losses: ReadonlyArray<LossRecord>
  readonly deadLetters: number
}

interface StreamState {
  readonly stream: string
  acked: number
  next: number
  batches: number
  bytes: number
  ranges: ReadonlyArray<SkippedRange>
  /** All before it may be on its way: it is never dropped. */
  inFlight: number
  /** All before it was on its way once: the server may have it, so it is dropped last. */
  given: number
  plain: PlainAccount | undefined
}

interface Dropped {
  readonly count: number
  readonly from: number
  readonly to: number
  readonly batches: number
  readonly detail: string
}

// How often a full disk is tried again.
const diskRetry = "1 second"

const headsAtOnce = 256

/** What a batch counts against the limit. */
export const bytesOf = ({ columns, ids }: NewBatch): number =>
  Buffer.byteLength(columns) + String(ids).length + BATCH_OVERHEAD

// No less, without a look at every character.
const mostBytesOf = ({ columns, ids }: NewBatch): number => 3 * columns.length + 17 * ids.length + BATCH_OVERHEAD

// What a frame may hold.
const longestSource = 255
const longestDetail = 1_000

const wholeOr = (value: number, otherwise: number): number =>
  Number.isSafeInteger(Math.floor(value)) ? Math.floor(value) : otherwise

/** A loss record as it is kept and sent: its names are short, its times and its count whole. */
export const lossRecord = (stream: string, offset: number, loss: Loss): LossRecord => ({
  stream,
  offset,
  loss: {
    ...loss,
    source: loss.source.slice(0, longestSource),
    count: loss.count === "unknown" || !(loss.count >= 0) ? "unknown" : wholeOr(loss.count, Number.MAX_SAFE_INTEGER),
    from: wholeOr(loss.from, 0),
    to: wholeOr(loss.to, 0),
    ...(loss.detail === undefined ? undefined : { detail: loss.detail.slice(0, longestDetail) })
  }
})

const storedStream = ({ acked, batches, bytes, next, stream }: StreamState): StoredStream => ({
  stream,
  acked,
  next,
  batches,
  bytes
})

/**
 * The rules of an outbox over a storage. What it knows of its streams is in
 * memory and small; batches are only in the storage. A full disk makes
 * whoever writes wait until there is room.
 */
export const makeStoredOutbox = (
  storage: OutboxStorage,
  opening: OutboxOpening,
  limits: OutboxLimits,
  errorOf: (cause: unknown) => OutboxError
): Effect.Effect<typeof Outbox.Service, never, LossLedger | PipelineStatus> =>
  Effect.gen(function*() {
    const ledger = yield* LossLedger
    const { sender: status } = yield* PipelineStatus
    status.capacityBytes = limits.maxBytes
    const appending = yield* Effect.makeSemaphore(1)
    const appended = Effect.unsafeMakeLatch(false)
    const room = Effect.unsafeMakeLatch(false)
    const lossRoom = Effect.unsafeMakeLatch(false)
    const records = new LossRecords(opening.losses)
    let deadLetters = opening.deadLetters
    let isDiskFull = false
    /** What is left of the disk is kept for acknowledgements. */
    let isDiskShort = false

    const stateOf = (stream: StoredStream, ranges: ReadonlyArray<SkippedRange>): StreamState => ({
      ...stream,
      plain: stream.plain,
      ranges,
      inFlight: 0,
      given: 0
    })
    const streams = new Map<string, StreamState>()
    for (const { ranges, ...stream } of opening.streams) streams.set(stream.stream, stateOf(stream, ranges))
    const declared = records.count(opening.stream, 0, Infinity)
    const current = stateOf({ stream: opening.stream, acked: 0, next: declared, batches: 0, bytes: 0 }, [])
    streams.set(current.stream, current)

    // Kept as it changes: an append and an acknowledgement each ask for it, and of streams there may be thousands.
    const held = { batches: 0, metrics: 0, bytes: 0, losses: 0 }

    /** Offsets that are no metrics to deliver: declared as skipped, or loss records. */
    const withoutMetrics = ({ ranges, stream }: StreamState, from: number, to: number): number =>
      coveredOffsets(ranges, from, to) + records.count(stream, from, to)

    const addRanges = (
      ranges: ReadonlyArray<SkippedRange>,
      added: SkippedRange
    ): ReadonlyArray<SkippedRange> => records.leaveOut(added).reduce(addRange, ranges)

    /** Adds what a stream holds to `held`, or takes it away. */
    const hold = (state: StreamState, sign: 1 | -1): void => {
      const { acked, batches, bytes, next, ranges, stream } = state
      const losses = records.count(stream, acked, next)
      held.batches += sign * batches
      held.bytes += sign * bytes
      held.losses += sign * losses
      held.metrics += sign * (next - acked - losses - coveredOffsets(ranges, acked, next))
    }
    for (const state of streams.values()) hold(state, 1)

    const problemOf = (cause: unknown): OutboxError => cause instanceof OutboxError ? cause : errorOf(cause)

    const inTurn = <A>(work: () => A): Effect.Effect<A, OutboxError> => Effect.try({ try: work, catch: problemOf })

    const whileDiskIsFull = <A>(commit: Effect.Effect<A, OutboxError>): Effect.Effect<A, OutboxError> =>
      Effect.matchEffect(commit, {
        onFailure: (error) => {
          if (error.reason !== "Full") return Effect.fail(error)
          const told = isDiskFull
            ? Effect.void
            : Effect.logError(`${error.message}; metrics wait until there is room`)
          isDiskFull = true
          const wait = Effect.interruptible(Effect.sleep(diskRetry))
          return told.pipe(Effect.zipRight(wait), Effect.zipRight(whileDiskIsFull(commit)))
        },
        onSuccess: (done) => {
          if (!isDiskFull) return Effect.succeed(done)
          isDiskFull = false
          return Effect.as(Effect.logInfo("the outbox can be written again"), done)
        }
      })

    /** Batches that may go, oldest first, until `wanted` bytes are free; `undefined` when there are not enough. */
    const victims = (
      wanted: number,
      firstOf: (state: StreamState) => number
    ): ReadonlyMap<StreamState, ReadonlyArray<StoredBatchHead>> | undefined => {
      const chosen = new Map<StreamState, Array<StoredBatchHead>>()
      let freed = 0
      for (const state of streams.values()) {
        if (state.batches === 0) continue
        const own: Array<StoredBatchHead> = []
        let from = firstOf(state)
        while (freed < wanted) {
          const heads = storage.heads(state.stream, from, headsAtOnce)
          for (const head of heads) {
            if (freed >= wanted) break
            freed += head.bytes
            own.push(head)
          }
          if (heads.length < headsAtOnce) break
          from = heads[heads.length - 1].first + 1
        }
        if (own.length > 0) chosen.set(state, own)
        if (freed >= wanted) return chosen
      }
      return undefined
    }

    const dropOldest = (wanted: number) =>
      victims(wanted, ({ given, inFlight }) => Math.max(given, inFlight)) ??
        victims(wanted, ({ inFlight }) => inFlight)

    /** What was dropped to make room, or `undefined` when the batches must wait. */
    const place = (
      batches: ReadonlyArray<NewBatch>,
      upTo: number,
      committed: () => void,
      mayDrop: boolean
    ): ReadonlyArray<Dropped> | undefined => {
      const sizes = batches.map(bytesOf)
      let needed = 0
      for (const bytes of sizes) needed += bytes
      const live = held.bytes
      const shortage = storage.shortage(live, needed)
      isDiskShort = shortage > 0
      const missing = Math.max(shortage, live + needed - limits.maxBytes)
      const isFull = missing > 0 && live > 0
      if (isFull && !mayDrop) return undefined
      const dropped = isFull ? dropOldest(Math.min(missing, live)) : undefined
      if (isFull && dropped === undefined) return undefined

      const after = new Map<string, StreamState>([[current.stream, { ...current }]])
      const remove: Array<{ readonly stream: string; readonly from: number; readonly to: number }> = []
      const losses: Array<Dropped> = []
      for (const [state, heads] of dropped ?? []) {
        const own = after.get(state.stream) ?? { ...state }
        after.set(state.stream, own)
        const from = heads[0].first
        const { count, first } = heads[heads.length - 1]
        const to = first + count
        const range = { stream: state.stream, from: Math.max(from, state.acked), to, reason: "drop-oldest" }
        remove.push({ stream: state.stream, from, to })
        own.ranges = addRanges(own.ranges, range)
        own.batches -= heads.length
        let start = Infinity
        let end = -Infinity
        for (const head of heads) {
          own.bytes -= head.bytes
          start = Math.min(start, head.from)
          end = Math.max(end, head.to)
        }
        losses.push({
          count: to - range.from - withoutMetrics(state, range.from, to),
          from: start,
          to: end,
          batches: heads.length,
          detail: `offsets ${range.from} to ${to} of stream ${state.stream}`
        })
      }

      const changed = after.get(current.stream) ?? current
      const define: Array<readonly [number, string]> = []
      const stored: Array<StoredBatch> = []
      for (let i = 0; i < batches.length; i++) {
        const { columns, count, define: own, from, ids, to } = batches[i]
        const bytes = sizes[i]
        stored.push({ stream: current.stream, first: changed.next, count, ids, columns, from, to, bytes })
        for (const definition of own) define.push(definition)
        changed.next += count
        changed.batches++
        changed.bytes += bytes
      }
      const ranges = remove.map(({ stream }) => ({ stream, ranges: after.get(stream)?.ranges ?? [] }))
      commit({ batches: stored, define, remove, ranges, durable: true }, upTo, after.values())
      committed()
      return losses
    }

    const commit = (
      change: Omit<OutboxChange, "streams">,
      upTo: number,
      after: Iterable<StreamState>
    ): void => {
      const states = Array.from(after)
      storage.commit({ ...change, streams: states.map(storedStream) }, upTo)
      const touched = [...states.map(({ stream }) => stream), ...change.ended ?? []]
        .flatMap((stream) => streams.get(stream) ?? [])
      for (const state of touched) hold(state, -1)
      records.remove(change.forgotten ?? [])
      records.add(change.losses ?? [])
      for (const state of states) Object.assign(streams.get(state.stream) ?? {}, state)
      for (const stream of change.ended ?? []) streams.delete(stream)
      for (const state of touched) if (streams.has(state.stream)) hold(state, 1)
    }

    const recordDropped = ({ count, detail, from, to }: Dropped): Effect.Effect<void> =>
      Effect.suspend(() => {
        status.dropped += count
        return ledger.recordDeclared({ source: "outbox", reason: "outbox-overflow", count, from, to, detail })
      })

    /** Appends that wait for room, for the disk, or for those before them. */
    let waitingAppends = 0

    /** Others may make room on a disk, and nobody says when. */
    const awaitRoom = Effect.suspend(() =>
      isDiskShort ? Effect.raceFirst(room.await, Effect.sleep(diskRetry)) : room.await
    )

    /** What stood in the outbox when the log was told; less than half of it, and it is told anew. */
    let toldShortAt = Infinity
    const tellShortness = Effect.suspend(() => {
      const { bytes } = held
      if (bytes < toldShortAt / 2) toldShortAt = Infinity
      if (!isDiskShort || toldShortAt < Infinity) return Effect.void
      toldShortAt = bytes
      return Effect.logError(
        "the disk of the outbox is nearly full, and what is left of it is kept for acknowledgements; " +
          (limits.overflow === "block" ? "metrics wait until there is room" : "the oldest metrics make room")
      )
    })

    const appendWaiting = (
      batches: ReadonlyArray<NewBatch>,
      committed: () => void
    ): Effect.Effect<void, OutboxError> => {
      const attempt = Effect.uninterruptible(Effect.gen(function*() {
        const upTo = Math.min(yield* Clock.currentTimeMillis, yield* ledger.pendingSince)
        room.unsafeClose()
        const dropped = yield* inTurn(() => place(batches, upTo, committed, limits.overflow === "drop-oldest"))
        yield* tellShortness
        if (dropped === undefined) return false
        appended.unsafeOpen()
        yield* Effect.forEach(dropped, recordDropped, { discard: true })
        return true
      }))
      const untilPlaced: Effect.Effect<void, OutboxError> = Effect.flatMap(
        whileDiskIsFull(attempt),
        (done) => done ? Effect.void : Effect.zipRight(awaitRoom, untilPlaced)
      )
      return Effect.acquireUseRelease(
        Effect.sync(() => waitingAppends++),
        () => appending.withPermits(1)(untilPlaced),
        () => Effect.sync(() => waitingAppends--)
      )
    }

    /** Whether nothing stands in the way of batches: one turn does it, a fifth cheaper than what may wait. */
    const isClear = (batches: ReadonlyArray<NewBatch>): boolean => {
      if (waitingAppends > 0 || isDiskFull || isDiskShort) return false
      let most = held.bytes
      for (const batch of batches) most += mostBytesOf(batch)
      return most <= limits.maxBytes
    }

    const append = (batches: ReadonlyArray<NewBatch>, committed: () => void): Effect.Effect<void, OutboxError> =>
      Effect.flatMap(ledger.pendingSince, (since) =>
        Effect.clockWith((clock) => {
          if (!isClear(batches)) return appendWaiting(batches, committed)
          try {
            // What is dropped has to be written down, which an interruption must not prevent.
            const isPlaced = place(batches, Math.min(clock.unsafeCurrentTimeMillis(), since), committed, false)
            if (isPlaced === undefined) return appendWaiting(batches, committed)
          } catch (cause) {
            const error = problemOf(cause)
            // A full disk has taken nothing.
            return error.reason === "Full" ? appendWaiting(batches, committed) : Effect.fail(error)
          }
          appended.unsafeOpen()
          return Effect.void
        }))

    const isAcknowledged = ({ offset, stream }: LossRecord): boolean =>
      offset < (streams.get(stream)?.acked ?? Infinity)

    const placeLosses = (losses: ReadonlyArray<Loss>, now: number, committed: () => void): void => {
      const added = losses.map((loss, i) => lossRecord(current.stream, current.next + i, loss))
      const forgotten = records.older(isAcknowledged, limits.maxLosses)
      const after = { ...current, next: current.next + losses.length }
      commit({ losses: added, forgotten, durable: true }, now, [after])
      committed()
      appended.unsafeOpen()
    }

    const awaitLossRoom: Effect.Effect<void> = Effect.suspend(() => {
      if (held.losses < limits.maxLosses) return Effect.void
      lossRoom.unsafeClose()
      return Effect.zipRight(lossRoom.await, awaitLossRoom)
    })

    /** Declares what cannot be read at an offset, so that delivery goes on behind it. */
    const declareDamage = (state: StreamState, offset: number, now: number): SkippedRange => {
      const found = storage.batchAt(state.stream, offset)
      const nextRange = state.ranges.find(({ from }) => from > offset)?.from ?? Infinity
      const nextLoss = records.firstAfter(state.stream, offset) ?? Infinity
      const to = Math.min(storage.firstAfter(state.stream, offset) ?? Infinity, nextRange, nextLoss, state.next)
      const range = { stream: state.stream, from: offset, to, reason: "outbox-damaged" }
      const after = { ...state, ranges: addRange(state.ranges, range) }
      if (found !== undefined) {
        after.batches = Math.max(0, after.batches - 1)
        after.bytes = Math.max(0, after.bytes - found.bytes)
      }
      commit(
        {
          remove: found === undefined ? [] : [{ stream: state.stream, from: found.first, to: found.first + 1 }],
          ranges: [{ stream: state.stream, ranges: after.ranges }],
          durable: true
        },
        now,
        [after]
      )
      return range
    }

    /** Declares what is damaged at an offset, and writes it down as lost. */
    const skipDamage = (state: StreamState, offset: number): Effect.Effect<OutboxEntry, OutboxError> =>
      Effect.uninterruptible(Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        const range = yield* whileDiskIsFull(inTurn(() => declareDamage(state, offset, now)))
        const detail = `offsets ${range.from} to ${range.to} of stream ${state.stream}`
        yield* ledger.recordDeclared({
          source: "outbox",
          reason: "outbox-damaged",
          count: range.to - range.from,
          detail
        })
        yield* Effect.logError(
          `${range.to - range.from} metrics of the outbox are damaged and cannot be delivered (${detail}); ` +
            "all others are"
        )
        return { _tag: "Skip", range }
      }))

    const nothingYet = Effect.succeed(undefined)

    // Asked for every frame: what is there comes in one step.
    const entry: typeof Outbox.Service["entry"] = (stream, offset) =>
      Effect.suspend((): Effect.Effect<OutboxEntry | undefined, OutboxError> => {
        const state = streams.get(stream)
        if (state === undefined || offset >= state.next) return nothingYet
        const record = records.at(stream, offset)
        if (record !== undefined) {
          const { loss } = record
          return Effect.succeed({
            _tag: "Skip",
            range: { stream, from: offset, to: offset + 1, reason: loss.reason, loss }
          })
        }
        const skipped = rangeAt(state.ranges, offset)
        if (skipped !== undefined) return Effect.succeed({ _tag: "Skip", range: skipped })
        try {
          const batch = storage.batchAt(stream, offset)?.batch
          if (batch === undefined) return skipDamage(state, offset)
          const end = batch.first + batch.count
          state.inFlight = Math.max(state.inFlight, end)
          state.given = Math.max(state.given, end)
          return Effect.succeed({ _tag: "Batch", batch })
        } catch (cause) {
          return Effect.fail(problemOf(cause))
        }
      })

    const readDeadLetters = (
      { stream }: StreamState,
      rejected: ReadonlyArray<readonly [offset: number, reason: string]>
    ): ReadonlyArray<DeadLetter> => {
      const offsets = new Set(rejected.map(([offset]) => offset))
      const metrics = new Map<number, string>()
      let readTo = -1
      for (const offset of offsets) {
        if (offset < readTo) continue
        const batch = storage.batchAt(stream, offset)?.batch
        if (batch === undefined) continue
        readTo = batch.first + batch.count
        for (const [at, metric] of readDeadPoints(batch, storage.definitions(stream, batch.ids), offsets)) {
          metrics.set(at, metric)
        }
      }
      return rejected.map(([offset, reason]) => ({ stream, offset, reason, metric: metrics.get(offset) }))
    }

    const takeAcknowledgement = (
      state: StreamState,
      next: number,
      rejected: ReadonlyArray<readonly [offset: number, reason: string]>,
      now: number
    ): { readonly acknowledged: number; readonly rejected: number } => {
      const upTo = Math.max(state.acked, Math.min(next, state.next))
      const fresh = new Map(rejected.filter(([offset]) => offset >= state.acked && offset < upTo))
      if (upTo === state.acked) return { acknowledged: 0, rejected: 0 }
      const letters = readDeadLetters(state, Array.from(fresh).sort((a, b) => a[0] - b[0]))
      const gone = storage.tally(state.stream, upTo)
      const acknowledged = upTo - state.acked - withoutMetrics(state, state.acked, upTo)
      const after = {
        ...state,
        acked: upTo,
        batches: Math.max(0, state.batches - gone.batches),
        bytes: Math.max(0, state.bytes - gone.bytes),
        ranges: rangesFrom(state.ranges, upTo)
      }
      const isOver = upTo === state.next && state !== current
      commit(
        {
          remove: isOver ? [] : [{ stream: state.stream, from: 0, to: gone.to }],
          ranges: isOver || state.ranges.length === 0 ? [] : [{ stream: state.stream, ranges: after.ranges }],
          ended: isOver ? [state.stream] : [],
          deadLetters: letters,
          durable: letters.length > 0
        },
        now,
        isOver ? [] : [after]
      )
      deadLetters = Math.min(limits.maxDeadLetters, deadLetters + letters.length)
      return { acknowledged, rejected: fresh.size }
    }

    const setPlain = (state: StreamState, plain: PlainAccount): Effect.Effect<void, OutboxError> =>
      Effect.flatMap(
        Clock.currentTimeMillis,
        (now) =>
          whileDiskIsFull(
            inTurn(() =>
              commit({ plain: [{ stream: state.stream, plain }], durable: false }, now, [{ ...state, plain }])
            )
          )
      )

    /** Ends plain mode; gives how many metrics were on their way and may have arrived. */
    const placePlain = (now: number): number => {
      const after: Array<StreamState> = []
      let doubtful = 0
      for (const state of streams.values()) {
        const { acked, plain, stream } = state
        if (plain === undefined) continue
        if (plain.sent > acked) doubtful += plain.sent - acked - withoutMetrics(state, acked, plain.sent)
        const from = Math.min(plain.from, acked)
        const ranges = from < acked
          ? addRanges(state.ranges, { stream, from, to: acked, reason: "unverified" })
          : state.ranges
        after.push({ ...state, acked: from, ranges, plain: undefined })
      }
      if (after.length > 0) commit({ ranges: after, plain: after, durable: true }, now, after)
      return doubtful
    }

    return {
      sender: opening.sender,
      stream: opening.stream,
      append,
      declare: (losses, committed) =>
        Effect.flatMap(
          Clock.currentTimeMillis,
          (now) => whileDiskIsFull(inTurn(() => placeLosses(losses, now, committed)))
        ),
      awaitLossRoom,
      definitions: (stream, ids) =>
        inTurn(() => {
          const found = storage.definitions(stream, ids)
          if (found.length === ids.length) return found
          // Without its definition a series cannot be sent: the server refuses
          // the points of an empty one, and they become dead letters.
          const known = new Map(ids.map((id) => [id, storage.definitions(stream, [id]).at(0)]))
          return Array.from(known, ([id, definition]) => definition ?? JSON.stringify({ id }))
        }),
      streams: Effect.sync(() =>
        Array.from(streams.values()).filter((state) => state === current || state.acked < state.next)
          .map(({ acked, next, stream }) => ({ stream, acked, next }))
      ),
      entry,
      releaseInFlight: Effect.sync(() => {
        for (const state of streams.values()) state.inFlight = 0
        room.unsafeOpen()
      }),
      acknowledge: (stream, next, rejected) =>
        Effect.gen(function*() {
          const state = streams.get(stream)
          if (state === undefined) return { acknowledged: 0, rejected: 0 }
          const now = yield* Clock.currentTimeMillis
          const taken = yield* whileDiskIsFull(inTurn(() => takeAcknowledgement(state, next, rejected, now)))
          room.unsafeOpen()
          lossRoom.unsafeOpen()
          return taken
        }),
      declareRollback: (stream, serverNext) =>
        Effect.gen(function*() {
          const now = yield* Clock.currentTimeMillis
          return yield* whileDiskIsFull(inTurn(() => {
            const state = streams.get(stream)
            if (state === undefined) {
              throw new OutboxError({ reason: "Failed", message: `the outbox has no stream ${stream}` })
            }
            const range = {
              stream,
              from: Math.min(serverNext, state.acked),
              to: state.acked,
              reason: "server-rollback"
            }
            const ranges = addRanges(state.ranges, range)
            commit({ ranges: [{ stream, ranges }], durable: true }, now, [{ ...state, acked: range.from, ranges }])
            return { ...range, metrics: range.to - range.from - records.count(stream, range.from, range.to) }
          }))
        }),
      notePlain: (stream, sent) =>
        Effect.gen(function*() {
          const state = streams.get(stream)
          if (state === undefined) return sent
          // Of an earlier stream a former process may have sent all, as batches.
          const before = state.plain?.sent ?? (state === current ? state.acked : state.next)
          if (state.plain === undefined || sent > before) {
            const from = state.plain?.from ?? state.acked
            yield* setPlain(state, { from, sent: Math.max(before, sent) })
          }
          return before
        }),
      takeBackPlain: (stream, sent) =>
        Effect.suspend(() => {
          const state = streams.get(stream)
          return state?.plain === undefined ? Effect.void : setPlain(state, { ...state.plain, sent })
        }),
      declarePlain: Effect.uninterruptible(Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        const doubtful = yield* whileDiskIsFull(inTurn(() => placePlain(now)))
        if (doubtful > 0) {
          yield* ledger.record({
            source: "sender",
            reason: "unverified",
            count: doubtful,
            detail: "sent in plain mode without an answer, and sent again as batches: may be stored twice"
          })
        }
      })),
      awaitAppend: Effect.zipRight(appended.await, Effect.sync(() => appended.unsafeClose())),
      stats: Effect.sync(() => ({ ...held, deadLetters })),
      deadLetters: inTurn(() => storage.deadLetters())
    }
  })
