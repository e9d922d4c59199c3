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

/** Two losses of one source and reason as one: counts add up, and times span both. */
export const joinLosses = (one: Loss, other: Loss): Loss => ({
  ...one,
  count: one.count === "unknown" || other.count === "unknown" ? "unknown" : one.count + other.count,
  from: Math.min(one.from, other.from),
  to: Math.max(one.to, other.to)
})
