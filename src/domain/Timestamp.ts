/** First instant a metric may carry: 0000-01-01T00:00:00.000Z, in ms since the epoch. */
export const MIN_TIMESTAMP = -62_167_219_200_000

/** Last instant a metric may carry: 9999-12-31T23:59:59.999Z, in ms since the epoch. */
export const MAX_TIMESTAMP = 253_402_300_799_999

/** Whether a value is a timestamp as the program holds it: whole ms since the epoch, years 0 to 9999. */
export const isTimestamp = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= MIN_TIMESTAMP && value <= MAX_TIMESTAMP

// Date.parse also takes "March 7" and two-digit years, and reads a date-time
// without a zone as local time. Only the ISO 8601 profile below is let through.
const iso = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(Z|z|[+-]\d{2}:?\d{2})?)?$/

const daysIn = (year: number, month: number): number =>
  month === 2
    ? (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28)
    : month === 4 || month === 6 || month === 9 || month === 11
    ? 30
    : 31

/**
 * Reads an ISO 8601 date or date-time as ms since the epoch, or `undefined`
 * when it is none or lies outside the years 0 to 9999. A date-time without an
 * offset is UTC; digits below a millisecond are cut off.
 */
export const parseIso = (text: string): number | undefined => {
  const match = iso.exec(text)
  if (match === null) return undefined
  const year = Number(match[1])
  const month = Number(match[2])
  const day = Number(match[3])
  const hour = match[4] === undefined ? 0 : Number(match[4])
  const minute = match[5] === undefined ? 0 : Number(match[5])
  const second = match[6] === undefined ? 0 : Number(match[6])
  const milli = match[7] === undefined ? 0 : Number(match[7].padEnd(3, "0").slice(0, 3))
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  if (hour > 23 || minute > 59 || second > 59) return undefined
  // Date.UTC maps the years 0 to 99 to 1900 to 1999, setUTCFullYear does not.
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second, milli)
  let millis = date.getTime()
  const zone = match[8]
  if (zone !== undefined && zone !== "Z" && zone !== "z") {
    const hours = Number(zone.slice(1, 3))
    const minutes = Number(zone.slice(-2))
    if (hours > 23 || minutes > 59) return undefined
    const offset = (hours * 60 + minutes) * 60_000
    millis += zone[0] === "+" ? -offset : offset
  }
  return isTimestamp(millis) ? millis : undefined
}

/** Reads a timestamp as clients send it: ISO 8601 text or ms since the epoch (a fraction is cut off). */
export const parseTimestamp = (value: unknown): number | undefined => {
  if (typeof value === "string") return parseIso(value)
  if (typeof value !== "number") return undefined
  const floored = Math.floor(value)
  return isTimestamp(floored) ? floored : undefined
}

/** Writes ms since the epoch as ISO 8601 in UTC, as in `2026-01-31T12:00:00.000Z`. */
export const formatIso = (millis: number): string => new Date(millis).toISOString()
