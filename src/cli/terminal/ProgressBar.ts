import { formatCompact } from "../../domain/Units.js"

/** How far a work of known size is. */
export interface Progress {
  readonly done: number
  readonly total: number
  /** What was done in each second of late. */
  readonly perSecond: number
  /** Stands behind the figures, as in `B` for bytes. */
  readonly unit?: string
}

const secondsText = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : "over 90 min"

/**
 * Draws progress as a bar with figures, in less than `width` columns; where
 * the terminal is narrow the bar goes first, then the later figures.
 */
export const renderProgress = ({ done, perSecond, total, unit = "" }: Progress, width: number): string => {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const left = total - done
  const figures = [
    `${String(Math.floor(share * 100)).padStart(3)}%`,
    `${formatCompact(done)}${unit} of ${formatCompact(total)}${unit}`,
    `${formatCompact(perSecond)}${unit}/s`,
    ...(left > 0 && perSecond > 0 ? [`about ${secondsText(left / perSecond)} left`] : [])
  ]
  let text = ""
  for (const figure of figures) {
    const longer = text === "" ? figure : `${text}  ${figure}`
    if (longer.length > width - 1) break
    text = longer
  }
  const room = Math.min(40, width - text.length - 5)
  if (room < 8) return text
  const filled = Math.floor(share * room)
  return `[${"#".repeat(filled)}${"-".repeat(room - filled)}] ${text}`
}
