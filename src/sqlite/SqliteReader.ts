import Sqlite from "better-sqlite3"
import { Effect, type Scope } from "effect"
import * as fs from "node:fs"
import type { SqliteFileOptions } from "./SqliteFile.js"
import { type SqliteFileError, sqliteFileError, sqliteReason } from "./SqliteFileError.js"
import { numberPragma } from "./SqliteSpace.js"

/**
 * Opens a database of ours to look at it, also while another process writes
 * it: takes no lock, and neither makes nor migrates nor moves a file.
 * `undefined`: there is no file, or an empty one.
 */
export const openSqliteReader = (
  { applicationId, migrations, path }: Pick<SqliteFileOptions, "applicationId" | "migrations" | "path">
): Effect.Effect<Sqlite.Database | undefined, SqliteFileError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      let db: Sqlite.Database | undefined
      try {
        if (!fs.existsSync(path) || fs.statSync(path).size === 0) return Effect.succeed(undefined)
        db = new Sqlite(path, { readonly: true, fileMustExist: true })
        db.pragma("busy_timeout = 1000")
        const id = numberPragma(db, "application_id")
        const version = numberPragma(db, "user_version")
        if (id === applicationId && version === migrations.length) return Effect.succeed(db)
        db.close()
        return Effect.fail(
          id !== applicationId
            ? sqliteFileError(path, "Foreign")
            : version > migrations.length
            ? sqliteFileError(path, "Newer")
            : sqliteFileError(
              path,
              "Failed",
              new Error("it is of an older version; the next start of the program that writes it brings it up to date")
            )
        )
      } catch (cause) {
        db?.close()
        const cantOpen = cause instanceof Error && "code" in cause && cause.code === "SQLITE_CANTOPEN"
        return Effect.fail(sqliteFileError(path, cantOpen ? "Permission" : sqliteReason(cause), cause))
      }
    }),
    (db) => Effect.sync(() => db?.close())
  )
