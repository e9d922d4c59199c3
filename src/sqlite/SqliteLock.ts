import Sqlite from "better-sqlite3"
import { Effect, type Scope } from "effect"
import { makePrivateFile } from "./makePrivateFile.js"
import { type SqliteFileError, sqliteFileError, sqliteReason } from "./SqliteFileError.js"

/**
 * Holds `<path>.lock` for as long as the scope lives, so that one process at a
 * time works with the database `path`. The lock is an exclusive transaction on
 * an empty database of its own: the system drops it with the process, however
 * it ends, and readers may still open the main file. The empty file stays:
 * deleting it would let two processes lock two files of one name.
 */
export const lockSqlite = (path: string): Effect.Effect<void, SqliteFileError, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.try({
      try: () => {
        makePrivateFile(`${path}.lock`)
        const lock = new Sqlite(`${path}.lock`, { timeout: 0 })
        try {
          lock.exec("BEGIN EXCLUSIVE")
          return lock
        } catch (error) {
          lock.close()
          throw error
        }
      },
      catch: (cause) => {
        const reason = sqliteReason(cause)
        if (reason === "Locked") return sqliteFileError(path, "Locked")
        if (typeof cause === "object" && cause !== null && "code" in cause && cause.code === "SQLITE_CANTOPEN") {
          return sqliteFileError(path, "Permission", cause)
        }
        return sqliteFileError(`${path}.lock`, reason, cause)
      }
    }),
    (lock) => Effect.sync(() => lock.close())
  ))
