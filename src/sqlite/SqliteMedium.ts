import type Sqlite from "better-sqlite3"
import { Context, type Effect, type Scope } from "effect"
import type { SqliteFileError } from "./SqliteFileError.js"

/** How to open a SQLite file. */
export interface SqliteFileOptions {
  /** The file; its directory is made (mode 0700) where it is missing. */
  readonly path: string
  /** Tells our files from those of other programs: a whole number from 1 to 2^31 − 1. */
  readonly applicationId: number
  /** SQL of each version of the schema; `user_version` counts how many were run. Never change one that was released. */
  readonly migrations: ReadonlyArray<string>
  /** What becomes of a file that is no database or is damaged: an error, or it is renamed and a new one begun. */
  readonly onDamaged: "fail" | "set-aside"
  /** Whether this process wants to be the only one (default `true`). */
  readonly lock?: boolean
}

/** What was found at the path of a SQLite file. */
export interface CheckedSqliteFile {
  readonly path: string
  /** Whether there was no file (or an empty one, or a damaged one that was set aside). */
  readonly created: boolean
  /** New name of a damaged file, its `-wal` and `-shm` beside it; `undefined` when there was none. */
  readonly setAside: string | undefined
}

/** A SQLite file that is open, checked and migrated, for whoever needs whole transactions in one turn of the event loop. */
export interface OpenSqliteDatabase extends CheckedSqliteFile {
  readonly db: Sqlite.Database
}

/** Opens a database, checked and migrated, for as long as the scope lives. */
export type OpenDatabase = (
  options: SqliteFileOptions
) => Effect.Effect<OpenSqliteDatabase, SqliteFileError, Scope.Scope>

/** What databases lie on: the file system, unless a simulation provides a disk of its own that it can break. */
export class SqliteMedium extends Context.Reference<SqliteMedium>()("metrics-collector/sqlite/SqliteMedium", {
  defaultValue: (): { readonly openDatabase?: OpenDatabase } => ({})
}) {}
