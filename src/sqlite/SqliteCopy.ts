import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as nodePath from "node:path"
import { type SqliteFileError, sqliteFileError, sqliteReason } from "./SqliteFileError.js"

// Pages copied in one turn of the event loop: about 5 ms.
const pagesPerTurn = 1_000

const journals = ["-journal", "-wal", "-shm"]

const failed = (path: string) => (cause: unknown): SqliteFileError => sqliteFileError(path, sqliteReason(cause), cause)

const removeAll = (path: string): void => {
  for (const suffix of ["", ...journals]) fs.rmSync(path + suffix, { force: true })
}

/** Makes a change of the file system outlive a crash of the machine. */
const sync = (path: string): void => {
  const file = fs.openSync(path, "r")
  try {
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
}

// Inside a read transaction the pages are those of its begin, however much
// another process writes. Without one SQLite would begin again after every
// commit of the other, and beside a busy writer never end.
const copyPages = (
  db: Sqlite.Database,
  target: string,
  onProgress: (done: number, total: number) => void
): Effect.Effect<void, SqliteFileError> =>
  Effect.acquireUseRelease(
    Effect.try({ try: () => db.exec("BEGIN; SELECT 1 FROM sqlite_schema"), catch: failed(db.name) }),
    () =>
      Effect.tryPromise({
        try: (signal) =>
          db.backup(target, {
            progress: ({ remainingPages, totalPages }) => {
              if (signal.aborted) throw new Error("stopped")
              onProgress(totalPages - remainingPages, totalPages)
              return pagesPerTurn
            }
          }),
        catch: failed(target)
      }),
    () =>
      Effect.sync(() => {
        if (db.open && db.inTransaction) db.exec("COMMIT")
      })
  )

/** Reads every page of a copy and makes it one file, without a journal beside it. */
const check = (path: string): Effect.Effect<void, SqliteFileError> =>
  Effect.suspend(() => {
    const db = new Sqlite(path, { fileMustExist: true })
    try {
      db.pragma("journal_mode = DELETE")
      const finding = String(db.pragma("integrity_check(1)", { simple: true }))
      return finding === "ok" ? Effect.void : Effect.fail(sqliteFileError(path, "Corrupt", new Error(finding)))
    } finally {
      db.close()
    }
  }).pipe(Effect.catchAllDefect((cause) => Effect.fail(failed(path)(cause))))

/**
 * Copies a database to `target`, one state of it, while other processes may
 * write to it: none of their commits waits. The copy is written beside
 * `target`, as `<target>.part`, checked page by page, and takes its name, also
 * from a file that is there, when it is whole and on the disk. `onProgress`
 * hears of pages; `onCheck` runs before the check, which answers nothing while
 * it reads.
 */
export const copySqlite = (options: {
  readonly db: Sqlite.Database
  readonly target: string
  readonly onProgress: (done: number, total: number) => void
  readonly onCheck: Effect.Effect<void>
}): Effect.Effect<void, SqliteFileError> => {
  const { db, onCheck, onProgress, target } = options
  const part = `${target}.part`
  return Effect.acquireUseRelease(
    Effect.try({
      try: () => {
        removeAll(part)
        fs.closeSync(fs.openSync(part, "wx", 0o600))
      },
      catch: failed(part)
    }),
    () =>
      Effect.gen(function*() {
        yield* copyPages(db, part, onProgress)
        yield* onCheck
        yield* check(part)
        yield* Effect.try({
          try: () => {
            sync(part)
            fs.renameSync(part, target)
            sync(nodePath.dirname(target))
          },
          catch: failed(target)
        })
      }),
    () => Effect.sync(() => removeAll(part))
  )
}
