import { Data, Effect } from "effect"

/**
 * What is wrong with a SQLite file.
 *
 * - `NotADatabase`: it has no SQLite header
 * - `Foreign`: a database of another program
 * - `Newer`: written by a newer version of this program
 * - `Corrupt`: its pages are damaged
 * - `Locked`: another process works with it
 * - `Directory`: its directory is none, or cannot be made
 * - `Permission`: this user may not read or write it
 * - `Exposed`: others than this user could change or replace it
 * - `Full`: the disk is full
 * - `Failed`: anything else; see `cause`
 */
export type SqliteFileReason =
  | "NotADatabase"
  | "Foreign"
  | "Newer"
  | "Corrupt"
  | "Locked"
  | "Directory"
  | "Permission"
  | "Exposed"
  | "Full"
  | "Failed"

/** A SQLite file could not be opened or used. `message` is for a person and says what to do. */
export class SqliteFileError extends Data.TaggedError("SqliteFileError")<{
  readonly reason: SqliteFileReason
  readonly path: string
  readonly message: string
  readonly cause?: unknown
}> {}

const reasonOfCode = (code: string): SqliteFileReason | undefined => {
  if (code.startsWith("SQLITE_NOTADB")) return "NotADatabase"
  if (code.startsWith("SQLITE_CORRUPT")) return "Corrupt"
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) return "Locked"
  if (code.startsWith("SQLITE_FULL") || code === "ENOSPC" || code === "EDQUOT") return "Full"
  if (code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_PERM")) return "Permission"
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return "Permission"
  if (code === "ENOTDIR" || code === "EEXIST" || code === "EISDIR" || code === "ELOOP" || code === "ENAMETOOLONG") {
    return "Directory"
  }
  return undefined
}

/**
 * Names the reason behind an error of SQLite, of `@effect/sql` (which wraps
 * it as `cause`) or of the file system, by its `code`.
 */
export const sqliteReason = (error: unknown): SqliteFileReason => {
  let current = error
  for (let depth = 0; depth < 8 && typeof current === "object" && current !== null; depth++) {
    if ("code" in current && typeof current.code === "string") {
      const reason = reasonOfCode(current.code)
      if (reason !== undefined) return reason
    }
    current = "cause" in current ? current.cause : undefined
  }
  return "Failed"
}

const advice: { readonly [reason in SqliteFileReason]: string } = {
  NotADatabase: "is not a SQLite database; move it away or name another data directory",
  Foreign: "is a database of another program; name another data directory",
  Newer: "was written by a newer version of this program; install that version, the file was not touched",
  Corrupt: "is damaged; move it and its -wal and -shm files away, or restore them from a backup",
  Locked: "is in use by another process; stop that one or name another data directory",
  Directory: "cannot be used: a part of the path is no directory; name another data directory",
  Permission: "cannot be read and written by this user; change its permissions or name another data directory",
  Exposed: "is open to other users, who could change what is kept there; make it this user's alone " +
    "(chown, chmod 700), or name another data directory",
  Full: "cannot be written: the disk is full; make room and try again",
  Failed: "could not be opened"
}

const innermost = (error: unknown): string => {
  let current = error
  while (current instanceof Error && current.cause !== undefined) current = current.cause
  return current instanceof Error ? current.message : String(current)
}

/** Makes a {@link SqliteFileError} whose message names the file, the problem and what to do. */
export const sqliteFileError = (
  path: string,
  reason: SqliteFileReason,
  cause?: unknown
): SqliteFileError =>
  new SqliteFileError({
    reason,
    path,
    message: `${path} ${advice[reason]}` + (cause === undefined ? "" : ` (${innermost(cause)})`),
    ...(cause === undefined ? {} : { cause })
  })

/** Runs SQL and the like on the file `path`, naming what it throws. */
export const trySqliteFile = <A>(path: string, run: () => A): Effect.Effect<A, SqliteFileError> =>
  Effect.try({ try: run, catch: (cause) => sqliteFileError(path, sqliteReason(cause), cause) })
