import { aggregates, isAggregate } from "../domain/Aggregate.js"
import { formatValue } from "../domain/Units.js"
import type { ChartLine } from "./ChartLine.js"
import { saveCsv, savePng } from "./Download.js"
import { element, setText } from "./element.js"
import type { Page, PageContext, ShownPage } from "./Page.js"
import { passes, type QueriedSeries, seriesKey, tagText } from "./Points.js"
import { allSeries, ask, queryPath, type SeriesEntry } from "./Server.js"
import { formatInstant, TimeChart } from "./TimeChart.js"
import { readView, stepFor, steps, type View, writeView } from "./View.js"

/** Most lines in the chart; further series are counted. */
const maxLines = 50

/** Most metric types in the list; the search brings the others up. */
const maxListed = 200

const spans: ReadonlyArray<readonly [seconds: number, text: string]> = [
  [300, "last 5 minutes"],
  [900, "last 15 minutes"],
  [3_600, "last hour"],
  [21_600, "last 6 hours"],
  [86_400, "last 24 hours"],
  [604_800, "last 7 days"],
  [2_592_000, "last 30 days"]
]

const stepText = (step: number): string =>
  step % 3_600_000 === 0 ? `${step / 3_600_000} h` : step % 60_000 === 0 ? `${step / 60_000} min` : `${step / 1000} s`

const nameOf = ({ metricType, origin }: View["metrics"][number]): string => `${origin} · ${metricType}`

const sameMetric = (a: View["metrics"][number]) => (b: View["metrics"][number]): boolean =>
  a.origin === b.origin && a.metricType === b.metricType

/** An instant as `datetime-local` wants it: local time, to the second. */
const localText = (millis: number): string => {
  const date = new Date(millis)
  return new Date(millis - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}

// worker=10 after worker=9.
const byName = new Intl.Collator(undefined, { numeric: true })

const button = (text: string, label: string, pressed: () => void): HTMLButtonElement => {
  const made = element("button", { type: "button", "aria-label": label, title: label }, text)
  made.addEventListener("click", pressed)
  return made
}

/** A metric type that can be chosen, and how many series of it were found. */
interface Listed {
  readonly metric: View["metrics"][number]
  count: number
}

class Explore implements ShownPage {
  readonly root = element("div", { class: "page explore" })
  private view: View
  private series: ReadonlyArray<SeriesEntry> = []
  private readonly search = element("input", {
    type: "search",
    id: "search",
    placeholder: "search: cpu, host=web-1",
    "aria-label": "Search series"
  })
  private readonly list = element("ul", { class: "metrics" })
  private shape = ""
  private readonly listMore = element("p", { class: "more" })
  private readonly span = element("select", { id: "range", "aria-label": "Time range" })
  private readonly from = element("input", { type: "datetime-local", step: 1, "aria-label": "From" })
  private readonly to = element("input", { type: "datetime-local", step: 1, "aria-label": "To" })
  private readonly absolute: HTMLElement
  private readonly aggregate = element("select", { id: "aggregate", "aria-label": "Aggregate" })
  private readonly step = element("select", { id: "step", "aria-label": "Step" })
  private readonly by = element("select", { id: "by", "aria-label": "Group by" })
  private readonly tag = element("input", {
    id: "tag",
    list: "tags",
    placeholder: "tag: host=web-1",
    "aria-label": "Only series with this tag"
  })
  private readonly tagChoices = element("datalist", { id: "tags" })
  private readonly chips = element("span", { class: "chips" })
  private readonly chart: TimeChart
  private readonly note = element("p", { class: "more", role: "status" })
  private readonly link = element("a", { class: "button", href: "" }, "JSON")
  private readonly summary = element("tbody")
  private readonly summaryTable: HTMLElement
  private readonly panel: HTMLElement
  private readonly hint = element("p", { class: "hint" }, "Choose metrics from the list to draw them here.")
  private question = new AbortController()
  private asked = 0
  private shown: readonly [from: number, to: number] = [0, 1]

  constructor(private readonly context: PageContext) {
    this.view = readView(context.parameters)
    this.chart = new TimeChart({
      title: "Explore",
      zoomed: (from, to) => this.change({ range: { from, to } }, true)
    })
    for (const [seconds, text] of spans) this.span.append(element("option", { value: seconds }, text))
    this.span.append(element("option", { value: "absolute" }, "from … to"))
    for (const name of aggregates) this.aggregate.append(element("option", { value: name }, name))
    this.step.append(element("option", { value: "" }, "step: auto"))
    for (const step of steps) this.step.append(element("option", { value: step }, `step: ${stepText(step)}`))
    this.absolute = element("span", { class: "absolute" }, this.from, " – ", this.to)
    this.summaryTable = element(
      "div",
      { class: "scroll", tabindex: "0" },
      element(
        "table",
        { class: "summary" },
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            ...["Series", "Minimum", "Average", "Maximum", "Last"].map((title) =>
              element("th", { scope: "col" }, title)
            )
          )
        ),
        this.summary
      )
    )
    this.panel = element(
      "section",
      { class: "panel", "aria-label": "Chart" },
      this.hint,
      this.chart.root,
      this.note,
      this.summaryTable
    )
    const controls = element(
      "form",
      { class: "controls" },
      this.span,
      this.absolute,
      button("◀", "Earlier", () => this.move(-0.5)),
      button("▶", "Later", () => this.move(0.5)),
      button("+", "Zoom in", () => this.scale(0.5)),
      button("−", "Zoom out", () => this.scale(2)),
      this.aggregate,
      this.step,
      this.by,
      this.tag,
      this.tagChoices,
      this.chips,
      element(
        "span",
        { class: "downloads" },
        button("CSV", "CSV: download what is drawn", () => saveCsv("metrics", this.chart.drawn)),
        button("PNG", "PNG: download the picture", () => {
          const { canvas } = this.chart
          if (canvas !== undefined) savePng("metrics", this.title, canvas, this.chart.drawn)
        }),
        this.link,
        button("Copy link", "Copy link to this view", () => void navigator.clipboard.writeText(location.href))
      )
    )
    controls.addEventListener("submit", (event) => {
      event.preventDefault()
      this.addTag()
    })
    this.root.append(
      element(
        "section",
        { class: "panel chooser", "aria-label": "Metrics" },
        this.search,
        this.list,
        this.listMore
      ),
      element("div", { class: "drawing" }, controls, this.panel)
    )
    this.search.addEventListener("input", () => this.fillList())
    this.span.addEventListener("change", () => {
      if (this.span.value !== "absolute") return this.change({ range: { span: Number(this.span.value) * 1000 } }, true)
      const [from, to] = this.instants()
      this.change({ range: { from, to } }, true)
    })
    for (const input of [this.from, this.to]) {
      input.addEventListener("change", () => {
        const from = new Date(this.from.value).getTime()
        const to = new Date(this.to.value).getTime()
        if (from < to) this.change({ range: { from, to } }, true)
      })
    }
    this.aggregate.addEventListener("change", () => {
      const { value } = this.aggregate
      if (isAggregate(value)) this.change({ aggregate: value })
    })
    this.step.addEventListener(
      "change",
      () => this.change({ step: this.step.value === "" ? undefined : Number(this.step.value) })
    )
    this.by.addEventListener("change", () => {
      const { value } = this.by
      this.change({ by: value === "each" ? undefined : value === "all" ? [] : value.slice(3).split(",") })
    })
    this.tag.addEventListener("change", () => this.addTag())
    this.fillControls()
    this.fillList()
    this.refreshSeries()
    void this.ask()
  }

  opened(): void {
    this.refreshSeries()
    void this.ask()
  }

  tick(now: number): void {
    if (!("span" in this.view.range)) return
    const { span } = this.view.range
    const step = this.view.step ?? stepFor(span)
    if (this.series.length === 0 && now - this.asked > 2_000) this.refreshSeries()
    if (now - this.asked >= Math.max(5_000, step)) void this.ask()
  }

  leave(): void {
    this.question.abort()
    this.chart.destroy()
  }

  private get title(): string {
    return this.view.metrics.map(nameOf).join(", ")
  }

  private instants(): readonly [from: number, to: number] {
    const { range } = this.view
    if (!("span" in range)) return [range.from, range.to]
    const now = this.context.feed.now()
    return [now - range.span, now]
  }

  private change(change: Partial<View>, enter = false): void {
    this.view = { ...this.view, ...change }
    this.context.remember(writeView(this.view), enter)
    this.fillControls()
    this.fillList()
    void this.ask()
  }

  private move(part: number): void {
    const [from, to] = this.instants()
    const by = (to - from) * part
    this.change({ range: { from: from + by, to: to + by } }, true)
  }

  private scale(factor: number): void {
    const [from, to] = this.instants()
    if ("span" in this.view.range) return this.change({ range: { span: (to - from) * factor } }, true)
    const middle = (from + to) / 2
    const half = (to - from) / 2 * factor
    this.change({ range: { from: middle - half, to: middle + half } }, true)
  }

  private addTag(): void {
    const [key = "", ...value] = this.tag.value.split("=")
    if (key === "" || value.length === 0) return
    this.tag.value = ""
    this.change({ tags: { ...this.view.tags, [key]: value.join("=") } })
  }

  private refreshSeries(): void {
    this.asked = this.context.feed.now()
    allSeries().then((series) => {
      this.series = series
      this.fillList()
      this.fillControls()
    }, this.context.failed)
  }

  private get chosenSeries(): ReadonlyArray<SeriesEntry> {
    return this.series.filter(({ metric_type, origin }) =>
      this.view.metrics.some(sameMetric({ origin, metricType: metric_type }))
    )
  }

  private fillControls(): void {
    const { aggregate, by, range, step, tags } = this.view
    const relative = "span" in range ? String(range.span / 1000) : "absolute"
    if (![...this.span.options].some(({ value }) => value === relative) && "span" in range) {
      this.span.append(element("option", { value: relative }, `last ${stepText(range.span)}`))
    }
    this.span.value = relative
    this.absolute.hidden = relative !== "absolute"
    if (!("span" in range)) {
      this.from.value = localText(range.from)
      this.to.value = localText(range.to)
    }
    this.aggregate.value = aggregate
    if (step !== undefined && !steps.includes(step)) {
      this.step.append(element("option", { value: step }, `step: ${stepText(step)}`))
    }
    this.step.value = step === undefined ? "" : String(step)
    const chosen = this.chosenSeries
    const keys = [...new Set(chosen.flatMap(({ tags }) => Object.keys(tags)))].sort()
    const grouped = by === undefined ? "each" : by.length === 0 ? "all" : `by:${by.join(",")}`
    const choices = new Map([
      ["each", "each series apart"],
      ["all", "all together"],
      ...keys.map((key) => [`by:${key}`, `by ${key}`] as const),
      ...(grouped.startsWith("by:") ? [[grouped, `by ${grouped.slice(3)}`] as const] : [])
    ])
    this.by.replaceChildren(...[...choices].map(([value, text]) => element("option", { value }, text)))
    this.by.value = grouped
    const pairs = new Set(
      chosen.flatMap(({ tags }) => Object.entries(tags).map(([key, value]) => `${key}=${value}`))
    )
    this.tagChoices.replaceChildren(...[...pairs].slice(0, 500).map((value) => element("option", { value })))
    this.chips.replaceChildren(
      ...Object.entries(tags).map(([key, value]) => {
        const chip = button(`${key}=${value} ×`, `Remove the filter ${key}=${value}`, () => {
          const { [key]: _, ...left } = this.view.tags
          this.change({ tags: left })
        })
        chip.className = "chip"
        return chip
      })
    )
    this.hint.hidden = this.view.metrics.length > 0
    this.chart.root.hidden = this.view.metrics.length === 0
    this.summaryTable.hidden = this.view.metrics.length === 0
  }

  private fillList(): void {
    const counts = new Map<string, Listed>()
    const add = (metric: View["metrics"][number], count: number) => {
      const key = JSON.stringify([metric.origin, metric.metricType])
      const known = counts.get(key)
      if (known === undefined) counts.set(key, { metric, count })
      else known.count += count
    }
    for (const metric of this.view.metrics) add(metric, 0)
    for (const series of this.series) {
      const metric = { origin: series.origin, metricType: series.metric_type }
      if (passes(this.search.value, series) || this.view.metrics.some(sameMetric(metric))) add(metric, 1)
    }
    const chosen = (metric: View["metrics"][number]): boolean => this.view.metrics.some(sameMetric(metric))
    const sorted = [...counts.values()].sort((a, b) =>
      Number(chosen(b.metric)) - Number(chosen(a.metric)) || (nameOf(a.metric) < nameOf(b.metric) ? -1 : 1)
    )
    const listed = sorted.slice(0, maxListed)
    // What is pressed while an answer comes that brings nothing new must be there when it is let go of.
    const shape = JSON.stringify(listed.map(({ count, metric }) => [metric, count, chosen(metric)]))
    if (shape !== this.shape) this.drawList(listed, chosen)
    this.shape = shape
    const left = sorted.length - maxListed
    setText(
      this.listMore,
      left > 0
        ? `${left} more: narrow them down with the search.`
        : sorted.length > 0
        ? ""
        : this.series.length > 0
        ? "No series has all of these words in its name or tags."
        : "Nothing is stored yet."
    )
  }

  private drawList(listed: ReadonlyArray<Listed>, chosen: (metric: Listed["metric"]) => boolean): void {
    const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : ""
    this.list.replaceChildren(
      ...listed.map(({ count, metric }) => {
        const box = element("input", { type: "checkbox", value: JSON.stringify([metric.origin, metric.metricType]) })
        box.checked = chosen(metric)
        box.addEventListener("change", () =>
          this.change({
            metrics: box.checked
              ? [...this.view.metrics, metric]
              : this.view.metrics.filter((one) => !sameMetric(metric)(one))
          }))
        return element(
          "li",
          {},
          element(
            "label",
            {},
            box,
            element("span", {}, element("small", {}, metric.origin), metric.metricType),
            element("small", { title: "series" }, String(count))
          )
        )
      })
    )
    // The list was made anew: whoever walks it by keyboard stays where he was.
    for (const box of this.list.querySelectorAll("input")) if (focused !== "" && box.value === focused) box.focus()
  }

  private async ask(): Promise<void> {
    this.question.abort()
    this.question = new AbortController()
    const { signal } = this.question
    const [from, to] = this.instants()
    const { aggregate, by, metrics, tags } = this.view
    const step = this.view.step ?? stepFor(to - from)
    this.asked = this.context.feed.now()
    const queries = metrics.map(({ metricType, origin }) => ({
      metricType,
      origin,
      tags,
      from,
      to,
      step,
      aggregate,
      by
    }))
    const [first] = queries
    this.link.hidden = first === undefined
    if (first !== undefined) this.link.href = queryPath(first)
    try {
      const answers = await Promise.all(queries.map((query) => ask(query, signal)))
      this.draw(
        answers.flatMap((series, i) =>
          [...series].sort((a, b) => byName.compare(tagText(a.tags), tagText(b.tags)))
            .map((one) => ({ one, metric: metrics[i] }))
        ),
        from,
        to,
        step
      )
    } catch (error) {
      if (!signal.aborted) this.context.failed(error)
    }
  }

  private draw(
    found: ReadonlyArray<{ readonly one: QueriedSeries; readonly metric: View["metrics"][number] }>,
    from: number,
    to: number,
    step: number
  ): void {
    this.shown = [from, to]
    const drawn = found.slice(0, maxLines)
    const several = this.view.metrics.length > 1
    const shared = new Set(
      drawn.length < 2
        ? []
        : Object.keys(drawn[0].one.tags).filter((key) =>
          drawn.every(({ one }) => one.tags[key] === drawn[0].one.tags[key])
        )
    )
    const lines = drawn.map(({ metric, one }): ChartLine => ({
      key: seriesKey(one),
      metricType: this.view.aggregate === "count" ? "count" : metric.metricType,
      label: [several ? metric.metricType : "", tagText(one.tags, shared)].filter((part) => part !== "").join(" ") ||
        metric.metricType
    }))
    this.chart.setLines(lines)
    drawn.forEach(({ one }, i) => this.chart.replace(lines[i].key, one.points))
    this.chart.draw(...this.shown)
    const missing = found.length - drawn.length
    setText(
      this.note,
      this.view.metrics.length === 0
        ? ""
        : `${formatInstant(from)} – ${formatInstant(to)}, ${this.view.aggregate} of every ${stepText(step)}` +
          (found.length === 0 ? ": nothing was stored then." : "") +
          (missing > 0 ? `; ${missing} more series are not drawn: filter or group them.` : "") +
          (found.length > 0 && missing <= 0 ? ". Drag to zoom." : "")
    )
    this.summary.replaceChildren(...drawn.map(({ one }, i) => {
      const { label, metricType } = lines[i]
      const values = one.points.flatMap(([, value]) => value === null ? [] : [value])
      const sum = values.reduce((total, value) => total + value, 0)
      const texts = values.length === 0
        ? ["–", "–", "–", "–"]
        : [
          values.reduce((a, b) => Math.min(a, b)),
          sum / values.length,
          values.reduce((a, b) => Math.max(a, b)),
          values[values.length - 1]
        ].map((value) => formatValue(metricType, value))
      return element(
        "tr",
        {},
        element("th", { scope: "row" }, label),
        ...texts.map((text) => element("td", { class: "number" }, text))
      )
    }))
  }
}

/** Any series over any time. */
export const explore: Page = {
  path: "explore",
  title: "Explore",
  show: (context) => new Explore(context)
}
