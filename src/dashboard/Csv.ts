import { textCell } from "../domain/CsvCell.js"
import type { ChartLine } from "./ChartLine.js"

/** Lines as a chart has drawn them. */
export type DrawnLine = ChartLine & {
  readonly time: ReadonlyArray<number>
  readonly value: ReadonlyArray<number | null>
}

/** Writes lines as CSV: one row an instant (ISO 8601), one column a line, empty where a line has no value. No cell is a formula. */
export const csvOf = (lines: ReadonlyArray<DrawnLine>): string => {
  const rows = new Map<number, Array<string>>()
  lines.forEach(({ time, value }, column) => {
    time.forEach((at, i) => {
      const row = rows.get(at) ?? lines.map(() => "")
      row[column] = String(value[i] ?? "")
      rows.set(at, row)
    })
  })
  const head = ["time", ...lines.map(({ label, metricType }) => textCell(`${metricType} ${label}`.trim()))]
  return [
    head.join(","),
    ...[...rows].sort(([a], [b]) => a - b).map(([at, row]) => [new Date(at).toISOString(), ...row].join(","))
  ].join("\n") + "\n"
}
