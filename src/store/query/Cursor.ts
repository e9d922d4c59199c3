/**
 * Where an answer goes on: at `time` (ms since the epoch), less what was given
 * of that instant. Of raw points those of the series below `series` were
 * given, and the first `taken` of `series` itself; of buckets the first
 * `taken`, and `series` is absent.
 */
export interface Cursor {
  readonly time: number
  readonly taken: number
  readonly series?: number
}

/** Reads what {@link writeCursor} wrote; `undefined` for any other text. */
export const readCursor = (text: string): Cursor | undefined => {
  const match = /^(-?\d{1,16})~(\d{1,16})(?:~(\d{1,16}))?$/.exec(text)
  if (match === null) return undefined
  const cursor = { time: Number(match[1]), taken: Number(match[2]) }
  return match[3] === undefined ? cursor : { ...cursor, series: Number(match[3]) }
}

/** Writes a cursor as the text that an answer carries. */
export const writeCursor = ({ series, taken, time }: Cursor): string =>
  series === undefined ? `${time}~${taken}` : `${time}~${taken}~${series}`
