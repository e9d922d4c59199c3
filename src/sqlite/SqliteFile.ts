import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import Sqlite from "better-sqlite3"
import { Clock, Effect, Either, type Scope } from "effect"
import * as fs from "node:fs"
import * as nodePath from "node:path"
import { exposure } from "./exposure.js"
import { makeDirectory } from "./makeDirectory.js"
import { makePrivateFile } from "./makePrivateFile.js"
import { type SqliteFileError, sqliteFileError, sqliteReason } from "./SqliteFileError.js"
import { lockSqlite } from "./SqliteLock.js"
import {
  type CheckedSqliteFile,
  type OpenSqliteDatabase,
  type SqliteFileOptions,
  SqliteMedium
} from "./SqliteMedium.js"
import { numberPragma } from "./SqliteSpace.js"

/** A SQLite file that is open, checked and migrated. */
export interface OpenSqliteFile extends CheckedSqliteFile {
  readonly sql: SqliteClient.SqliteClient
}

// A check of every page reads the whole file: beyond this size it would delay the start.
const largestFullCheck = 64 * 1024 * 1024

const magic = "SQLite format 3\0"

// https://www.sqlite.org/fileformat2.html, 1.3: both numbers are big-endian.
const userVersionAt = 60
const applicationIdAt = 68

const journals = ["-wal", "-shm", "-journal"]

/**
 * Looks at the first bytes, before SQLite opens the file, because opening may
 * write to it. Answers whether there is a database at all.
 */
const inspectHeader = (options: SqliteFileOptions): Either.Either<boolean, SqliteFileError> => {
  const header = Buffer.alloc(100)
  let length: number
  try {
    const file = fs.openSync(options.path, "r")
    try {
      length = fs.readSync(file, header, 0, header.length, 0)
    } finally {
      fs.closeSync(file)
    }
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return Either.right(false)
    return Either.left(sqliteFileError(options.path, sqliteReason(cause), cause))
  }
  if (length === 0) return Either.right(false)
  if (length < header.length || header.toString("latin1", 0, magic.length) !== magic) {
    return Either.left(sqliteFileError(options.path, "NotADatabase"))
  }
  return Either.map(
    checkNumbers(options, header.readInt32BE(applicationIdAt), header.readInt32BE(userVersionAt)),
    () => true
  )
}

const checkNumbers = (
  options: SqliteFileOptions,
  applicationId: number,
  version: number
): Either.Either<void, SqliteFileError> =>
  applicationId !== options.applicationId
    ? Either.left(sqliteFileError(options.path, "Foreign"))
    : version > options.migrations.length
    ? Either.left(sqliteFileError(options.path, "Newer"))
    : Either.void

const create = (db: Sqlite.Database, options: SqliteFileOptions): void => {
  // The id is written before the journal becomes a WAL: so it stands in the
  // header of the main file from the first moment, also after a crash.
  db.pragma("auto_vacuum = INCREMENTAL")
  db.transaction(() => {
    db.pragma(`application_id = ${options.applicationId}`)
    for (const migration of options.migrations) db.exec(migration)
    db.pragma(`user_version = ${options.migrations.length}`)
  })()
  db.pragma("journal_mode = WAL")
}

const migrate = (db: Sqlite.Database, options: SqliteFileOptions): void => {
  const version = numberPragma(db, "user_version")
  if (version === options.migrations.length) return
  db.transaction(() => {
    for (const migration of options.migrations.slice(version)) db.exec(migration)
    db.pragma(`user_version = ${options.migrations.length}`)
  })()
  // Brings the new version into the header, where an older program looks for it.
  db.pragma("wal_checkpoint(TRUNCATE)")
}

/** Checks, makes or migrates the file; it is closed again afterwards. */
const prepare = (options: SqliteFileOptions): Either.Either<{ readonly created: boolean }, SqliteFileError> => {
  const header = inspectHeader(options)
  if (Either.isLeft(header)) return Either.left(header.left)
  const exists = header.right
  try {
    if (!exists) makePrivateFile(options.path)
    const db = new Sqlite(options.path)
    try {
      db.pragma("synchronous = FULL")
      if (!exists) create(db, options)
      else {
        const numbers = checkNumbers(options, numberPragma(db, "application_id"), numberPragma(db, "user_version"))
        if (Either.isLeft(numbers)) return Either.left(numbers.left)
        if (fs.statSync(options.path).size <= largestFullCheck) {
          const finding = String(db.pragma("quick_check(1)", { simple: true }))
          if (finding !== "ok") return Either.left(sqliteFileError(options.path, "Corrupt", new Error(finding)))
        }
        migrate(db, options)
        db.pragma("journal_mode = WAL")
      }
      return Either.right({ created: !exists })
    } finally {
      db.close()
    }
  } catch (cause) {
    const cantOpen = cause instanceof Error && "code" in cause && cause.code === "SQLITE_CANTOPEN"
    return Either.left(sqliteFileError(options.path, cantOpen ? "Permission" : sqliteReason(cause), cause))
  }
}

const freeName = (path: string, now: number): string => {
  const base = `${path}.damaged-${new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, "")}`
  let name = base
  for (let n = 2; fs.existsSync(name); n++) name = `${base}-${n}`
  return name
}

const setAsideFiles = (path: string): Effect.Effect<string, SqliteFileError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.try({
      try: () => {
        const name = freeName(path, now)
        // The journals go first: were the process to end in between, a new
        // file must never meet the journal of the old one.
        for (const suffix of journals) {
          if (fs.existsSync(path + suffix)) fs.renameSync(path + suffix, name + suffix)
        }
        fs.renameSync(path, name)
        return name
      },
      catch: (cause) => sqliteFileError(path, sqliteReason(cause), cause)
    }))

const settings = [
  // A reader's lock is short; more waiting here would stop the whole process.
  "busy_timeout = 250",
  "synchronous = FULL",
  "journal_size_limit = 67108864",
  "foreign_keys = ON"
]

const connect = (
  path: string
): Effect.Effect<SqliteClient.SqliteClient, SqliteFileError, Scope.Scope> =>
  Effect.gen(function*() {
    const sql = yield* SqliteClient.make({ filename: path, disableWAL: true })
    for (const setting of settings) yield* sql.unsafe(`PRAGMA ${setting}`)
    return sql
  }).pipe(
    Effect.provide(Reactivity.layer),
    Effect.catchAllDefect(Effect.fail),
    Effect.mapError((cause) => sqliteFileError(path, sqliteReason(cause), cause))
  )

const connectDatabase = (path: string): Effect.Effect<Sqlite.Database, SqliteFileError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const db = new Sqlite(path)
        try {
          for (const setting of settings) db.pragma(setting)
          return db
        } catch (error) {
          db.close()
          throw error
        }
      },
      catch: (cause) => sqliteFileError(path, sqliteReason(cause), cause)
    }),
    (db) => Effect.sync(() => db.close())
  )

const isDamage = (error: SqliteFileError): boolean => error.reason === "NotADatabase" || error.reason === "Corrupt"

/** Sees that no other user can change the database, its journals and its lock. */
const checkExposure = (path: string): Effect.Effect<void, SqliteFileError> =>
  Effect.forEach(["", ...journals, ".lock"], (suffix) =>
    Effect.flatMap(
      Effect.try({
        try: () => exposure(path + suffix),
        catch: (cause) => sqliteFileError(path, sqliteReason(cause), cause)
      }),
      (problem) =>
        problem === undefined
          ? Effect.void
          : Effect.fail(sqliteFileError(path + suffix, "Exposed", new Error(problem)))
    ), { discard: true })

const check = (options: SqliteFileOptions): Effect.Effect<CheckedSqliteFile, SqliteFileError, Scope.Scope> =>
  Effect.gen(function*() {
    yield* makeDirectory(nodePath.dirname(options.path))
    yield* checkExposure(options.path)
    if (options.lock ?? true) yield* lockSqlite(options.path)
    const prepared = Effect.suspend(() => prepare(options))
    let setAside: string | undefined
    const { created } = yield* prepared.pipe(
      Effect.catchIf(
        (error) => options.onDamaged === "set-aside" && isDamage(error),
        () =>
          Effect.flatMap(setAsideFiles(options.path), (name) => {
            setAside = name
            return prepared
          })
      )
    )
    return { path: options.path, created, setAside }
  })

/**
 * Opens a database of ours, or makes it: one process at a time, WAL,
 * `synchronous=FULL`, `auto_vacuum=INCREMENTAL`. A file of another program or
 * of a newer version is refused and left as it is. Every failure is a typed
 * error with advice; nothing dies.
 */
const open = (options: SqliteFileOptions): Effect.Effect<OpenSqliteFile, SqliteFileError, Scope.Scope> =>
  Effect.flatMap(check(options), (checked) => Effect.map(connect(options.path), (sql) => ({ ...checked, sql })))

/** Opens like {@link open}, as a bare connection that is closed with the scope. */
const openDatabase = (
  options: SqliteFileOptions
): Effect.Effect<OpenSqliteDatabase, SqliteFileError, Scope.Scope> =>
  Effect.flatMap(SqliteMedium, ({ openDatabase: openElsewhere }) =>
    openElsewhere?.(options) ??
      Effect.flatMap(
        check(options),
        (checked) => Effect.map(connectDatabase(options.path), (db) => ({ ...checked, db }))
      ))

/** SQLite files of this program: checked before SQLite may touch them. */
export const SqliteFile = { open, openDatabase } as const

export { SqliteFileError } from "./SqliteFileError.js"
export type { SqliteFileOptions } from "./SqliteMedium.js"
