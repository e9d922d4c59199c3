import { passes, type Point, seriesKey, tagText } from "./Points.js"
import { formatInstant } from "./TimeChart.js"
import { formatValue } from "./Units.js"

/** Most rows that are shown. */
const maxRows = 200

const cell = (text: string): HTMLTableCellElement => {
  const made = document.createElement("td")
  made.textContent = text
  made.title = text
  return made
}

/** The newest value of each series, as a table. */
export class NewestTable {
  private readonly rows = new Map<string, { readonly row: HTMLTableRowElement; shown: Point }>()

  constructor(private readonly body: HTMLTableSectionElement) {}

  /** Draws the points that pass the filter. */
  draw(newest: ReadonlyMap<string, Point>, filter: string): void {
    const wanted = [...newest.values()].filter((point) => passes(filter, point)).slice(0, maxRows)
    const keys = new Set(wanted.map(seriesKey))
    for (const [key, { row }] of this.rows) {
      if (keys.has(key)) continue
      row.remove()
      this.rows.delete(key)
    }
    for (const point of wanted) {
      const key = seriesKey(point)
      const known = this.rows.get(key)
      if (known?.shown === point) continue
      const fields = point.fields === undefined || point.fields === null ? "" : JSON.stringify(point.fields)
      const cells = [
        point.origin,
        point.metric_type,
        tagText(point.tags),
        formatValue(point.metric_type, point.value),
        fields,
        formatInstant(point.timestamp)
      ].map(cell)
      if (known === undefined) {
        const row = document.createElement("tr")
        row.append(...cells)
        this.body.append(row)
        this.rows.set(key, { row, shown: point })
      } else {
        known.row.replaceChildren(...cells)
        known.shown = point
      }
    }
  }
}
