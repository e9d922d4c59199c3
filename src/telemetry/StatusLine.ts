import { displayWidth } from "../domain/DisplayWidth.js"
import { printableLine } from "../domain/Printable.js"
import { formatCompact } from "../domain/Units.js"
import type { PipelineSnapshot } from "./PipelineStatus.js"

/** A second's share of what came in `millis` ms; nothing where no time went by, or a counter began anew. */
export const rateOf = (count: number, millis: number): number => millis > 0 ? Math.max(0, count) * 1000 / millis : 0

/** Text as it stands in a line of known width: where a tab leads only the terminal knows. */
export const oneLine = (text: string): string => printableLine(text).replaceAll("\t", " ")

const gathered = ({ generators }: PipelineSnapshot): number => generators.reduce((sum, one) => sum + one.gathered, 0)

const lost = ({ generators, sender }: PipelineSnapshot): number =>
  generators.reduce((sum, one) => sum + one.dropped + one.invalid, sender.rejected + sender.dropped)

/**
 * Writes a pipeline's state in one line of at most `width` columns: transport,
 * rates, what waits and what was lost. `before` is the state `millis` ms
 * earlier. Where the line is too long, its later parts are left out.
 */
export const renderStatusLine = (
  now: PipelineSnapshot,
  before: PipelineSnapshot,
  millis: number,
  width: number
): string => {
  const perSecond = (read: (snapshot: PipelineSnapshot) => number): string =>
    `${formatCompact(rateOf(read(now) - read(before), millis))}/s`
  const failing = now.generators.filter(({ state }) => state === "waiting").map(({ name }) => oneLine(name))
  const parts = [
    now.sender.transport,
    `in ${perSecond(gathered)}`,
    `out ${perSecond(({ sender }) => sender.acknowledged)}`,
    `pending ${formatCompact(now.sender.pending)}`,
    ...lost(now) === 0 ? [] : [`lost ${formatCompact(lost(now))}`],
    ...now.sender.unverified === 0 ? [] : [`unverified ${formatCompact(now.sender.unverified)}`],
    ...failing.length === 0 ? [] : [`failing ${failing.join(" ")}`],
    `queue ${formatCompact(now.queue.size)}`,
    // In plain mode it is the word of the server, where that says anything.
    `${now.sender.plain ? "delivered" : "stored"} ${formatCompact(now.sender.acknowledged - now.sender.rejected)}`
  ]
  let line = ""
  for (const part of parts) {
    const longer = line === "" ? part : `${line} · ${part}`
    if (displayWidth(longer) > width - 1) break
    line = longer
  }
  return line
}
