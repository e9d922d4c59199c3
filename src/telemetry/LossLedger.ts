import { Clock, Effect } from "effect"

/**
 * Why metrics did not reach the store.
 *
 * - `queue-overflow`: the collector's queue was full and set to drop
 * - `invalid`: a generator emitted what is no metric
 * - `missed-tick`: a generator was too slow for its interval
 * - `feed-gap`: a source skipped values before we saw them
 * - `outbox-overflow`: the outbox was full and set to drop the oldest
 * - `outbox-damaged`: what stood in the outbox's file could not be read any more
 * - `server-rejected`: the server refused the point; it is a dead letter
 * - `server-rollback`: the server went back to an older state
 * - `unverified`: sent to a server that does not acknowledge batches
 * - `undelivered`: kept in memory only, and not delivered before the end
 * - `unclean-end`: the process ended before its queue was written down
 */
export type LossReason =
  | "queue-overflow"
  | "invalid"
  | "missed-tick"
  | "feed-gap"
  | "outbox-overflow"
  | "outbox-damaged"
  | "server-rejected"
  | "server-rollback"
  | "unverified"
  | "undelivered"
  | "unclean-end"

/** A declared loss: how many metrics of which source, over which time, and why. */
export interface Loss {
  /** Name of the generator, or of the room (`outbox`, `sender`) that lost them. */
  readonly source: string
  readonly reason: LossReason
  /** How many metrics, or `"unknown"` where nobody can count them. */
  readonly count: number | "unknown"
  /** First and last instant concerned, ms since the epoch. */
  readonly from: number
  readonly to: number
  /** What helps to find the cause: the first message, the offsets. */
  readonly detail?: string
}

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

/**
 * Where losses are written down. Nothing that a generator made disappears
 * without a record here. Losses of one source and reason that follow each
 * other within a minute are one record, so that a long overflow stays readable.
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
        losses[i] = {
          ...last,
          count: last.count === "unknown" || loss.count === "unknown" ? "unknown" : last.count + loss.count,
          from: Math.min(last.from, loss.from),
          to: Math.max(last.to, loss.to)
        }
        return
      }
      losses.push(loss)
      if (losses.length > capacity) {
        losses.shift()
        forgotten++
      }
    }

    return {
      /** Writes a loss down; without times it is a loss of this instant. */
      record: (
        loss: Omit<Loss, "from" | "to"> & { readonly from?: number; readonly to?: number }
      ): Effect.Effect<void> =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const { from = now, to = now, ...rest } = loss
          add({ ...rest, from, to })
        }),
      /** All losses in memory, oldest first. */
      losses: Effect.sync((): ReadonlyArray<Loss> => [...losses]),
      /** Sums of all losses since the start, in the order of their first appearance; never forgotten. */
      totals: Effect.sync((): ReadonlyArray<LossTotal> => Array.from(totals.values())),
      /** Records that had to make room: this ledger keeps the newest 10,000. */
      forgotten: Effect.sync(() => forgotten)
    }
  }
}) {}
