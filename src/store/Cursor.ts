/** Where an answer goes on: at the points of `time` (ms since the epoch), less the first `taken` of them. */
export interface Cursor {
  readonly time: number
  readonly taken: number
}

/** Reads what {@link writeCursor} wrote; `undefined` for any other text. */
export const readCursor = (text: string): Cursor | undefined => {
  const match = /^(-?\d{1,16})~(\d{1,16})$/.exec(text)
  return match === null ? undefined : { time: Number(match[1]), taken: Number(match[2]) }
}

/** Writes a cursor as the text that an answer carries. */
export const writeCursor = (cursor: Cursor): string => `${cursor.time}~${cursor.taken}`
