import uPlot from "uplot"
import type { Point, QueriedSeries } from "./Points.js"
import { seriesKey, tagText } from "./Points.js"
import { formatValue } from "./Units.js"

// Okabe and Ito's palette: told apart by colour-blind readers too.
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c", "#b8a900"]

/** Most lines in one chart; more series are counted under it, not drawn. */
const maxLines = colours.length

/** Most points that a line keeps. */
const maxPoints = 20_000

interface Line {
  readonly tags: Point["tags"]
  time: Array<number>
  value: Array<number>
}

const element = <K extends keyof HTMLElementTagNameMap>(name: K, className = ""): HTMLElementTagNameMap[K] => {
  const made = document.createElement(name)
  made.className = className
  return made
}

/** One card: the series of one origin and metric type over a moving window of time. */
export class Chart {
  readonly card = element("article", "card")
  private readonly lines = new Map<string, Line>()
  private readonly hidden = new Set<string>()
  private readonly plotArea = element("div", "plot")
  private readonly legend = element("ul")
  private readonly newest = element("span", "value")
  private plot: uPlot | undefined
  private drawnLines = 0
  private dirty = true

  constructor(readonly origin: string, readonly metricType: string) {
    const title = element("h3", "title")
    const name = element("span")
    name.textContent = `${origin} · ${metricType}`
    name.title = name.textContent
    title.append(name, this.newest)
    this.card.append(title, this.plotArea, this.legend)
    this.card.dataset["metricType"] = metricType
  }

  private line(key: string, tags: Point["tags"]): Line | undefined {
    const known = this.lines.get(key)
    if (known !== undefined) return known
    if (this.lines.size >= maxLines) {
      this.hidden.add(key)
      return undefined
    }
    const line: Line = { tags, time: [], value: [] }
    this.lines.set(key, line)
    return line
  }

  /** Puts history before what arrived meanwhile. */
  fill(series: ReadonlyArray<QueriedSeries>): void {
    for (const { metric_type, origin, points, tags } of series) {
      const line = this.line(seriesKey({ origin, metric_type, tags }), tags)
      if (line === undefined) continue
      const before = line.time[0] ?? Infinity
      const older = points.filter(([time]) => time < before)
      line.time = [...older.map(([time]) => time), ...line.time]
      line.value = [...older.map(([, value]) => value), ...line.value]
    }
    this.dirty = true
  }

  /** Adds a point that just arrived. */
  add(point: Point): void {
    const line = this.line(seriesKey(point), point.tags)
    if (line === undefined) return
    // A late point belongs where it happened.
    let at = line.time.length
    while (at > 0 && line.time[at - 1] > point.timestamp) at--
    line.time.splice(at, 0, point.timestamp)
    line.value.splice(at, 0, point.value)
    this.dirty = true
  }

  /** Draws what is new. `now` and `window` are ms. */
  draw(now: number, window: number): void {
    for (const line of this.lines.values()) {
      let stale = Math.max(0, line.time.length - maxPoints)
      while (stale < line.time.length && line.time[stale] < now - window) stale++
      if (stale > 0) {
        line.time.splice(0, stale)
        line.value.splice(0, stale)
      }
    }
    const lines = [...this.lines.values()]
    if (this.plot === undefined || this.drawnLines !== lines.length) this.rebuild(lines)
    const range = { min: (now - window) / 1000, max: now / 1000 }
    if (this.dirty) {
      // A long window may hold several points of each line at one instant:
      // uPlot joins them on one time axis.
      const tables = lines.map((line): uPlot.AlignedData => [line.time.map((time) => time / 1000), line.value])
      this.plot?.setData(tables.length === 0 ? [[]] : uPlot.join(tables), false)
      this.showNewest(lines)
      this.dirty = false
    }
    this.plot?.setScale("x", range)
  }

  /** Fits the plot to its card. */
  resize(): void {
    this.plot?.setSize({ width: this.plotArea.clientWidth, height: this.plotArea.clientHeight })
  }

  private showNewest(lines: ReadonlyArray<Line>): void {
    const newest = lines.reduce<{ time: number; value: number } | undefined>((best, line) => {
      const time = line.time.at(-1)
      const value = line.value.at(-1)
      return time !== undefined && value !== undefined && (best === undefined || time >= best.time)
        ? { time, value }
        : best
    }, undefined)
    this.newest.textContent = newest === undefined || lines.length > 1 ? "" : formatValue(this.metricType, newest.value)
    const items = this.legend.children
    lines.forEach((line, index) => {
      const value = line.value.at(-1)
      const label = items.item(index)?.lastChild
      if (label !== null && label !== undefined && value !== undefined) {
        label.textContent = `${label.textContent?.split("\u2002")[0] ?? ""}\u2002${formatValue(this.metricType, value)}`
      }
    })
  }

  private rebuild(lines: ReadonlyArray<Line>): void {
    this.plot?.destroy()
    this.drawnLines = lines.length
    const style = getComputedStyle(document.documentElement)
    const faint = style.getPropertyValue("--faint")
    const grid = { stroke: style.getPropertyValue("--line"), width: 1 }
    const names = this.labels(lines)
    this.plot = new uPlot(
      {
        width: Math.max(1, this.plotArea.clientWidth),
        height: this.plotArea.clientHeight,
        cursor: { drag: { x: false, y: false } },
        legend: { show: false },
        scales: { x: { time: true, auto: false } },
        axes: [
          { stroke: faint, grid, ticks: grid, font: "11px system-ui" },
          {
            stroke: faint,
            grid,
            ticks: grid,
            size: 66,
            font: "11px system-ui",
            values: (_, splits) => splits.map((value) => formatValue(this.metricType, value))
          }
        ],
        series: [
          {},
          ...lines.map((_, index) => ({
            label: names[index],
            stroke: colours[index],
            width: 1.5,
            spanGaps: true,
            points: { size: 4 }
          }))
        ]
      },
      [[]],
      this.plotArea
    )
    this.legend.replaceChildren(
      ...(lines.length < 2 && names[0] === "" ? [] : names.map((name, index) => {
        const item = element("li")
        const mark = element("i")
        mark.style.background = colours[index]
        item.append(mark, name)
        return item
      }))
    )
    if (this.hidden.size > 0) {
      const item = element("li")
      item.textContent = `and ${this.hidden.size} more series (use the filter)`
      this.legend.append(item)
    }
    this.dirty = true
  }

  /** What tells the lines apart: tags that all of them share are left out. */
  private labels(lines: ReadonlyArray<Line>): ReadonlyArray<string> {
    const [first, ...rest] = lines
    if (first === undefined) return []
    const shared = new Set(
      rest.length === 0
        ? []
        : Object.keys(first.tags).filter((key) => rest.every((line) => line.tags[key] === first.tags[key]))
    )
    return lines.map((line) => tagText(line.tags, shared) || (rest.length === 0 ? "" : "(no tags)"))
  }
}
