import type { OutboxFileStatus, OutboxFileStream, StoredDeadLetter } from "../../sender/outbox/OutboxFile.js"
import type { LossEntry, ServerStatus } from "../../wire/Api.js"

/** What became of everything that one stream produced. Counts are metrics. */
export interface StreamAudit {
  readonly stream: string
  /** Offsets that were given out to metrics. */
  readonly produced: number
  readonly stored: number
  /** In the outbox, and not on the server. */
  readonly pending: number
  /** Delivered in plain mode: to a server that keeps no account of what it took. */
  readonly unverified: number
  /** Refused by the server. */
  readonly deadLettered: number
  /** Declared lost: to the server, or in the outbox and still to be declared. */
  readonly lost: number
  /** Neither of these: what the two sides cannot account for. */
  readonly missing: number
  /** What does not agree, each as a sentence with its offsets. */
  readonly differences: ReadonlyArray<string>
  /** What agrees and is worth knowing. */
  readonly notes: ReadonlyArray<string>
}

/** Both sides of a sender, read in this order, so that what moves meanwhile is no difference. */
export interface AuditInput {
  readonly before: OutboxFileStatus
  readonly server: Pick<ServerStatus, "streams" | "streamCount">
  readonly losses: ReadonlyArray<LossEntry>
  /** Whether the server has more losses than `losses`. */
  readonly lossesCut: boolean
  readonly after: OutboxFileStatus
  readonly deadLetters: ReadonlyArray<StoredDeadLetter>
}

type Interval = readonly [from: number, to: number]

/** What of `from` ≤ o < `to` no interval covers. */
export const uncovered = (from: number, to: number, intervals: ReadonlyArray<Interval>): ReadonlyArray<Interval> => {
  const holes: Array<Interval> = []
  let at = from
  for (const [begin, end] of intervals.toSorted((a, b) => a[0] - b[0])) {
    if (end <= at) continue
    if (begin >= to) break
    if (begin > at) holes.push([at, begin])
    at = end
  }
  if (at < to) holes.push([at, to])
  return holes
}

const countOf = (intervals: ReadonlyArray<Interval>): number =>
  intervals.reduce((sum, [from, to]) => sum + to - from, 0)

/** How much of `from` ≤ o < `to` intervals cover that do not overlap. */
const within = (intervals: ReadonlyArray<Interval>, from: number, to: number): number =>
  intervals.reduce((sum, [begin, end]) => sum + Math.max(0, Math.min(end, to) - Math.max(begin, from)), 0)

const offsets = ([from, to]: Interval): string => to === from + 1 ? `offset ${from}` : `offsets ${from} to ${to - 1}`

const isRejection = ({ reason }: LossEntry): boolean => reason.startsWith("rejected: ")

const auditStream = (
  input: AuditInput,
  stream: string,
  before: OutboxFileStream | undefined,
  after: OutboxFileStream | undefined
): StreamAudit => {
  const known = input.server.streams.find((one) => one.stream === stream)
  const differences: Array<string> = []
  const notes: Array<string> = []
  const serverNext = known?.next ?? 0
  // A stream that left the outbox meanwhile had all of it acknowledged.
  const next = after?.next ?? before?.next ?? serverNext
  const acked = after?.acked ?? next
  // What was acknowledged in plain mode is no server's account.
  const plainFrom = (after ?? before)?.plain?.from ?? Infinity
  const ackedBefore = Math.min(before?.acked ?? 0, plainFrom)
  // Offsets that tell of a loss of the collector never were a metric.
  const declarations = ((after ?? before)?.declarations ?? []).map((offset): Interval => [offset, offset + 1])
  const produced = Math.max(next, serverNext) - (known?.declarations ?? 0) - within(declarations, serverNext, next)

  const losses = input.losses.filter((loss) =>
    loss.stream === stream && loss.from < serverNext && loss.generator === undefined
  )
  const rejected = known?.rejected ?? 0
  const refusals = losses.filter(isRejection).reduce((sum, { count }) => sum + (count ?? 0), 0)
  const listed = losses.filter((loss) => !isRejection(loss)).reduce((sum, { count }) => sum + (count ?? 0), 0)
  const declared = known?.lost ?? listed

  const wentBack = serverNext < ackedBefore
  if (known === undefined && ackedBefore > 0 && input.server.streamCount > input.server.streams.length) {
    differences.push(
      `the server lists its ${input.server.streams.length} newest streams, and this is none of them: ` +
        `${offsets([0, ackedBefore])}, which it acknowledged, cannot be proved`
    )
  } else if (wentBack) {
    differences.push(
      `${offsets([serverNext, ackedBefore])} were acknowledged and are not on the server: it went back to an older ` +
        "state, or is another one; a collector declares them lost when it connects"
    )
  }
  if (serverNext > next) {
    differences.push(
      `${offsets([next, serverNext])} are on the server and unknown to the outbox: it was restored from an older copy`
    )
  }
  const accounted = wentBack ? ackedBefore : Math.max(serverNext, Math.min(acked, plainFrom))
  const reached = wentBack && plainFrom === Infinity ? ackedBefore : Math.max(serverNext, acked)
  const skipped = (after?.skipped ?? []).map(({ from, to }): Interval => [from, to])
  const undeclared = within(skipped, reached, next)
  const holes = after === undefined ? [] : uncovered(reached, next, [...after.held, ...skipped, ...declarations])
  for (const hole of holes) {
    differences.push(
      `${offsets(hole)} were accepted and are neither on the server nor in the outbox, and no loss names them`
    )
  }
  const compare = (counted: number, named: number, what: string): void => {
    if (named > counted) {
      differences.push(`the server counts ${counted} ${what} metrics, and its losses name ${named}`)
    } else if (named < counted) {
      notes.push(`the server counts ${counted} ${what} metrics, and the losses that it lists name ${named} of them`)
    }
  }
  if (known !== undefined) compare(rejected, refusals, "refused")
  if (known?.lost !== undefined) compare(known.lost, listed, "lost")
  else if (input.lossesCut) notes.push("the server has more losses than it lists: older ones are counted as stored")

  const own = input.deadLetters.filter((letter) => letter.stream === stream)
  const plainLetters = own.filter(({ offset }) => offset >= plainFrom).length
  const letters = own.length - plainLetters
  if (letters > rejected) {
    differences.push(`the outbox holds ${letters} dead letters, and the server refused ${rejected} metrics`)
  } else if (letters < rejected) {
    notes.push(`${rejected} metrics were refused and ${letters} are kept as dead letters; the others were taken out`)
  }

  const missing = countOf(holes) +
    (wentBack ? ackedBefore - serverNext - within(declarations, serverNext, ackedBefore) : 0)
  const pending = Math.max(0, next - reached) - countOf(holes) - undeclared - within(declarations, reached, next)
  const lost = declared + undeclared
  const unverified = reached - accounted - within(declarations, accounted, reached) - plainLetters
  if (unverified > 0) {
    notes.push(`${unverified} metrics were delivered in plain mode: no server keeps account of them`)
  }
  return {
    stream,
    produced,
    stored: produced - pending - unverified - rejected - plainLetters - lost - missing,
    pending,
    unverified,
    deadLettered: rejected + plainLetters,
    lost,
    missing,
    differences,
    notes
  }
}

/**
 * Accounts for every offset of every stream of a sender that either side still
 * knows: produced = stored + pending + unverified + dead-lettered + declared lost + missing.
 */
export const auditSender = (input: AuditInput): ReadonlyArray<StreamAudit> => {
  const names = new Set([
    ...input.server.streams.filter(({ sender }) => sender === input.after.sender)
      .toSorted((a, b) => a.firstSeen - b.firstSeen)
      .map(({ stream }) => stream),
    ...input.before.streams.map(({ stream }) => stream),
    ...input.after.streams.map(({ stream }) => stream)
  ])
  const find = ({ streams }: OutboxFileStatus, name: string) => streams.find(({ stream }) => stream === name)
  return Array.from(names, (name) => auditStream(input, name, find(input.before, name), find(input.after, name)))
}
