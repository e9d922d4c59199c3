import { textCell } from "../domain/CsvCell.js"
import { displayWidth, padToWidth } from "../domain/DisplayWidth.js"
import { printableLine } from "../domain/Printable.js"

/** A column of a table. */
export interface Column {
  readonly heading: string
  /** Whether its cells stand at the right, as numbers do. */
  readonly right?: boolean
  /** Whether it is left out when all its cells are empty. */
  readonly optional?: boolean
}

/** Writes rows under headings, each column as wide as its widest cell. */
export const renderTable = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): string => {
  const cells = rows.map((row) => row.map(printableLine))
  const widths = columns.map(({ heading }, index) =>
    cells.reduce((widest, row) => Math.max(widest, displayWidth(row[index])), displayWidth(heading))
  )
  const shown = columns.map(({ optional }, index) => optional !== true || cells.some((row) => row[index] !== ""))
  const line = (row: ReadonlyArray<string>): string =>
    row.map((cell, index) => padToWidth(cell, widths[index], columns[index].right))
      .filter((_, index) => shown[index])
      .join("  ").trimEnd()
  return [line(columns.map(({ heading }) => heading)), ...cells.map(line)].join("\n")
}

// What no spreadsheet takes for anything but a number.
const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

const csvCell = (cell: string): string => number.test(cell) ? cell : textCell(cell)

/** Writes rows as CSV (RFC 4180): a line of headings, then one line a row. No cell is a formula. */
export const renderCsv = (
  headings: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): string => [headings, ...rows].map((row) => row.map(csvCell).join(",")).join("\n")
