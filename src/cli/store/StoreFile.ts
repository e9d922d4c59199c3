import type Sqlite from "better-sqlite3"
import { Effect, type Option, type Scope } from "effect"
import * as nodePath from "node:path"
import { type SqliteFileError, trySqliteFile } from "../../sqlite/SqliteFileError.js"
import { openSqliteReader } from "../../sqlite/SqliteReader.js"
import { STORE_APPLICATION_ID, storeMigrations } from "../../store/StoreSchema.js"
import { type CliFailure, failure } from "../CliFailure.js"
import { dataDirectory } from "../options/DataDirectory.js"

/** How a store's file is opened and checked. */
export const storeFile = (path: string) => ({ path, applicationId: STORE_APPLICATION_ID, migrations: storeMigrations })

/** Name of the store's file in its directory. */
export const STORE_FILE = "store.db"

/** What a failure of the store's file says to a person. */
export const ofStoreFile = (error: SqliteFileError): CliFailure => failure(error.message)

/** Runs SQL and the like on the file of a store; what it throws is told to a person. */
export const trySqlite = <A>(path: string, run: () => A): Effect.Effect<A, CliFailure> =>
  Effect.mapError(trySqliteFile(path, run), ofStoreFile)

/** Path of the store in the data directory that was named, or in the default one. */
export const storePath = (named: Option.Option<string>): Effect.Effect<string> =>
  Effect.map(dataDirectory(named), (dir) => nodePath.join(dir, STORE_FILE))

/** Says that there is no store. */
export const noStore = (path: string): CliFailure =>
  failure(`there is no store in ${nodePath.dirname(path)}; --data-dir names another folder`)

/** Opens a store's file to look at it, also while a server runs; fails when there is none. */
export const openStoreReader = (path: string): Effect.Effect<Sqlite.Database, CliFailure, Scope.Scope> =>
  Effect.flatMap(
    Effect.mapError(openSqliteReader(storeFile(path)), ofStoreFile),
    (db) => db === undefined ? noStore(path) : Effect.succeed(db)
  )
