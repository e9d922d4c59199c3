import * as fs from "node:fs"

/** What stands in the write-ahead log of a SQLite file. */
export interface WriteAheadLog {
  /** Changes when SQLite begins the log anew: then what was counted before is gone. */
  readonly salt: string
  /** Transactions, and the pages that they wrote. */
  readonly commits: number
  readonly pages: number
}

const HEADER = 32
const FRAME_HEADER = 24

/** Reads the log of a database from outside, as https://sqlite.org/fileformat2.html#walformat describes it. */
export const readWriteAheadLog = (database: string): WriteAheadLog => {
  const log = fs.readFileSync(`${database}-wal`)
  if (log.length < HEADER) return { salt: "", commits: 0, pages: 0 }
  const frame = FRAME_HEADER + log.readUInt32BE(8)
  const salt = log.toString("hex", 16, 24)
  let commits = 0
  let pages = 0
  // Frames with another salt are left of an earlier log.
  for (let at = HEADER; at + frame <= log.length && log.toString("hex", at + 8, at + 16) === salt; at += frame) {
    pages++
    if (log.readUInt32BE(at + 4) > 0) commits++
  }
  return { salt, commits, pages }
}
