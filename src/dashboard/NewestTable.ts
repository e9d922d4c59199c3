import { formatValue } from "../domain/Units.js"
import { element, setText } from "./element.js"
import { passes, type Point, seriesKey, tagText } from "./Points.js"
import { formatInstant } from "./TimeChart.js"

/** Most rows that are shown. */
const maxRows = 200

const titles = ["Origin", "Metric type", "Value", "Tags", "Fields", "Time"]

interface Row {
  readonly root: HTMLTableRowElement
  readonly cells: ReadonlyArray<HTMLTableCellElement>
  shown: Point
}

const textsOf = (point: Point): ReadonlyArray<string> => [
  point.origin,
  point.metric_type,
  formatValue(point.metric_type, point.value),
  tagText(point.tags),
  point.fields === undefined || point.fields === null ? "" : JSON.stringify(point.fields),
  formatInstant(point.timestamp)
]

/** The newest value of each series, as a table that is kept up only while it is on the screen. */
export class NewestTable {
  readonly root: HTMLElement
  private readonly body = element("tbody")
  private readonly rows = new Map<string, Row>()
  private readonly sight: IntersectionObserver
  private visible = false

  constructor() {
    this.root = element(
      "section",
      { id: "table", class: "panel", "aria-label": "Newest values" },
      element("h2", {}, "Newest values"),
      element(
        "div",
        { class: "scroll", tabindex: "0" },
        element(
          "table",
          {},
          element("thead", {}, element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)))),
          this.body
        )
      )
    )
    this.sight = new IntersectionObserver((entries) => {
      this.visible = entries.some((entry) => entry.isIntersecting)
    })
    this.sight.observe(this.root)
  }

  /** Draws the points that pass the filter. */
  draw(newest: ReadonlyMap<string, Point>, filter: string): void {
    this.root.hidden = newest.size === 0
    if (!this.visible && this.rows.size > 0) return
    const wanted = [...newest.values()].filter((point) => passes(filter, point)).slice(0, maxRows)
    const keys = new Set(wanted.map(seriesKey))
    for (const [key, { root }] of this.rows) {
      if (keys.has(key)) continue
      root.remove()
      this.rows.delete(key)
    }
    for (const point of wanted) {
      const row = this.row(point)
      if (row.shown === point) continue
      row.shown = point
      textsOf(point).forEach((text, i) => {
        setText(row.cells[i], text)
        row.cells[i].title = text
      })
    }
  }

  /** Takes the table off the page. */
  destroy(): void {
    this.sight.disconnect()
    this.root.remove()
  }

  private row(point: Point): Row {
    const key = seriesKey(point)
    const known = this.rows.get(key)
    if (known !== undefined) return known
    const cells = textsOf(point).map((text) => element("td", { title: text }, text))
    const made = { root: element("tr", {}, ...cells), cells, shown: point }
    this.rows.set(key, made)
    this.body.append(made.root)
    return made
  }
}
