import type Sqlite from "better-sqlite3"
import * as fs from "node:fs"
import * as nodePath from "node:path"
import { freeBytes } from "../../sqlite/SqliteSpace.js"

/** What a file system has, bytes. */
export interface DiskSpace {
  /** Free for an ordinary user. */
  readonly free: number
  readonly total: number
}

/** The space of the file system that a file lies on; `undefined` where it does not tell. */
export const diskSpaceOf = (path: string): () => DiskSpace | undefined => () => {
  try {
    const { bavail, blocks, bsize } = fs.statfsSync(nodePath.dirname(path))
    return blocks === 0 ? undefined : { free: bavail * bsize, total: blocks * bsize }
  } catch {
    return undefined
  }
}

// A journal, what of it is brought into the file, and as much again; of a small disk a part.
const mostReserved = 16 * 1_048_576
const partReserved = 1 / 4

// With less than this part of the reserve in the outbox, it is not what fills the disk.
const partIgnored = 1 / 4

// So many bytes are taken before the disk is looked at again.
const bytesBetweenLooks = 1_048_576

/**
 * Keeps the last of a disk for acknowledgements. On a disk that is full to its
 * last byte SQLite can remove nothing, because the journal cannot grow: an
 * outbox that had filled the disk would never become smaller again.
 */
export class DiskReserve {
  private readonly reserve: number
  private taken = bytesBetweenLooks

  constructor(private readonly db: Sqlite.Database, private readonly space: () => DiskSpace | undefined) {
    this.reserve = Math.min(mostReserved, (space()?.total ?? 0) * partReserved)
  }

  /** How many bytes of batches must go before `needed` bytes more may come, while `live` bytes stand there. */
  shortage(live: number, needed: number): number {
    const ignored = this.reserve * partIgnored
    if (live <= ignored) return 0
    this.taken += needed
    if (this.taken < bytesBetweenLooks) return 0
    const space = this.space()
    // They come into the journal first, and into the file later.
    const missing = space === undefined
      ? 0
      : Math.ceil(this.reserve + 2 * needed - space.free - freeBytes(this.db))
    // Where others fill the disk, no more than to become small beside them.
    if (missing > 0) return Math.min(missing, Math.ceil(live + needed - ignored))
    this.taken = 0
    return 0
  }
}
