import type { LossReason, LossTotal } from "../../telemetry/LossLedger.js"
import type { AcceptedPoint, AcceptedPoints } from "./AcceptedPoints.js"
import type { StoredLossRange, StoredPoint } from "./StoredPoints.js"

/** What a server lost when it was restored from a backup: offsets `from` ≤ o < `to` of each stream. */
export interface Rollback {
  readonly ranges: ReadonlyMap<string, { readonly from: number; readonly to: number }>
  /** Streams that no outbox knows any more, so that nobody can tell of their loss. */
  readonly forgotten: Set<string>
}

/** What went with an outbox when an older copy took its place: all offsets of a stream from one on. */
export interface Discarded {
  readonly stream: string
  readonly from: number
}

/** What a simulation leaves behind. */
export interface Evidence {
  readonly accepted: AcceptedPoints
  /** Every point of the store, in the order of arrival within its series. */
  readonly stored: ReadonlyArray<StoredPoint>
  /** What the server wrote down as lost. */
  readonly losses: ReadonlyArray<StoredLossRange>
  /** What the ledgers of all sender processes counted. */
  readonly ledger: ReadonlyArray<LossTotal>
  readonly rollbacks: ReadonlyArray<Rollback>
  readonly discarded: ReadonlyArray<Discarded>
  readonly mayDrop: boolean
}

const count = (items: Iterable<string>): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1)
  return counts
}

const placeOf = ({ offset, stream }: AcceptedPoint): string => `${stream} ${offset}`

/** The first few of many, as text. */
const some = (items: ReadonlyArray<string>): string =>
  items.slice(0, 3).join("; ") + (items.length > 3 ? `; and ${items.length - 3} more` : "")

/**
 * Whether all that was accepted is stored once or declared lost, in order, and
 * nothing else is: answers what is wrong, in words.
 */
export const judge = (evidence: Evidence): ReadonlyArray<string> => {
  const { accepted, discarded, ledger, losses, mayDrop, rollbacks, stored } = evidence
  const problems: Array<string> = []
  const wrong = (what: string, items: ReadonlyArray<string>): void => {
    if (items.length > 0) problems.push(`${what} (${items.length}): ${some(items)}`)
  }

  const byPlace = new Map(accepted.points.map((point) => [placeOf(point), point]))
  if (byPlace.size < accepted.points.length) problems.push("two accepted points have one offset")

  const wasRolledBack = (stream: string, offset: number): boolean =>
    rollbacks.some(({ ranges }) => {
      const range = ranges.get(stream)
      return range !== undefined && range.from <= offset && offset < range.to
    })

  // Lost by the server's own word.
  const lost = new Set<string>()
  let dropped = 0
  let rejected = 0
  for (const { from, reason, stream, to } of losses) {
    const isRejection = reason.startsWith("rejected: ")
    for (let offset = from; offset < to; offset++) {
      const place = `${stream} ${offset}`
      const point = byPlace.get(place)
      if (point === undefined) {
        if (accepted.declarations.get(stream)?.has(offset) !== true) wrong("a loss of what never was", [place])
        continue
      }
      // One entry tells of all rejections of a batch, with the good points between.
      if (isRejection && !point.isDoomed) continue
      if (lost.has(place)) wrong("declared lost twice", [place])
      lost.add(place)
      if (isRejection) rejected++
      else if (reason === "drop-oldest") {
        dropped++
        if (!mayDrop) wrong("dropped from an outbox that never drops", [place])
      } else if (reason === "server-rollback") {
        if (!wasRolledBack(stream, offset)) wrong("declared as rolled back by a server that never was", [place])
      } else wrong(`lost for a reason that there was not: ${reason}`, [place])
    }
  }

  // Nobody who is left could know of these.
  const isExcused = ({ offset, stream }: AcceptedPoint): boolean =>
    discarded.some((one) => one.stream === stream && one.from <= offset) ||
    rollbacks.some(({ forgotten, ranges }) => {
      const range = ranges.get(stream)
      return forgotten.has(stream) && range !== undefined && range.from <= offset && offset < range.to
    })

  const storedCounts = count(stored.map(({ identity }) => identity))
  const acceptedCounts = count(accepted.points.map(({ identity }) => identity))
  const mayBeStored = count(accepted.points.flatMap((point) => lost.has(placeOf(point)) ? [] : [point.identity]))
  const mustBeStored = count(
    accepted.points.flatMap((point) => lost.has(placeOf(point)) || isExcused(point) ? [] : [point.identity])
  )
  const invented: Array<string> = []
  const doubled: Array<string> = []
  const lostAndStored: Array<string> = []
  for (const [identity, times] of storedCounts) {
    const most = acceptedCounts.get(identity) ?? 0
    if (most === 0) invented.push(identity)
    else if (times > most) doubled.push(identity)
    else if (times > (mayBeStored.get(identity) ?? 0)) lostAndStored.push(identity)
  }
  const missing: Array<string> = []
  for (const [identity, times] of mustBeStored) {
    if ((storedCounts.get(identity) ?? 0) >= times) continue
    const point = accepted.points.find((one) => one.identity === identity)
    missing.push(point === undefined ? identity : `${placeOf(point)} ${identity}`)
  }
  wrong("stored and never accepted", invented)
  wrong("stored more often than accepted", doubled)
  wrong("stored and declared lost", lostAndStored)
  wrong("neither stored nor declared lost", missing)
  wrong("told as accepted and never committed", accepted.unkept)

  // Of one series and stream, points of one time stand in the order of their acceptance.
  const unique = new Map(
    accepted.points.filter(({ identity }) => acceptedCounts.get(identity) === 1).map((point) => [point.identity, point])
  )
  const before = new Map<string, number>()
  const disordered: Array<string> = []
  for (const { identity } of stored) {
    const point = unique.get(identity)
    if (point === undefined) continue
    const key = `${point.stream} ${point.series} ${point.time}`
    if (point.offset < (before.get(key) ?? -1)) disordered.push(identity)
    before.set(key, point.offset)
  }
  wrong("out of order", disordered)

  const counted = (reason: LossReason): number =>
    ledger.reduce((sum, total) => sum + (total.reason === reason ? total.count : 0), 0)
  const uncounted = (reason: LossReason, declared: number): void => {
    if (counted(reason) < declared) {
      problems.push(`the ledgers count ${counted(reason)} of ${declared} losses for ${reason}`)
    }
  }
  if (discarded.length === 0) {
    uncounted("outbox-overflow", dropped)
    uncounted("server-rejected", rejected)
  }
  return problems
}
