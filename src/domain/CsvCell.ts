/** A cell of CSV (RFC 4180), in quotes where it needs them. */
export const quotedCell = (cell: string): string => /[",\r\n]/.test(cell) ? `"${cell.replaceAll("\"", "\"\"")}"` : cell

// A spreadsheet takes text that begins so for a formula, and would run it.
const formula = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/
const defused = /^'['=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/

/**
 * Text as a cell that no spreadsheet takes for a formula: an apostrophe stands
 * before what looks like one, and before text that begins with an apostrophe.
 */
export const textCell = (text: string): string =>
  quotedCell(formula.test(text) || text.startsWith("'") ? `'${text}` : text)

/** The text of a cell that {@link textCell} wrote; that of other programs stays as it is, but for `'=` and the like. */
export const readTextCell = (cell: string): string => defused.test(cell) ? cell.slice(1) : cell
