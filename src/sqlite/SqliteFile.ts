import { Reactivity } from "@effect/experimental"
import { SqliteClient } from "@effect/sql-sqlite-node"
import Database from "better-sqlite3"
import { Clock, Data, Effect, Either, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"

/**
 * A database file could not be opened. `message` names the file and says what
 * to do about it.
 *
 * - `NotADatabase`: the file holds something else
 * - `Foreign`: a database of another program
 * - `Newer`: written by a newer version of this program; left untouched
 * - `Corrupt`: it was one of ours and is damaged
 * - `Locked`: another process uses it
 * - `Directory`: its directory cannot be made or used
 * - `Full`: the disk is full
 * - `Failed`: anything else; `cause` tells
 */
export class SqliteFileError extends Data.TaggedError("SqliteFileError")<{
  readonly reason: "NotADatabase" | "Foreign" | "Newer" | "Corrupt" | "Locked" | "Directory" | "Full" | "Failed"
  readonly path: string
  readonly message: string
  readonly cause?: unknown
}> {}

/** What a database file holds and how it is opened. */
export interface SqliteFileOptions {
  /** Its directory is made when missing, for its owner alone. */
  readonly path: string
  /** SQLite's `application_id`: tells the files of different rooms and programs apart. */
  readonly applicationId: number
  /**
   * SQL that brings a file from version `index` to `index + 1`, each run in one
   * transaction with the new `user_version`. Never change one that was released.
   */
  readonly migrations: ReadonlyArray<string>
  /** What becomes of a damaged file: an error, or it is set aside and a new one begun. */
  readonly onDamaged: "fail" | "set-aside"
}

/** An open database file, held by this process alone until the scope closes. */
export interface SqliteFile {
  readonly sql: SqliteClient.SqliteClient
  readonly path: string
  /** Where a damaged file was moved to. */
  readonly setAside: string | undefined
}

const magic = "SQLite format 3\u0000"

/** The SQLite result code of an error, as in `SQLITE_FULL`; `undefined` for other errors. */
export const sqliteCode = (error: unknown): string | undefined => {
  let at: unknown = error
  for (let depth = 0; depth < 5 && typeof at === "object" && at !== null; depth++) {
    if ("code" in at && typeof at.code === "string" && at.code.startsWith("SQLITE")) return at.code
    at = "cause" in at ? at.cause : undefined
  }
  return undefined
}

const isDamage = (code: string | undefined): boolean =>
  code !== undefined && (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB")

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const errorOf = (file: string) => (cause: unknown): SqliteFileError => {
  if (cause instanceof SqliteFileError) return cause
  const code = sqliteCode(cause)
  if (isDamage(code)) {
    return new SqliteFileError({
      reason: "Corrupt",
      path: file,
      message: `${file} is damaged (${messageOf(cause)}); move it and its -wal and -shm away, or restore a backup`,
      cause
    })
  }
  if (code === "SQLITE_BUSY" || code === "SQLITE_LOCKED") {
    return new SqliteFileError({
      reason: "Locked",
      path: file,
      message: `${file} is in use by another process; stop it, or choose another --data-dir`,
      cause
    })
  }
  if (code === "SQLITE_FULL") {
    return new SqliteFileError({ reason: "Full", path: file, message: `no space left on the disk of ${file}`, cause })
  }
  if (code?.startsWith("SQLITE_CANTOPEN") === true || code?.startsWith("SQLITE_READONLY") === true) {
    return new SqliteFileError({
      reason: "Directory",
      path: file,
      message: `${file} cannot be written by this user; check the rights of it and its directory`,
      cause
    })
  }
  return new SqliteFileError({ reason: "Failed", path: file, message: `${file}: ${messageOf(cause)}`, cause })
}

const makeDirectory = (file: string): void => {
  const directory = path.dirname(file)
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
    fs.accessSync(directory, fs.constants.W_OK | fs.constants.X_OK)
  } catch (cause) {
    throw new SqliteFileError({
      reason: "Directory",
      path: file,
      message: `the data directory ${directory} cannot be used (${messageOf(cause)}); choose another with --data-dir`,
      cause
    })
  }
}

// Opening runs SQLite's recovery and may write; what is no database of ours
// must be told from its first bytes, before that.
const checkHeader = (file: string, applicationId: number, newest: number): void => {
  if (!fs.existsSync(file)) return
  const handle = fs.openSync(file, "r")
  const header = Buffer.alloc(100)
  try {
    const length = fs.readSync(handle, header, 0, header.length, 0)
    if (length === 0) return
    if (length < header.length || header.toString("latin1", 0, 16) !== magic) {
      throw new SqliteFileError({
        reason: "NotADatabase",
        path: file,
        message: `${file} is no database; move it away, or choose another --data-dir`
      })
    }
  } finally {
    fs.closeSync(handle)
  }
  // Offsets of the database header: https://www.sqlite.org/fileformat.html
  const version = header.readUInt32BE(60)
  const owner = header.readUInt32BE(68)
  // A database without any content yet carries neither.
  if (owner !== applicationId && !(owner === 0 && version === 0)) {
    throw new SqliteFileError({
      reason: "Foreign",
      path: file,
      message: `${file} belongs to another program (application id ${owner}); choose another --data-dir`
    })
  }
  if (version > newest) {
    throw new SqliteFileError({
      reason: "Newer",
      path: file,
      message: `${file} was written by a newer version of metrics-collector (format ${version}, this one knows ` +
        `${newest}); it was not touched. Upgrade, or choose another --data-dir`
    })
  }
}

// Larger files would delay the start; damage in them shows when it is read.
const maxChecked = 64 * 1_048_576

const prepare = ({ applicationId, migrations, path: file }: SqliteFileOptions): void => {
  const db = new Database(file, { timeout: 1000 })
  try {
    // Only a file without tables takes this, and only before it becomes a WAL file.
    db.pragma("auto_vacuum = INCREMENTAL")
    db.pragma("journal_mode = WAL")
    db.pragma(`application_id = ${applicationId}`)
    const check: unknown = fs.statSync(file).size > maxChecked ? "ok" : db.pragma("quick_check(1)", { simple: true })
    if (check !== "ok") throw Object.assign(new Error(String(check)), { code: "SQLITE_CORRUPT" })
    const version = Number(db.pragma("user_version", { simple: true }))
    for (let next = version; next < migrations.length; next++) {
      db.transaction(() => {
        db.exec(migrations[next])
        db.pragma(`user_version = ${next + 1}`)
      })()
    }
  } finally {
    db.close()
  }
}

// The lock is a database of its own, so that a reader may still open the
// file itself. The system lets go of it when the process ends, however it ends.
const lock = (file: string): Database.Database => {
  const db = new Database(`${file}.lock`, { timeout: 0 })
  try {
    db.pragma("journal_mode = DELETE")
    db.exec("BEGIN EXCLUSIVE")
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

const moveAside = (file: string, at: number): string => {
  const stamp = new Date(at).toISOString().replaceAll(/[:.]/g, "-")
  const target = `${file}.damaged-${stamp}`
  for (const suffix of ["", "-wal", "-shm"]) {
    if (fs.existsSync(file + suffix)) fs.renameSync(file + suffix, target + suffix)
  }
  return target
}

/**
 * Opens a database file for this process alone: checks that it is ours, locks
 * it, migrates it, and sets what a durable file needs (WAL, `synchronous=FULL`,
 * so that what was committed survives a power cut). It is closed and unlocked
 * with the scope.
 */
export const openSqliteFile = (
  options: SqliteFileOptions
): Effect.Effect<SqliteFile, SqliteFileError, Scope.Scope> =>
  Effect.gen(function*() {
    const { applicationId, migrations, onDamaged, path: file } = options
    const fail = errorOf(file)
    const attempt = <A>(work: () => A): Effect.Effect<A, SqliteFileError> => Effect.try({ try: work, catch: fail })

    yield* attempt(() => makeDirectory(file))
    yield* attempt(() => checkHeader(file, applicationId, migrations.length))
    yield* Effect.acquireRelease(attempt(() => lock(file)), (db) => Effect.sync(() => db.close()))

    const prepared = yield* Effect.either(attempt(() => prepare(options)))
    let setAside: string | undefined
    if (Either.isLeft(prepared)) {
      if (prepared.left.reason !== "Corrupt" || onDamaged === "fail") return yield* prepared.left
      const now = yield* Clock.currentTimeMillis
      setAside = yield* attempt(() => moveAside(file, now))
      yield* attempt(() => prepare(options))
    }

    const sql = yield* SqliteClient.make({ filename: file }).pipe(
      // The client throws what SQLite says while it opens.
      Effect.catchAllDefect((cause) => Effect.fail(fail(cause))),
      Effect.provide(Reactivity.layer)
    )
    yield* sql`PRAGMA synchronous = FULL`.pipe(
      Effect.zipRight(sql`PRAGMA journal_size_limit = 67108864`),
      Effect.mapError(fail)
    )
    return { sql, path: file, setAside }
  })
