import { plot } from "simple-ascii-chart"
import { printable } from "../../domain/Printable.js"
import { formatIso } from "../../domain/Timestamp.js"
import { formatUnit, tickSteps, type Unit } from "../../domain/Units.js"

/** Points of one series, oldest first; times are ms since the epoch. */
export interface ChartLine {
  readonly name: string
  readonly points: ReadonlyArray<readonly [time: number, value: number]>
}

/** How a chart is drawn. */
export interface ChartSettings {
  readonly unit: Unit
  /** Columns that there are. */
  readonly width: number
  readonly colour: boolean
}

const colours = ["ansiCyan", "ansiYellow", "ansiMagenta", "ansiGreen", "ansiRed", "ansiBlue"] as const
const codes = { ansiCyan: 36, ansiYellow: 33, ansiMagenta: 35, ansiGreen: 32, ansiRed: 31, ansiBlue: 34 } as const

/** Most lines that a chart can tell apart. */
export const MAX_CHART_LINES = colours.length

const height = 12

// A terminal shows one mark a column: the lowest and the highest value of it are all that can be seen.
const thin = (
  points: ChartLine["points"],
  from: number,
  to: number,
  columns: number
): Array<[number, number]> => {
  if (points.length <= 2 * columns) return points.map(([time, value]) => [time, value])
  const kept: Array<[number, number]> = []
  const width = (to - from) / columns
  for (let i = 0; i < points.length;) {
    const column = Math.floor((points[i][0] - from) / width)
    let low = points[i]
    let high = points[i]
    for (; i < points.length && Math.floor((points[i][0] - from) / width) === column; i++) {
      if (points[i][1] < low[1]) low = points[i]
      if (points[i][1] > high[1]) high = points[i]
    }
    const both = low[0] <= high[0] ? [low, high] : [high, low]
    for (const [time, value] of low === high ? [low] : both) kept.push([time, value])
  }
  return kept
}

/** Round numbers that read differently, from the last one before `from` to the first one after `to`. */
const ticksAround = (
  from: number,
  to: number,
  steps: ReadonlyArray<number>,
  label: (tick: number) => string
): Array<number> => {
  for (const step of steps) {
    const first = Math.floor(from / step)
    const last = Math.max(Math.ceil(to / step), first + 1)
    if (last - first >= height / 2) continue
    const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
    if (new Set(ticks.map(label)).size === ticks.length) return ticks
  }
  return [from, to]
}

const second = 1000
const timeSteps = [1, 2, 5, 10, 15, 30]
  .map((seconds) => seconds * second)
  .concat([1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 40_320].map((minutes) => minutes * 60_000))

const timeTicks = (from: number, to: number, most: number): { readonly step: number; readonly at: Array<number> } => {
  for (const step of timeSteps) {
    const first = Math.ceil(from / step)
    const count = Math.floor(to / step) - first + 1
    if (count > 0 && count <= most) return { step, at: Array.from({ length: count }, (_, i) => (first + i) * step) }
  }
  return { step: 0, at: [from] }
}

const timeLabel = (time: number, step: number): string => {
  const text = formatIso(time)
  if (step === 0) return text.slice(5, 16)
  return step >= 86_400_000 ? text.slice(5, 10) : step >= 60_000 ? text.slice(11, 16) : text.slice(11, 19)
}

const draw = (
  lines: ReadonlyArray<ChartLine>,
  { colour, unit, width }: ChartSettings,
  from: number,
  to: number
): string => {
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value))
  const least = values.reduce((one, other) => Math.min(one, other), Infinity)
  const most = values.reduce((one, other) => Math.max(one, other), -Infinity)
  // Round labels of values that hardly differ would be the same.
  const room = Math.max(0, Math.abs(most) / 100 - (most - least)) || (most === least ? 1 : 0)
  const lowest = least >= 0 ? Math.max(0, least - room / 2) : least - room / 2
  const label = (value: number) => formatUnit(unit, value)
  const ticks = ticksAround(lowest, most + room / 2, tickSteps(unit), label)
  const labels = ticks.map((tick) => label(tick).length)
  // The axis, its arrow and a margin stand beside the labels.
  const columns = Math.max(10, width - Math.max(...labels) - 5)
  const times = timeTicks(from, to, Math.max(1, Math.floor(columns / 12)))
  const marks = lines.map(({ points }) => thin(points, from, to, columns))
  return plot(marks, {
    width: columns,
    height,
    yRange: [ticks[0], ticks[ticks.length - 1]],
    customXAxisTicks: times.at,
    customYAxisTicks: ticks,
    formatter: (value, { axis }) => axis === "x" ? timeLabel(value, times.step) : label(value),
    ...(colour ? { color: lines.map((_, i) => colours[i]) } : {})
  }).split("\n").map((line) => line.trimEnd()).filter((line) => line !== "").join("\n")
}

const mark = (line: number, colour: boolean): string => colour ? `\u001b[${codes[colours[line]]}m━\u001b[0m ` : ""

/**
 * Draws lines, at most {@link MAX_CHART_LINES}, each with at least one point,
 * for a terminal; times are UTC. Without colours each line gets a chart of its
 * own, because nothing else would tell them apart.
 */
export const renderChart = (lines: ReadonlyArray<ChartLine>, settings: ChartSettings): string => {
  const times = lines.flatMap(({ points }) => [points[0][0], points[points.length - 1][0]])
  const from = times.reduce((one, other) => Math.min(one, other), Infinity)
  const to = times.reduce((one, other) => Math.max(one, other), -Infinity)
  const legend = lines.map(({ name }, i) => mark(i, settings.colour) + printable(name).slice(0, settings.width - 2))
  return settings.colour || lines.length === 1
    ? [draw(lines, settings, from, to), ...legend].join("\n")
    : lines.map((line, i) => `${legend[i]}\n${draw([line], settings, from, to)}`).join("\n\n")
}
