import type Sqlite from "better-sqlite3"
import { Effect } from "effect"
import * as fs from "node:fs"
import { nextTurn } from "../domain/nextTurn.js"

/** The number that a pragma answers. */
export const numberPragma = (db: Sqlite.Database, name: string): number => Number(db.pragma(name, { simple: true }))

/** Bytes of a file; 0 where there is none. */
const sizeOf = (path: string): number => fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** Bytes that a database takes on the disk: of its file and of its journal. */
export const fileBytes = (path: string): { readonly file: number; readonly wal: number } => ({
  file: sizeOf(path),
  wal: sizeOf(`${path}-wal`)
})

/** Bytes of a database's pages that hold something. */
export const usedBytes = (db: Sqlite.Database): number =>
  (numberPragma(db, "page_count") - numberPragma(db, "freelist_count")) * numberPragma(db, "page_size")

/** Bytes of a database's pages that will be used again before its file grows. */
export const freeBytes = (db: Sqlite.Database): number =>
  numberPragma(db, "freelist_count") * numberPragma(db, "page_size")

// Pages given back in one turn of the event loop: about 5 ms.
const pagesPerTurn = 256

/**
 * Gives free pages of a database back to the file system, in slices, while more
 * of them are left than `keep` says; it is asked again before each slice.
 * `attempt` runs what may throw.
 */
export const returnPages = <E>(
  db: Sqlite.Database,
  keep: () => number,
  attempt: <A>(run: () => A) => Effect.Effect<A, E>
): Effect.Effect<void, E> =>
  Effect.gen(function*() {
    const excess = attempt(() => numberPragma(db, "freelist_count") - keep())
    let left = yield* excess
    while (left > 0) {
      yield* attempt(() => db.pragma(`incremental_vacuum(${Math.min(pagesPerTurn, left)})`))
      const now = yield* excess
      if (now >= left) return
      left = now
      yield* nextTurn
    }
  })
