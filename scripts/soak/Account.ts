import type { LifeName } from "./Numbers.js"
import type { Producer } from "./Plan.js"

/** A process of a producer, and what is known of it from outside. */
export interface Life extends LifeName {
  readonly producer: Producer
  /** Numbers below were given to it. */
  asked: number
  /** Numbers below are accepted: it said so, or ended well. */
  told: number
  /** Stream of its outbox; `undefined` when it opened none. */
  stream: string | undefined
  /** Offsets that its outbox gave out. */
  accepted: number
  /** When it ended without having closed its outbox, ms since the epoch. */
  uncleanAt: number | undefined
}

/** A loss that the server was told of. */
export interface DeclaredLoss {
  readonly stream: string
  /** Offsets `from` ≤ o < `to`. */
  readonly from: number
  readonly to: number
  /** `null`: nobody could count. */
  readonly count: number | null
  readonly reason: string
  /** Of a loss before anything was accepted: its offset never was a metric. */
  readonly generator?: string
  readonly timeFrom?: number
  readonly timeTo?: number
}

/** Turns offsets of a stream into the numbers of its metrics: those that tell of a loss are none. */
const numbersOf = (records: ReadonlyArray<DeclaredLoss>) => {
  const offsets = records.map(({ from }) => from).sort((a, b) => a - b)
  return (offset: number): number => {
    let before = 0
    while (before < offsets.length && offsets[before] < offset) before++
    return offset - before
  }
}

/** What of a stream still waits in its outbox. */
export interface Waiting {
  readonly stream: string
  readonly acked: number
  readonly next: number
}

/** What the server has of a producer. */
export interface ReadBack {
  /** For each life, how often each of its numbers came. */
  readonly seen: ReadonlyMap<number, Uint8Array>
  /** Points that nobody produced, as sentences. */
  readonly strange: ReadonlyArray<string>
}

/** What became of everything that a producer was given. Counts are metrics. */
export interface Account {
  readonly producer: Producer
  readonly lives: number
  readonly produced: number
  readonly told: number
  readonly accepted: number
  readonly stored: number
  readonly pending: number
  readonly lost: number
  readonly doubled: number
  readonly missing: number
  /** Declared as lost before they were accepted. */
  readonly unaccepted: number
  /** Losses before acceptance whose metrics nobody could count. */
  readonly uncounted: number
  /** What must not be, as sentences. */
  readonly differences: ReadonlyArray<string>
}

type Range = readonly [from: number, to: number]

const counts = ["asked", "told", "accepted", "stored", "pending", "lost", "doubled", "missing"] as const

/** Numbers in a row as one range. */
const addTo = (ranges: Array<[from: number, to: number]>, n: number): void => {
  const last = ranges.at(-1)
  if (last !== undefined && last[1] === n) last[1] = n + 1
  else ranges.push([n, n + 1])
}

const most = 5

const listed = (ranges: ReadonlyArray<Range>): string =>
  ranges.slice(0, most).map(([from, to]) => to === from + 1 ? String(from) : `${from} to ${to - 1}`).join(", ") +
  (ranges.length > most ? ` and ${ranges.length - most} ranges more` : "")

const sizeOf = (ranges: ReadonlyArray<Range>): number => ranges.reduce((sum, [from, to]) => sum + to - from, 0)

const accountForLife = (
  life: Life,
  seen: Uint8Array,
  declared: ReadonlyArray<DeclaredLoss>,
  waits: Waiting | undefined
) => {
  const number = numbersOf(declared.filter(({ generator }) => generator !== undefined))
  const losses = declared.filter(({ generator }) => generator === undefined)
    .map((loss) => ({ ...loss, from: number(loss.from), to: number(loss.to) }))
  const waiting = waits === undefined
    ? undefined
    : { ...waits, acked: number(waits.acked), next: number(waits.next) }
  const { asked, told } = life
  const accepted = number(life.accepted)
  const differences: Array<string> = []
  // A sender that is given its metrics by one caller numbers them in that order.
  const inOrder = life.producer !== "embedded"
  const isLost = (n: number): boolean => losses.some(({ from, to }) => from <= n && n < to)
  const isWaiting = (n: number): boolean => waiting !== undefined && waiting.acked <= n && n < waiting.next

  let stored = 0
  let doubled = 0
  const doubles: Array<[number, number]> = []
  const holes: Array<[number, number]> = []
  const both: Array<[number, number]> = []
  const beyond: Array<[number, number]> = []
  for (let n = 0; n < asked; n++) {
    const times = seen[n]
    if (times > 0) {
      stored++
      if (inOrder && n >= accepted) addTo(beyond, n)
      if (inOrder && isLost(n)) addTo(both, n)
      if (times === 1) continue
      doubled += times - 1
      addTo(doubles, n)
    } else if (n < (inOrder ? Math.max(told, accepted) : told)) {
      if (!inOrder || !(isLost(n) || isWaiting(n))) addTo(holes, n)
    }
  }
  const lost = losses.reduce((sum, { count }) => sum + (count ?? 0), 0)
  const pending = waiting === undefined ? 0 : waiting.next - waiting.acked
  // Out of order, nothing but the counts can excuse a hole.
  const excused = inOrder ? 0 : Math.min(sizeOf(holes), lost + pending)
  const missing = sizeOf(holes) - excused
  if (accepted < told) differences.push(`${told} were told accepted, and its outbox knows ${accepted}`)
  if (accepted > asked) differences.push(`${asked} were produced, and its outbox accepted ${accepted}`)
  if (missing > 0) differences.push(`${missing} are neither stored nor declared lost: ${listed(holes)}`)
  if (doubled > 0) differences.push(`${doubled} are stored more than once: ${listed(doubles)}`)
  if (both.length > 0) differences.push(`${sizeOf(both)} are stored and declared lost: ${listed(both)}`)
  if (beyond.length > 0) differences.push(`${sizeOf(beyond)} are stored and were not accepted: ${listed(beyond)}`)
  if (stored + pending + lost !== accepted) {
    differences.push(`${accepted} accepted, but ${stored} stored + ${pending} pending + ${lost} declared lost`)
  }
  return { asked, told, accepted, stored, pending, lost, doubled, missing, differences }
}

/** Losses that a producer may have before anything is accepted: what it had gathered when it was ended. */
const expected = new Set(["unclean-end", "undelivered"])

/** What is wrong with the losses that a producer declared: one is missing, or should not have been. */
const judgeLosses = (
  producer: Producer,
  lives: ReadonlyArray<Life>,
  losses: ReadonlyArray<DeclaredLoss>
): ReadonlyArray<string> => [
  ...lives.flatMap(({ life, uncleanAt }) =>
    uncleanAt === undefined ||
      losses.some(({ reason, timeFrom = Infinity, timeTo = -Infinity }) =>
        reason === "unclean-end" && timeFrom <= uncleanAt && uncleanAt <= timeTo
      )
      ? []
      : [`life ${life} did not end by itself at ${new Date(uncleanAt).toISOString()}, and no loss says so`]
  ),
  ...losses.filter(({ generator, reason }) =>
    generator === undefined ? producer !== "dropping" || reason !== "drop-oldest" : !expected.has(reason)
  ).map(({ count, reason }) => `a loss ${reason} of ${count ?? "unknown"} metrics that nothing explains`)
]

/**
 * Holds what a producer was told against what the server has: each number
 * that was accepted must be stored once, or wait, or be declared lost, and
 * nothing else may be there. `losses` are those of all streams, `waiting` what
 * the producer's outbox still holds.
 */
export const accountFor = (
  producer: Producer,
  lives: ReadonlyArray<Life>,
  { seen, strange }: ReadBack,
  losses: ReadonlyArray<DeclaredLoss>,
  waiting: ReadonlyArray<Waiting>
): Account => {
  const sums = { asked: 0, told: 0, accepted: 0, stored: 0, pending: 0, lost: 0, doubled: 0, missing: 0 }
  const own = losses.filter(({ stream }) => lives.some((life) => life.stream === stream))
  const records = own.filter(({ generator }) => generator !== undefined)
  const differences = [...strange, ...judgeLosses(producer, lives, own)]
  for (const life of lives) {
    const one = accountForLife(
      life,
      seen.get(life.life) ?? new Uint8Array(life.asked),
      own.filter(({ stream }) => stream === life.stream),
      waiting.find(({ stream }) => stream === life.stream)
    )
    for (const name of counts) sums[name] += one[name]
    differences.push(...one.differences.map((text) => `life ${life.life} (stream ${life.stream ?? "none"}): ${text}`))
  }
  const { asked, ...others } = sums
  return {
    producer,
    lives: lives.length,
    produced: asked,
    ...others,
    uncounted: records.filter(({ count }) => count === null).length,
    unaccepted: records.reduce((sum, { count }) => sum + (count ?? 0), 0),
    differences: differences.map((text) => `${producer}: ${text}`)
  }
}
