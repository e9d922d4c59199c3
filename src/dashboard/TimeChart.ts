import uPlot from "uplot"
import { formatUnit, tickSteps, type Unit, unitOf } from "../domain/Units.js"
import type { ChartLine } from "./ChartLine.js"
import type { DrawnLine } from "./Csv.js"
import { element, setText } from "./element.js"
import { colourOf, dashOf } from "./Palette.js"

/** How a chart looks and what it does. */
export interface ChartOptions {
  /** What it shows, for those who cannot see it. */
  readonly title: string
  /** Upper end of the scale, where it is known. */
  readonly max?: number
  /** Whether a value holds until the next one. */
  readonly stepped?: boolean
  /** Whether the scale always reaches to 0. */
  readonly zero?: boolean
  /** Most points that a line keeps. */
  readonly maxPoints?: number
  /** Called with the part that was selected by dragging, ms since the epoch. */
  readonly zoomed?: (from: number, to: number) => void
}

interface Line extends ChartLine {
  time: Array<number>
  value: Array<number | null>
  hidden: boolean
  label: string
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
const seconds = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23"
})
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" })

const tickLabels = (_: uPlot, splits: ReadonlyArray<number>, __: number, ___: number, step: number): Array<string> =>
  splits.map((at, i) => {
    const date = new Date(at * 1000)
    if (step >= 86_400) return day.format(date)
    const time = (step < 60 ? seconds : clock).format(date)
    const newDay = i > 0 && new Date(splits[i - 1] * 1000).getDate() !== date.getDate()
    return newDay ? `${time}\n${day.format(date)}` : time
  })

// uPlot names its sides by an enum that exists in its types only.
const side = { left: 3, right: 1 }

// Where ticks may fall between two minutes their labels carry seconds and need more room.
const timeAxisSpace = (_: uPlot, __: number, min: number, max: number, width: number): number =>
  width * 60 / (max - min) > 88 ? 66 : 44

const timeAxisSize = (_: uPlot, labels: ReadonlyArray<string> | null): number =>
  labels?.some((label) => label.includes("\n")) === true ? 36 : 24

/** Writes an instant as people read it, to the second. */
export const formatInstant = (millis: number): string => `${day.format(millis)} ${seconds.format(millis)}`

// Silence longer than this is shown as a gap: several times the distance that
// the points of a line usually have.
const gapOf = (time: ReadonlyArray<number>): number => {
  const deltas: Array<number> = []
  for (let i = Math.max(1, time.length - 50); i < time.length; i++) deltas.push(time[i] - time[i - 1])
  deltas.sort((a, b) => a - b)
  return Math.max(10_000, 6 * (deltas[Math.floor(deltas.length / 2)] ?? 0))
}

/** The columns of a line with a hole wherever it was silent. */
const withGaps = ({ time, value }: Line): uPlot.AlignedData => {
  const gap = gapOf(time)
  const x: Array<number> = []
  const y: Array<number | null> = []
  for (let i = 0; i < time.length; i++) {
    if (i > 0 && time[i] - time[i - 1] > gap) {
      x.push((time[i - 1] + 1) / 1000)
      y.push(null)
    }
    x.push(time[i] / 1000)
    y.push(value[i])
  }
  return [x, y]
}

const isAlike = (one: ChartLine, other: ChartLine): boolean =>
  one.key === other.key && one.label === other.label && one.metricType === other.metricType

/** Most lines that are told beside the pointer: those nearest to it. */
const maxTold = 12

const redrawn = new Set<TimeChart>()

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of redrawn) chart.rebuild()
})

/** The colour of a line, and whether it is dashed, beside its name. */
const swatchOf = (index: number): HTMLElement =>
  element("i", {
    style: `border-top: 3px ${index < 8 ? "solid" : "dashed"} ${colourOf(index)}`,
    "aria-hidden": "true"
  })

/**
 * Lines over time, with a legend that tells the newest values, or those under
 * the pointer, which are told beside it too. It draws only while it is on the screen and has something new.
 */
export class TimeChart {
  readonly root = element("div", { class: "chart" })
  private readonly plotArea = element("div", { class: "plot", role: "img" })
  private readonly legend = element("ul", { class: "legend" })
  // Those who hear the page have the legend, and the table under a chart that is explored.
  private readonly tip = element("div", { class: "tip", "aria-hidden": "true", hidden: true })
  private readonly lines = new Map<string, Line>()
  private readonly sizes: ResizeObserver
  private readonly sight: IntersectionObserver
  private plot: uPlot | undefined
  private visible = false
  private dirty = true
  private stale = true
  private hover: number | undefined
  private range: readonly [from: number, to: number] = [0, 1]

  constructor(private readonly options: ChartOptions) {
    this.plotArea.setAttribute("aria-label", options.title)
    this.root.append(this.plotArea, this.legend)
    this.sizes = new ResizeObserver(() => {
      const { clientHeight, clientWidth } = this.plotArea
      if (clientWidth > 0) this.plot?.setSize({ width: clientWidth, height: clientHeight })
    })
    this.sizes.observe(this.plotArea)
    this.sight = new IntersectionObserver((entries) => {
      this.visible = entries.some((entry) => entry.isIntersecting)
      if (this.visible) this.draw(...this.range)
    })
    this.sight.observe(this.root)
    redrawn.add(this)
  }

  /** Takes the chart off the page. */
  destroy(): void {
    redrawn.delete(this)
    this.sizes.disconnect()
    this.sight.disconnect()
    this.plot?.destroy()
    this.root.remove()
  }

  /** The lines in their order, with what is drawn of them. */
  get drawn(): ReadonlyArray<DrawnLine> {
    return [...this.lines.values()].filter(({ hidden }) => !hidden)
  }

  /** Whether it is on the screen. */
  get isVisible(): boolean {
    return this.visible
  }

  /** The first instant of any line, ms since the epoch. */
  get first(): number | undefined {
    let first: number | undefined
    for (const { time } of this.lines.values()) {
      if (time.length > 0 && (first === undefined || time[0] < first)) first = time[0]
    }
    return first
  }

  /** Whether a line is there. */
  has(key: string): boolean {
    return this.lines.has(key)
  }

  /** Says which lines there are, in their order; those that stay keep their points. */
  setLines(lines: ReadonlyArray<ChartLine>): void {
    const shown = [...this.lines.values()]
    // A plot that is made anew forgets where the pointer is, and what it has begun to select.
    if (lines.length === shown.length && lines.every((line, i) => isAlike(line, shown[i]))) return
    const before = new Map(this.lines)
    this.lines.clear()
    for (const line of lines) {
      const { hidden = false, time = [], value = [] } = before.get(line.key) ?? {}
      this.lines.set(line.key, { ...line, time, value, hidden })
    }
    this.stale = true
  }

  /** What a line has, oldest first. */
  pointsOf(key: string): ReadonlyArray<readonly [number, number | null]> {
    const line = this.lines.get(key)
    return line === undefined ? [] : line.time.map((time, i) => [time, line.value[i]] as const)
  }

  /** Puts points in the place of all that a line has. */
  replace(key: string, points: ReadonlyArray<readonly [number, number | null]>): void {
    const line = this.lines.get(key)
    if (line === undefined) return
    line.time = points.map(([time]) => time)
    line.value = points.map(([, value]) => value)
    this.dirty = true
  }

  /** Adds a point that just arrived. */
  add(key: string, time: number, value: number): void {
    const line = this.lines.get(key)
    if (line === undefined) return
    // A late point belongs where it happened.
    let at = line.time.length
    while (at > 0 && line.time[at - 1] > time) at--
    line.time.splice(at, 0, time)
    line.value.splice(at, 0, value)
    const most = this.options.maxPoints ?? 20_000
    if (line.time.length > most * 1.1) {
      line.time.splice(0, line.time.length - most)
      line.value.splice(0, line.value.length - most)
    }
    this.dirty = true
  }

  /** Forgets what lies before an instant. */
  forget(before: number): void {
    for (const line of this.lines.values()) {
      let old = 0
      while (old < line.time.length && line.time[old] < before) old++
      if (old === 0) continue
      line.time.splice(0, old)
      line.value.splice(0, old)
    }
  }

  /** Shows `from` ≤ t < `to`, ms since the epoch. */
  draw(from: number, to: number): void {
    this.range = [from, to]
    if (!this.visible) return
    if (this.plot === undefined || this.stale) this.rebuild()
    const { plot } = this
    if (plot === undefined) return
    plot.batch(() => {
      if (this.dirty) {
        const tables = [...this.lines.values()].map(withGaps)
        plot.setData(tables.length === 0 ? [[]] : uPlot.join(tables), false)
        this.dirty = false
      }
      plot.setScale("x", { min: from / 1000, max: to / 1000 })
    })
    this.tell()
  }

  /** The picture of the plot as it stands. */
  get canvas(): HTMLCanvasElement | undefined {
    return this.plot?.ctx.canvas
  }

  /** Makes the plot anew: other lines, other colours. */
  rebuild(): void {
    this.plot?.destroy()
    this.stale = false
    this.dirty = true
    const style = getComputedStyle(document.documentElement)
    const faint = style.getPropertyValue("--faint")
    const grid = { stroke: style.getPropertyValue("--line"), width: 1 }
    const font = "11px system-ui, sans-serif"
    const lines = [...this.lines.values()]
    const units = [...new Set(lines.map(({ metricType }) => unitOf(metricType)))]
    if (units.length === 0) units.push("number")
    const axis = (unit: Unit, index: number): uPlot.Axis => ({
      scale: unit,
      show: index < 2,
      stroke: faint,
      grid: index === 0 ? grid : { show: false },
      ticks: { show: false },
      size: 62,
      gap: 6,
      font,
      space: 28,
      incrs: tickSteps(unit),
      values: (_, splits) => splits.map((value) => formatUnit(unit, value))
    })
    const stepped = this.options.stepped === true ? uPlot.paths.stepped?.({ align: 1 }) : undefined
    this.plot = new uPlot(
      {
        width: Math.max(1, this.plotArea.clientWidth),
        height: Math.max(1, this.plotArea.clientHeight),
        cursor: {
          drag: { x: this.options.zoomed !== undefined, y: false, setScale: false },
          points: { size: 6 }
        },
        legend: { show: false },
        scales: {
          x: { time: true, auto: false },
          ...Object.fromEntries(units.map((unit) => [unit, { range: this.rangeOf(unit) }]))
        },
        axes: [
          {
            stroke: faint,
            grid: { show: false },
            ticks: { ...grid, size: 4 },
            font,
            space: timeAxisSpace,
            size: timeAxisSize,
            values: tickLabels
          },
          ...units.map((unit, index) =>
            Object.assign(axis(unit, index), { side: index === 0 ? side.left : side.right })
          )
        ],
        series: [
          {},
          ...lines.map(({ hidden, label, metricType }, index): uPlot.Series => ({
            label,
            scale: unitOf(metricType),
            stroke: colourOf(index),
            width: 1.5,
            show: !hidden,
            points: { size: 4 },
            ...(stepped === undefined ? undefined : { paths: stepped }),
            ...(index < 8 ? undefined : { dash: dashOf(index) }),
            // What is filled seems to be counted from 0: it has to be.
            ...(lines.length === 1
              ? {
                fill: ({ scales }) => reachesZero(scales[unitOf(metricType)]) ? `${colourOf(index)}22` : "transparent"
              }
              : undefined)
          }))
        ],
        hooks: {
          setCursor: [(plot) => {
            this.hover = plot.cursor.idx ?? undefined
            this.tell()
            this.point()
          }],
          setSelect: [(plot) => {
            if (plot.select.width < 4) return
            const from = plot.posToVal(plot.select.left, "x") * 1000
            const to = plot.posToVal(plot.select.left + plot.select.width, "x") * 1000
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
            this.options.zoomed?.(from, to)
          }]
        }
      },
      [[]],
      this.plotArea
    )
    this.plotArea.replaceChildren(this.plot.root, this.tip)
    this.legend.replaceChildren(...lines.map((line, index) => this.legendItem(line, index)))
    this.legend.hidden = lines.length < 2 && (lines[0]?.label ?? "") === ""
    this.draw(...this.range)
  }

  private rangeOf(unit: Unit): uPlot.Scale.Range {
    return (_, min, max) => {
      const { max: top } = this.options
      if (top !== undefined && unit === "percent") return [0, Math.max(top, max ?? 0)]
      if (!Number.isFinite(min) || !Number.isFinite(max) || min === null || max === null) return [0, 1]
      // A value that does not change says nothing about a scale of its own.
      const fromZero = this.options.zero === true || max === min
      if (min >= 0 && (fromZero || min <= max / 2)) {
        const padded = max === 0 ? 1 : max * 1.08
        return [0, unit === "percent" && max <= 100 ? Math.min(100, padded) : padded]
      }
      if (max <= 0 && (fromZero || max >= min / 2)) return [min * 1.08, 0]
      const pad = (max - min) * 0.08
      return [min - pad, max + pad]
    }
  }

  private legendItem(line: Line, index: number): HTMLLIElement {
    const toggle = element(
      "button",
      {
        type: "button",
        "aria-pressed": String(!line.hidden),
        title: `${line.label || this.options.title}: show or hide`
      },
      swatchOf(index),
      element("span", {}, line.label || this.options.title),
      element("b")
    )
    toggle.addEventListener("click", () => {
      line.hidden = !line.hidden
      toggle.setAttribute("aria-pressed", String(!line.hidden))
      this.plot?.setSeries(index + 1, { show: !line.hidden })
    })
    return element("li", {}, toggle)
  }

  /** Tells the lines nearest to the pointer beside it, in the order in which they lie there. */
  private point(): void {
    const { hover, plot } = this
    const at = hover === undefined ? undefined : plot?.data[0][hover]
    this.tip.hidden = at === undefined
    if (hover === undefined || plot === undefined || at === undefined) return
    const { left = 0, top = 0 } = plot.cursor
    const told = [...this.lines.values()].flatMap((line, index) => {
      const value = line.hidden ? undefined : valueAt(plot, line, index + 1, hover)
      if (value === undefined) return []
      const unit = unitOf(line.metricType)
      return [{ line, index, text: formatUnit(unit, value), y: plot.valToPos(value, unit) }]
    })
    const nearest = told.sort((a, b) => Math.abs(a.y - top) - Math.abs(b.y - top)).slice(0, maxTold)
    const more = told.length - nearest.length
    this.tip.replaceChildren(
      element("b", {}, formatInstant(at * 1000)),
      ...nearest.sort((a, b) => a.y - b.y).map(({ index, line, text }) =>
        element(
          "span",
          {},
          swatchOf(index),
          element("span", {}, line.label || this.options.title),
          element("b", {}, text)
        )
      ),
      ...(more > 0 ? [element("small", {}, `and ${more} more`)] : [])
    )
    const { clientWidth, offsetLeft } = plot.over
    const onLeft = left > clientWidth / 2
    this.tip.style.left = onLeft ? "auto" : `${offsetLeft + left + 14}px`
    this.tip.style.right = onLeft ? `${this.plotArea.clientWidth - offsetLeft - left + 14}px` : "auto"
  }

  /** Writes the values under the pointer, or the newest, into the legend. */
  private tell(): void {
    const { hover, plot } = this
    const newest: Array<string> = []
    let index = 0
    for (const line of this.lines.values()) {
      const at = hover === undefined || plot === undefined ? undefined : valueAt(plot, line, index + 1, hover)
      const value = hover === undefined ? lastOf(line.value) : at
      const text = value === undefined ? "–" : formatUnit(unitOf(line.metricType), value)
      const target = this.legend.children.item(index)?.querySelector("b")
      if (target !== null && target !== undefined) setText(target, text)
      if (index < 8) newest.push(`${line.label} ${text}`.trim())
      index++
    }
    if (hover === undefined) this.plotArea.setAttribute("aria-label", `${this.options.title}: ${newest.join(", ")}`)
  }
}

const reachesZero = ({ max, min }: uPlot.Scale): boolean =>
  typeof min === "number" && typeof max === "number" && min <= 0 && max >= 0

const lastOf = (values: ReadonlyArray<number | null>): number | undefined => {
  for (let i = values.length - 1; i >= 0; i--) {
    const value = values[i]
    if (value !== null) return value
  }
  return undefined
}

// Lines on one time axis have values at different instants: the pointer means
// the last one before it, unless the line had fallen silent by then.
const valueAt = (plot: uPlot, line: Line, series: number, index: number): number | undefined => {
  const [times] = plot.data
  const values = plot.data[series]
  const oldest = times[index] - gapOf(line.time) / 1000
  for (let i = index; i >= 0 && times[i] >= oldest; i--) {
    const value = values?.[i]
    if (value === null) return undefined
    if (value !== undefined) return value
  }
  return undefined
}
