import { Clock, Deferred, Effect } from "effect"
import type { LossLedger } from "../../telemetry/LossLedger.js"
import type { PipelineStatus } from "../../telemetry/PipelineStatus.js"
import type { Outbox, OutboxEntry, OutboxError, OutboxStream } from "../Outbox.js"
import { DeliveryRefused, DeliveryStoppedError } from "../SenderErrors.js"

interface Position {
  readonly stream: string
  readonly isCurrent: boolean
  /** All before it is acknowledged. */
  acked: number
  /** What the server said last that it expects. */
  confirmed: number
  /** What is sent next. */
  cursor: number
  /** The most that a server can have of the stream; of an older one a former process may have sent all. */
  sent: number
}

interface Waiter {
  readonly targets: ReadonlyArray<{ readonly stream: string; readonly next: number }>
  /** So many of them, from the oldest on, are reached. */
  reached: number
  readonly done: Deferred.Deferred<void, DeliveryStoppedError>
}

type Rejections = ReadonlyArray<readonly [offset: number, reason: string]>

/** What goes to the server next. */
export interface Outgoing {
  readonly stream: string
  readonly entry: OutboxEntry
  /** The offset after its last. */
  readonly end: number
}

/** A batch that goes to the server. */
export interface OutgoingBatch extends Outgoing {
  readonly entry: Extract<OutboxEntry, { readonly _tag: "Batch" }>
}

/** Where delivery stands in each stream of an outbox; shared by socket and HTTP, so that either goes on for the other. */
export interface Positions {
  /** From now on these streams are delivered, in their order and no others, beginning at what is acknowledged. */
  readonly open: (streams: ReadonlyArray<OutboxStream>) => Effect.Effect<void>
  /**
   * The server said which offset it expects. `known` is what we knew as
   * acknowledged when it was asked: if it expects less, it went back to an
   * older state, and what neither side has any more is written down.
   */
  readonly place: (stream: string, next: number, known?: number) => Effect.Effect<void, OutboxError | DeliveryRefused>
  /** The server acknowledged; believed only when it names a stream of ours and no more than was sent. */
  readonly acknowledge: (
    stream: string,
    next: number,
    rejected: Rejections
  ) => Effect.Effect<void, OutboxError | DeliveryRefused>
  /** What goes out next, or `undefined` when all is under way. */
  readonly next: Effect.Effect<Outgoing | undefined, OutboxError>
  /** The batch that begins where `last` ends, as what goes out after it; `undefined` when none does. */
  readonly following: (last: Pick<Outgoing, "stream" | "end">) => Effect.Effect<OutgoingBatch | undefined, OutboxError>
  /** Whether all that was opened is acknowledged and no more can come: never with the stream of this opening among it. */
  readonly isDelivered: () => boolean
  /** The offsets `from` ≤ o < `end`, which were given out last, do not go out after all: they come again. */
  readonly giveBack: (stream: string, from: number, end: number) => void
  /** Sends again what the server has not confirmed. */
  readonly rewind: Effect.Effect<void>
  /** Sends again what the server has, by its own word, and never acknowledged. */
  readonly resendConfirmed: Effect.Effect<void>
  /** All before it is acknowledged; 0 for a stream that is not ours. */
  readonly acked: (stream: string) => number
  /** Waits until all that the outbox holds now is acknowledged. */
  readonly awaitAll: Effect.Effect<void, OutboxError | DeliveryStoppedError>
  /** Tells those who wait that delivery stopped, and those who will, until `resume`. */
  readonly stop: (message: string) => Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  /** Brings the counters of the status up to date. */
  readonly refresh: Effect.Effect<void>
}

const maxLoggedReasons = 100

// What the outbox has committed is known here as well: no interruption comes
// between. It waits for nothing but a full disk, and there it may be interrupted.
const asOne = Effect.uninterruptible

/** Makes the positions of an outbox. */
export const makePositions = (
  outbox: typeof Outbox.Service,
  status: PipelineStatus["sender"],
  ledger: LossLedger
): Positions => {
  const positions = new Map<string, Position>()
  const loggedReasons = new Set<string>()
  const rollbacks = new Set<string>()
  let waiters: Array<Waiter> = []
  let stopped: string | undefined
  // Streams in the order of delivery.
  let order: Array<Position> = []

  const find = (stream: string): Effect.Effect<Position, DeliveryRefused> => {
    const found = positions.get(stream)
    return found === undefined
      ? Effect.fail(
        new DeliveryRefused({
          message: `the server answered for the stream "${stream}", which this sender does not have; ` +
            "check that the endpoint is a metrics-collector server and no cache stands before it"
        })
      )
      : Effect.succeed(found)
  }

  const beyond = (stream: string, next: number, held: number): Effect.Effect<never, DeliveryRefused> =>
    Effect.fail(
      new DeliveryRefused({
        message: `the server claims to have offsets before ${next} of the stream ${stream}, but only those before ` +
          `${held} were accepted; check that the endpoint is a metrics-collector server`
      })
    )

  /**
   * How much is believed of what a server says it has: never more than was sent.
   * A copy of this outbox may have brought a stream further than we did, an older
   * one even further than ours reaches; the rest is sent all the same, and the
   * server trims it.
   */
  const believed = (position: Position, next: number): Effect.Effect<number, DeliveryRefused | OutboxError> => {
    const { isCurrent, sent, stream } = position
    if (next <= sent || !isCurrent) return Effect.succeed(Math.min(next, sent))
    return Effect.flatMap(outbox.streams, (streams) => {
      const held = streams.find((one) => one.stream === stream)?.next ?? 0
      return next > held ? beyond(stream, next, held) : Effect.succeed(sent)
    })
  }

  const positionOf = ({ acked, next, stream }: OutboxStream): Position => {
    const known = positions.get(stream)
    if (known !== undefined) return known
    const isCurrent = stream === outbox.stream
    const position = { stream, isCurrent, acked, confirmed: acked, cursor: acked, sent: isCurrent ? 0 : next }
    positions.set(stream, position)
    return position
  }

  /** What is acknowledged to its end stands no longer before what comes next: there may be thousands of such streams. */
  const passDelivered = (): void => {
    let passed = 0
    while (passed < order.length && !order[passed].isCurrent && order[passed].acked >= order[passed].sent) passed++
    if (passed > 0) order = order.slice(passed)
  }

  const isDone = (waiter: Waiter): boolean => {
    const { targets } = waiter
    while (waiter.reached < targets.length) {
      const { next, stream } = targets[waiter.reached]
      if ((positions.get(stream)?.acked ?? 0) < next) return false
      waiter.reached++
    }
    return true
  }

  const wake = Effect.suspend(() => {
    if (waiters.length === 0) return Effect.void
    const done = waiters.filter(isDone)
    waiters = waiters.filter((waiter) => !done.includes(waiter))
    return Effect.forEach(done, (waiter) => Deferred.succeed(waiter.done, undefined), { discard: true })
  })

  const refresh = Effect.map(outbox.stats, (stats) => {
    status.pending = stats.metrics
    status.pendingBytes = stats.bytes
  })

  const recordRejected = (stream: string, count: number, rejected: Rejections): Effect.Effect<void> =>
    Effect.gen(function*() {
      const first = rejected[0]
      if (count === 0 || first === undefined) return
      status.rejected += count
      status.lastRejection = first[1]
      yield* ledger.recordDeclared({
        source: "sender",
        reason: "server-rejected",
        count,
        detail: `offset ${first[0]} of stream ${stream}: ${first[1]}`
      })
      for (const [offset, reason] of rejected) {
        if (loggedReasons.has(reason) || loggedReasons.size >= maxLoggedReasons) continue
        loggedReasons.add(reason)
        yield* Effect.logWarning(`the server rejected a metric: ${reason}`).pipe(
          Effect.annotateLogs({ stream, offset, kept: "as a dead letter; further ones for this reason are counted" })
        )
      }
    })

  const next: Positions["next"] = Effect.gen(function*() {
    passDelivered()
    let at = 0
    while (at < order.length) {
      const position = order[at]
      const cursor = position.cursor
      if (!position.isCurrent && cursor >= position.sent) {
        at++
        continue
      }
      const entry = yield* outbox.entry(position.stream, cursor)
      // An answer moved the cursor while the outbox was read.
      if (position.cursor !== cursor) continue
      if (entry === undefined) {
        at++
        continue
      }
      const end = entry._tag === "Batch" ? entry.batch.first + entry.batch.count : entry.range.to
      if (end <= cursor) {
        at++
        continue
      }
      position.cursor = end
      position.sent = Math.max(position.sent, end)
      return { stream: position.stream, entry, end }
    }
    return undefined
  })

  const following: Positions["following"] = ({ end, stream }) =>
    Effect.suspend(() => {
      const position = positions.get(stream)
      if (position?.cursor !== end) return Effect.succeed(undefined)
      return Effect.map(outbox.entry(stream, end), (entry) => {
        // An answer may have moved the cursor while the outbox was read.
        if (entry?._tag !== "Batch" || entry.batch.first !== end || position.cursor !== end) return undefined
        const after = end + entry.batch.count
        position.cursor = after
        position.sent = Math.max(position.sent, after)
        return { stream, entry, end: after }
      })
    })

  return {
    open: (streams) =>
      Effect.sync(() => {
        order = streams.map(positionOf)
        for (const position of order) {
          position.confirmed = position.acked
          position.cursor = position.acked
        }
      }),
    place: (stream, serverNext, known) =>
      asOne(Effect.gen(function*() {
        const position = yield* find(stream)
        const expected = yield* believed(position, serverNext)
        if (expected < (known ?? position.acked)) {
          const range = yield* outbox.declareRollback(stream, expected)
          position.acked = expected
          position.confirmed = expected
          position.cursor = expected
          // All that it lost were loss records, and they are delivered again.
          if (range.metrics === 0) return
          // The connection may be lost before the server has taken the declaration.
          const name = `${stream} ${range.from} ${range.to}`
          if (rollbacks.has(name)) return
          rollbacks.add(name)
          yield* ledger.recordDeclared({
            source: "sender",
            reason: "server-rollback",
            count: range.metrics,
            detail: `offsets ${range.from} to ${range.to} of stream ${stream}`
          })
          yield* Effect.logError(
            `the server went back to an older state: ${range.metrics} metrics that it had acknowledged are ` +
              "gone; restore its data directory if you have a newer copy"
          ).pipe(Effect.annotateLogs({ stream, from: range.from, to: range.to }))
          return
        }
        position.confirmed = Math.max(expected, position.acked)
        position.cursor = position.confirmed
      })),
    acknowledge: (stream, serverNext, rejected) =>
      asOne(Effect.gen(function*() {
        const position = yield* find(stream)
        const acked = yield* believed(position, serverNext)
        position.confirmed = Math.max(position.confirmed, acked)
        position.cursor = Math.max(position.cursor, acked)
        if (acked <= position.acked && rejected.length === 0) return
        const result = yield* outbox.acknowledge(stream, Math.max(acked, position.acked), rejected)
        position.acked = Math.max(position.acked, acked)
        status.acknowledged += result.acknowledged
        status.lastAcknowledgedAt = yield* Clock.currentTimeMillis
        yield* recordRejected(stream, result.rejected, rejected)
        yield* refresh
        yield* wake
      })),
    next,
    following,
    isDelivered: () => {
      passDelivered()
      return order.length === 0
    },
    giveBack: (stream, from, end) => {
      const position = positions.get(stream)
      if (position?.cursor === end) position.cursor = from
    },
    rewind: Effect.sync(() => {
      for (const position of order) position.cursor = position.confirmed
    }),
    resendConfirmed: Effect.sync(() => {
      for (const position of order) {
        if (position.acked >= position.confirmed) continue
        position.confirmed = position.acked
        position.cursor = position.acked
      }
    }),
    acked: (stream) => positions.get(stream)?.acked ?? 0,
    awaitAll: Effect.gen(function*() {
      const targets = yield* outbox.streams
      // What is not opened yet is acknowledged as far as the outbox knows.
      for (const stream of targets) positionOf(stream)
      const waiter: Waiter = { targets, reached: 0, done: yield* Deferred.make<void, DeliveryStoppedError>() }
      if (isDone(waiter)) return
      if (stopped !== undefined) return yield* new DeliveryStoppedError({ message: stopped })
      waiters.push(waiter)
      yield* Effect.onInterrupt(Deferred.await(waiter.done), () =>
        Effect.sync(() => {
          waiters = waiters.filter((one) => one !== waiter)
        }))
    }),
    stop: (message) =>
      Effect.suspend(() => {
        const told = waiters
        waiters = []
        stopped = message
        return Effect.forEach(
          told,
          ({ done }) => Deferred.fail(done, new DeliveryStoppedError({ message })),
          { discard: true }
        )
      }),
    resume: Effect.sync(() => {
      stopped = undefined
    }),
    refresh
  }
}
