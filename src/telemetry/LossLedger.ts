import { Clock, Effect } from "effect"
import { joinLosses, type Loss, type LossReason } from "./Loss.js"
import { PendingLosses } from "./PendingLosses.js"

export type { Loss, LossReason } from "./Loss.js"

/** All losses of one source for one reason since the start. */
export interface LossTotal {
  readonly source: string
  readonly reason: LossReason
  /** Metrics that were counted. */
  readonly count: number
  /** Losses whose metrics nobody could count. */
  readonly uncounted: number
}

const capacity = 10_000

/** A loss as it is told; without times it is one of this instant. */
type NewLoss = Omit<Loss, "from" | "to"> & { readonly from?: number; readonly to?: number }

/**
 * Where losses are written down. Nothing that a generator made disappears
 * without a record here. Losses of one source and reason that follow each
 * other within a minute are one record, so that a long overflow stays readable.
 *
 * A ledger is in memory. A sender makes it durable: it commits what is written
 * here to its outbox, and delivers it. Until then losses wait, joined by source
 * and reason, so that a flood of them needs no more memory than one of each.
 */
export class LossLedger extends Effect.Service<LossLedger>()("metrics-collector/telemetry/LossLedger", {
  sync: () => {
    const losses: Array<Loss> = []
    const totals = new Map<string, LossTotal>()
    let forgotten = 0

    const addToTotals = ({ count, reason, source }: Loss): void => {
      const key = `${reason} ${source}`
      const known = totals.get(key) ?? { source, reason, count: 0, uncounted: 0 }
      totals.set(
        key,
        count === "unknown"
          ? { ...known, uncounted: known.uncounted + 1 }
          : { ...known, count: known.count + count }
      )
    }

    const add = (loss: Loss): void => {
      addToTotals(loss)
      for (let i = losses.length - 1; i >= Math.max(0, losses.length - 16); i--) {
        const last = losses[i]
        if (last.source !== loss.source || last.reason !== loss.reason || loss.from - last.to > 60_000) continue
        losses[i] = joinLosses(last, loss)
        return
      }
      losses.push(loss)
      if (losses.length > capacity) {
        losses.shift()
        forgotten++
      }
    }

    /** Waiting, and on their way into a commit that may still fail. */
    const pending = new PendingLosses()
    const underWay = new PendingLosses()
    const some = Effect.unsafeMakeLatch(false)
    const oneCommit = Effect.unsafeMakeSemaphore(1)

    const dated = ({ from, to, ...loss }: NewLoss): Effect.Effect<Loss> =>
      Effect.map(Clock.currentTimeMillis, (now) => ({ ...loss, from: from ?? now, to: to ?? now }))

    return {
      /** Writes a loss down; without times it is a loss of this instant. */
      record: (loss: NewLoss): Effect.Effect<void> =>
        Effect.map(dated(loss), (loss) => {
          add(loss)
          pending.add(loss)
          some.unsafeOpen()
        }),
      /**
       * Writes a loss down of which the server learns by other means: because its
       * offsets are declared as skipped, or because the server itself refused them.
       */
      recordDeclared: (loss: NewLoss): Effect.Effect<void> => Effect.map(dated(loss), add),
      /** Waits until a loss is there that nobody has committed. */
      awaitPending: some.await,
      /** First instant of the losses that nobody has committed, ms since the epoch; `Infinity` when there are none. */
      pendingSince: Effect.sync((): number => Math.min(pending.since, underWay.since)),
      /**
       * Gives all losses that nobody has committed to `commit`, joined by source
       * and reason. `committed` is to be called in the turn of the commit; losses
       * for which it was not called are given to the next one.
       */
      commitPending: <E, R>(
        commit: (losses: ReadonlyArray<Loss>, committed: () => void) => Effect.Effect<void, E, R>
      ): Effect.Effect<void, E, R> =>
        oneCommit.withPermits(1)(Effect.suspend(() => {
          underWay.takeAll(pending)
          if (underWay.size === 0) return Effect.void
          return commit(underWay.toArray(), () => {
            underWay.clear()
            if (pending.size === 0) some.unsafeClose()
          })
        })),
      /** All losses in memory, oldest first. */
      losses: Effect.sync((): ReadonlyArray<Loss> => [...losses]),
      /** Sums of all losses since the start, in the order of their first appearance; never forgotten. */
      totals: Effect.sync((): ReadonlyArray<LossTotal> => Array.from(totals.values())),
      /** Records that had to make room: this ledger keeps the newest 10,000. */
      forgotten: Effect.sync(() => forgotten)
    }
  }
}) {}
