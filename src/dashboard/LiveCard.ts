import { formatValue } from "../domain/Units.js"
import type { ChartLine } from "./ChartLine.js"
import { element, setText } from "./element.js"
import type { Feed } from "./Feed.js"
import { type Point, seriesKey, tagText } from "./Points.js"
import { ask } from "./Server.js"
import { TimeChart } from "./TimeChart.js"

/** Most lines in one card; the series beyond are counted, not drawn. */
const maxLines = 16

/** Which series a card shows. */
export interface CardOptions {
  readonly title: string
  /** A second line beside the title, in small. */
  readonly subtitle?: string
  readonly origin: string
  /** Metric types with the names that their lines get; no name where the tags tell enough. */
  readonly metricTypes: ReadonlyArray<readonly [metricType: string, name: string]>
  /** Only series with these tags. */
  readonly tags: { readonly [key: string]: string }
  /** Upper end of the scale. */
  readonly max?: number
  /** Whether the scale always reaches to 0. */
  readonly zero?: boolean
  /** Whether a value holds until the next one, as a clock's does. */
  readonly stepped?: boolean
  /** Values from here on call for attention, and from there on for action. */
  readonly alarm?: readonly [attention: number, action: number]
  /** What stands big beside the title; by default the newest value where there is one line. */
  readonly headline?: (newest: ReadonlyMap<string, Point>) => string
}

/** A chart that fills itself: with history when it begins, then with what arrives. */
export class LiveCard {
  readonly root: HTMLElement
  private readonly chart: TimeChart
  private readonly names: ReadonlyMap<string, string>
  private readonly tags: ReadonlyArray<readonly [string, string]>
  private readonly newest = new Map<string, Point>()
  private readonly value = element("span", { class: "value" })
  private readonly hidden = new Set<string>()
  private readonly more = element("p", { class: "more" })
  private question = new AbortController()

  constructor(private readonly options: CardOptions) {
    const { max, metricTypes, origin, stepped = false, subtitle, tags, title, zero = false } = options
    this.names = new Map(metricTypes)
    this.tags = Object.entries(tags)
    this.chart = new TimeChart({ title, stepped, zero, ...(max === undefined ? undefined : { max }) })
    this.root = element(
      "article",
      { class: "card", "data-metric-type": metricTypes[0][0], "data-origin": origin },
      element(
        "h3",
        { class: "title" },
        element("span", { title }, title, ...(subtitle === undefined ? [] : [element("small", {}, subtitle)])),
        this.value
      ),
      this.chart.root,
      this.more
    )
    this.more.hidden = true
  }

  /** Whether a point belongs here. */
  takes(point: Point): boolean {
    return point.origin === this.options.origin && this.names.has(point.metric_type) &&
      this.tags.every(([key, value]) => point.tags[key] === value)
  }

  /** Adds a point that just arrived. */
  add(point: Point): void {
    const key = this.line(point)
    if (key !== undefined) this.chart.add(key, point.timestamp, point.value)
  }

  /** Asks for the last `window` ms, and draws what comes; the series must be known from the feed. */
  load(feed: Feed, window: number, step: number, failed: (error: unknown) => void): void {
    const from = feed.now() - window
    this.question.abort()
    this.question = new AbortController()
    const { signal } = this.question
    for (const point of feed.newest.values()) if (this.takes(point)) this.line(point)
    for (const metricType of this.names.keys()) {
      if (![...this.newest.values()].some((point) => point.metric_type === metricType)) continue
      const { origin, tags } = this.options
      ask({ metricType, origin, tags, from, step }, signal).then(
        (series) => {
          for (const one of series) {
            const key = seriesKey(one)
            if (this.chart.has(key)) this.chart.replace(key, merge(one.points, this.chart.pointsOf(key)))
          }
          this.draw(feed.now(), window)
        },
        (error: unknown) => {
          if (!signal.aborted) failed(error)
        }
      )
    }
  }

  /** Whether its chart is on the screen. */
  get isVisible(): boolean {
    return this.chart.isVisible
  }

  /** Draws the last `window` ms. */
  draw(now: number, window: number): void {
    this.chart.forget(now - window - 60_000)
    const first = this.chart.first ?? now
    this.chart.draw(Math.max(now - window, Math.min(first, now - 60_000)), now)
  }

  /** Writes what is newest. */
  tell(): void {
    this.root.hidden = this.newest.size === 0
    if (this.root.hidden) return
    const { alarm, headline } = this.options
    const single = this.newest.size === 1 ? [...this.newest.values()][0] : undefined
    setText(
      this.value,
      headline !== undefined
        ? headline(this.newest)
        : single === undefined
        ? ""
        : formatValue(single.metric_type, single.value)
    )
    if (alarm !== undefined) {
      const worst = Math.max(...[...this.newest.values()].map(({ value }) => value))
      this.root.dataset["alarm"] = worst >= alarm[1] ? "action" : worst >= alarm[0] ? "attention" : ""
    }
  }

  /** Takes the card off the page. */
  destroy(): void {
    this.question.abort()
    this.chart.destroy()
    this.root.remove()
  }

  private line(point: Point): string | undefined {
    const key = seriesKey(point)
    const known = this.newest.get(key)
    if (known !== undefined) {
      if (known.timestamp <= point.timestamp) this.newest.set(key, point)
      return key
    }
    if (this.newest.size >= maxLines) {
      this.hidden.add(key)
      this.more.hidden = false
      setText(this.more, `and ${this.hidden.size} more series: see Explore`)
      return undefined
    }
    this.newest.set(key, point)
    this.chart.setLines(this.labelled())
    return key
  }

  /** Lines named by what tells them apart: tags that all of them share are left out. */
  private labelled(): ReadonlyArray<ChartLine> {
    const order = [...this.names.keys()]
    const points = [...this.newest.values()].sort((a, b) =>
      order.indexOf(a.metric_type) - order.indexOf(b.metric_type) || (seriesKey(a) < seriesKey(b) ? -1 : 1)
    )
    const [first, ...rest] = points
    const shared = new Set(
      Object.keys(first.tags).filter((key) => rest.every(({ tags }) => tags[key] === first.tags[key]))
    )
    return points.map((point) => ({
      key: seriesKey(point),
      metricType: point.metric_type,
      label: [this.names.get(point.metric_type) ?? "", shortTags(point.tags, shared)].filter((part) => part !== "")
        .join(" ")
    }))
  }
}

// Where one tag tells lines apart, its name is no news.
const shortTags = (tags: { readonly [key: string]: string }, without: ReadonlySet<string>): string => {
  const own = Object.entries(tags).filter(([key]) => !without.has(key))
  return own.length === 1 && /\D/.test(own[0][1]) ? own[0][1] : tagText(tags, without)
}

type Pair = readonly [number, number | null]

// History ends where the bucket that is still filling begins.
const merge = (history: ReadonlyArray<Pair>, live: ReadonlyArray<Pair>): ReadonlyArray<Pair> => {
  const first = live[0]?.[0] ?? Infinity
  const last = history.at(-1)?.[0] ?? -Infinity
  return first > last ? [...history, ...live] : [...history, ...live.filter(([time]) => time > last)]
}
