import { cutInside, cutToWidth, displayWidth, padToWidth } from "../domain/DisplayWidth.js"
import { formatAge, formatCompact, formatSize, formatUnit } from "../domain/Units.js"
import type { LossTotal } from "./LossLedger.js"
import type { GeneratorStatus, PipelineSnapshot } from "./PipelineStatus.js"
import { oneLine, rateOf, renderStatusLine } from "./StatusLine.js"

/** How a part of the block is meant. Each of them is also told by a word: a tone is never the only sign. */
export type Tone = "plain" | "good" | "warning" | "bad" | "dim"

/** Text of one tone. */
export interface BlockPart {
  readonly text: string
  readonly tone: Tone
}

/** A line of the block. */
export type BlockLine = ReadonlyArray<BlockPart>

/** What the block shows. Times are ms. */
export interface StatusView {
  readonly now: PipelineSnapshot
  /** The state `millis` earlier: rates are taken between the two. */
  readonly before: PipelineSnapshot
  readonly millis: number
  /** The instant of `now`, since the epoch. */
  readonly at: number
  /** What was lost since the start. */
  readonly losses: ReadonlyArray<LossTotal>
  /** Where a person finds the dashboard. */
  readonly dashboard?: string | undefined
}

/** A piece of a line; pieces that do not fit are left out, from the end, unless they may be `cut`. */
interface Piece extends BlockPart {
  readonly cut?: "end" | "inside"
}

/** A line that may be shown, the more so the lower its `rank`. */
interface Row {
  readonly rank: number
  readonly line: BlockLine
}

const separator = " · "

/** Columns of the names of the lines. */
const labelWidth = 11

/** Columns of which a piece that may be cut has at least something to say. */
const leastRoom = 12

const longestName = 24

/** Below these a block says less than one line. */
const leastRows = 8
const leastColumns = 40

/** From here on a row is not dear. */
const roomyRows = 20

const plain = (text: string): Piece => ({ text, tone: "plain" })

const dim = (text: string): Piece => ({ text, tone: "dim" })

const lineText = (text: string): Piece => ({ ...plain(oneLine(text)), cut: "end" })

const errorText = (text: string): Piece => ({ ...plain(oneLine(text)), cut: "inside" })

const nameOf = (name: string): string => cutToWidth(oneLine(name), longestName)

const lineOf = (label: string, pieces: ReadonlyArray<Piece>, width: number): BlockLine => {
  const parts: Array<BlockPart> = [dim(padToWidth(label, labelWidth))]
  let room = width - labelWidth
  for (const [index, { cut, text, tone }] of pieces.entries()) {
    const before = index === 0 ? "" : separator
    const left = room - displayWidth(before)
    const fits = displayWidth(text) <= left
    if (!fits && index > 0 && (cut === undefined || left < leastRoom)) break
    const shown = cut === "inside" ? cutInside(text, left) : cutToWidth(text, left)
    if (before !== "") parts.push(dim(before))
    parts.push({ text: shown, tone })
    if (!fits) break
    room = left - displayWidth(shown)
  }
  return parts
}

const againText = ({ retryAt }: PipelineSnapshot["sender"], at: number): string =>
  retryAt === undefined || retryAt <= at
    ? "trying again now"
    : `again in ${formatUnit("seconds", Math.ceil((retryAt - at) / 1000))}`

const delivery = ({ at, now: { sender } }: StatusView): ReadonlyArray<Piece> => {
  const endpoint = lineText(sender.endpoint ?? "")
  switch (sender.transport) {
    case "connecting":
      // What goes to standard output has no connection and no outbox.
      return sender.capacityBytes === undefined ? [endpoint] : [plain("connecting"), endpoint]
    case "socket":
      return [{ text: "socket", tone: "good" }, endpoint]
    case "http":
      return [{ text: "http", tone: "warning" }, dim(`socket ${againText(sender, at)}`), endpoint]
    case "waiting":
      return [{ text: "waiting", tone: "bad" }, plain(againText(sender, at)), endpoint]
    case "stopped":
      return [{ text: "STOPPED", tone: "bad" }, plain(againText(sender, at)), endpoint]
  }
}

const isDelivering = ({ transport }: PipelineSnapshot["sender"]): boolean =>
  transport === "connecting" || transport === "socket"

/** Gives as many pieces as fit before the one that says how many more there are; `all` says what they are. */
const withRest = (pieces: ReadonlyArray<Piece>, room: number, all: string): ReadonlyArray<Piece> => {
  const [only] = pieces
  if (pieces.length === 1) return [{ ...only, cut: "end" }]
  const widthOf = (list: ReadonlyArray<Piece>): number =>
    list.reduce((width, { text }) => width + displayWidth(text) + separator.length, 0)
  for (let shown = pieces.length; shown > 0; shown--) {
    const rest = pieces.length - shown
    const list = [...pieces.slice(0, shown), ...(rest === 0 ? [] : [dim(`and ${rest} more`)])]
    if (widthOf(list) <= room) return list
  }
  return pieces.length === 0 ? [] : [dim(`${pieces.length} ${all}`)]
}

const rateText = (rate: number): string => `${formatCompact(Number(rate.toFixed(rate >= 10 ? 0 : 1)))}/s`

const gathered = ({ before, millis, now }: StatusView, room: number): ReadonlyArray<Piece> => {
  const earlier = new Map(before.generators.map(({ gathered, name }) => [name, gathered]))
  const rates = now.generators
    .map(({ gathered, name, state }) => ({
      name,
      state,
      gathered,
      rate: rateOf(gathered - (earlier.get(name) ?? 0), millis)
    }))
    .sort((a, b) => b.rate - a.rate || b.gathered - a.gathered)
  const total = plain(rateText(rates.reduce((sum, { rate }) => sum + rate, 0)))
  const each = rates
    // What fails stands in a line of its own.
    .filter(({ state }) => state !== "waiting")
    .map(({ name, rate, state }) => dim(`${nameOf(name)} ${state === "done" && rate === 0 ? "ended" : rateText(rate)}`))
  return [total, ...withRest(each, room - displayWidth(total.text), "generators")]
}

const fill = (text: string, used: number, capacity: number): Piece =>
  capacity > 0 && used >= 0.8 * capacity
    ? { text: `${text}, ${used >= capacity ? "full" : "nearly full"}`, tone: "warning" }
    : plain(text)

const pending = ({ now: { queue, sender } }: StatusView): ReadonlyArray<Piece> => {
  const { capacityBytes, pendingBytes } = sender
  return [
    ...(capacityBytes === undefined ? [] : [
      plain(`outbox ${formatCompact(sender.pending)}`),
      fill(`${formatSize(pendingBytes)} of ${formatSize(capacityBytes)}`, pendingBytes, capacityBytes)
    ]),
    fill(`queue ${formatCompact(queue.size)} of ${formatCompact(queue.capacity)}`, queue.size, queue.capacity)
  ]
}

/** Ms after which it is worth saying that nothing is acknowledged any more. */
const silence = 10_000

const acknowledged = ({ at, before, millis, now: { sender } }: StatusView): ReadonlyArray<Piece> => {
  const { lastAcknowledgedAt } = sender
  return [
    plain(formatCompact(sender.acknowledged - sender.rejected)),
    plain(rateText(rateOf(sender.acknowledged - before.sender.acknowledged, millis))),
    ...(sender.pending > 0 && lastAcknowledgedAt !== undefined && at - lastAcknowledgedAt >= silence
      ? [plain(`last ${formatAge(at - lastAcknowledgedAt)}`)]
      : []),
    ...(sender.reconnects === 0 ? [] : [dim(`${formatCompact(sender.reconnects)} reconnects`)])
  ]
}

const countText = (count: number, uncounted: number): string =>
  count === 0 && uncounted > 0 ? "uncounted" : `${formatCompact(count)}${uncounted > 0 ? " and uncounted" : ""}`

const lost = (losses: ReadonlyArray<LossTotal>, room: number): ReadonlyArray<Piece> => {
  const sum = (read: (total: LossTotal) => number): number => losses.reduce((sum, total) => sum + read(total), 0)
  const total: Piece = { text: countText(sum(({ count }) => count), sum(({ uncounted }) => uncounted)), tone: "bad" }
  const reasons = [...losses]
    .sort((a, b) => b.count - a.count || b.uncounted - a.uncounted)
    .map(({ count, reason, source, uncounted }) =>
      plain(`${reason} of ${nameOf(source)}${losses.length === 1 ? "" : ` ${countText(count, uncounted)}`}`)
    )
  return [total, ...withRest(reasons, room - displayWidth(total.text), "reasons")]
}

const failingLine = ({ failures, lastError, name }: GeneratorStatus): ReadonlyArray<Piece> => [
  { text: nameOf(name), tone: "warning" },
  dim(failures === 1 ? "once" : `${formatCompact(failures)} times`),
  errorText(lastError ?? "no reason given")
]

/** Lines of generators that fail, beyond which they are counted. */
const mostFailing = 3

const failing = (generators: ReadonlyArray<Readonly<GeneratorStatus>>): ReadonlyArray<ReadonlyArray<Piece>> => {
  const all = generators.filter(({ state }) => state === "waiting")
  const lines = all.slice(0, mostFailing).map(failingLine)
  return all.length <= mostFailing ? lines : [...lines, [dim(`and ${all.length - mostFailing} more`)]]
}

// Losses that have a line of their own.
const toldElsewhere = new Set<LossTotal["reason"]>(["server-rejected", "unverified"])

const rowsOf = (view: StatusView, width: number): ReadonlyArray<Row> => {
  const { dashboard, now: { generators, sender } } = view
  const room = width - labelWidth
  const losses = view.losses.filter(({ count, reason, uncounted }) =>
    count + uncounted > 0 && !toldElsewhere.has(reason)
  )
  const rows: Array<Row> = []
  const add = (rank: number, label: string, pieces: ReadonlyArray<Piece>): void => {
    rows.push({ rank, line: lineOf(label, pieces, width) })
  }
  add(0, "Delivery", delivery(view))
  if (!isDelivering(sender)) add(1, "Problem", [errorText(sender.lastError ?? "none is known")])
  add(6, "Gathered", gathered(view, room))
  failing(generators).forEach((pieces, index) => add(index === 0 ? 3 : 8, index === 0 ? "Failing" : "", pieces))
  add(4, "Pending", pending(view))
  // In plain mode it is the word of the server, where that says anything.
  add(5, sender.capacityBytes === undefined ? "Written" : sender.plain ? "Delivered" : "Stored", acknowledged(view))
  if (sender.unverified > 0) {
    add(7, "Unverified", [{ text: formatCompact(sender.unverified), tone: "warning" }, dim("see outbox losses")])
  }
  if (sender.rejected > 0) {
    add(2, "Rejected", [
      { text: formatCompact(sender.rejected), tone: "bad" },
      errorText(sender.lastRejection ?? "")
    ])
  }
  if (losses.length > 0) add(1, "Lost", lost(losses, room))
  if (dashboard !== undefined) add(9, "Dashboard", [lineText(dashboard)])
  return rows
}

/**
 * Writes the state of a pipeline as a few lines, none of which fills the last
 * column. They take at most half of the rows: where the terminal is low, what
 * matters less is left out, and where it is lower or narrower still, all is
 * the one line of {@link renderStatusLine}.
 */
export const renderStatusBlock = (
  view: StatusView,
  { columns, rows }: { readonly columns: number; readonly rows: number }
): ReadonlyArray<BlockLine> => {
  if (rows < leastRows || columns < leastColumns) {
    return [[plain(renderStatusLine(view.now, view.before, view.millis, columns))]]
  }
  const most = Math.floor(rows / 2)
  const all = rowsOf(view, columns - 1)
  const shown = new Set([...all].sort((a, b) => a.rank - b.rank).slice(0, most))
  const lines = all.filter((row) => shown.has(row)).map(({ line }) => line)
  // Where there is room, an empty line keeps the block apart from the log.
  return lines.length < most && rows >= roomyRows ? [[], ...lines] : lines
}
