import { textCell } from "../../domain/CsvCell.js"
import { displayWidth, padToWidth } from "../../domain/DisplayWidth.js"
import { printableLine } from "../../domain/Printable.js"
import { renderFields } from "./Fields.js"

/** A column of a table. */
export interface Column {
  readonly heading: string
  /** Whether its cells stand at the right, as numbers do. */
  readonly right?: boolean
  /** Whether it is left out when all its cells are empty. */
  readonly optional?: boolean
}

const fits = (lines: ReadonlyArray<string>, width: number): boolean =>
  lines.every((line) => displayWidth(line) <= width)

const tableLines = (
  columns: ReadonlyArray<Column>,
  cells: ReadonlyArray<ReadonlyArray<string>>
): ReadonlyArray<string> => {
  const widths = columns.map(({ heading }, index) =>
    cells.reduce((widest, row) => Math.max(widest, displayWidth(row[index])), displayWidth(heading))
  )
  const shown = columns.map(({ optional }, index) => optional !== true || cells.some((row) => row[index] !== ""))
  const line = (row: ReadonlyArray<string>): string =>
    row.map((cell, index) => padToWidth(cell, widths[index], columns[index].right))
      .filter((_, index) => shown[index])
      .join("  ").trimEnd()
  return [line(columns.map(({ heading }) => heading)), ...cells.map(line)]
}

/** The first column in lines of its own, each above the rest of its row. */
const stackedLines = (
  columns: ReadonlyArray<Column>,
  cells: ReadonlyArray<ReadonlyArray<string>>
): ReadonlyArray<string> => {
  const names = [columns[0].heading, ...cells.map(([name]) => name)]
  const rest = tableLines(columns.slice(1), cells.map((row) => row.slice(1)))
  return rest.flatMap((line, index) => [names[index], `  ${line}`])
}

/**
 * Writes rows under headings, each column as wide as its widest cell. Where
 * that is wider than `width` columns, the first column stands above the others;
 * where this is too wide as well, each row is written as its fields, one a
 * line, with an empty line between rows.
 */
export const renderTable = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  width = Infinity
): string => {
  const cells = rows.map((row) => row.map(printableLine))
  const table = tableLines(columns, cells)
  if (fits(table, width)) return table.join("\n")
  // Names tell rows apart; above numbers they would not be looked for.
  if (columns[0].right !== true && columns.length > 2) {
    const stacked = stackedLines(columns, cells)
    if (fits(stacked, width)) return stacked.join("\n")
  }
  const fieldsOf = (row: ReadonlyArray<string>) =>
    row.map((value, index) => ({ label: columns[index].heading, value })).filter(({ value }) => value !== "")
  return cells.map((row) => renderFields(fieldsOf(row), width).join("\n")).join("\n\n")
}

// What no spreadsheet takes for anything but a number.
const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

const csvCell = (cell: string): string => number.test(cell) ? cell : textCell(cell)

/** Writes rows as CSV (RFC 4180): a line of headings, then one line a row. No cell is a formula. */
export const renderCsv = (
  headings: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): string => [headings, ...rows].map((row) => row.map(csvCell).join(",")).join("\n")
