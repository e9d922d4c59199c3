import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import type { SqliteFileOptions } from "../../sqlite/SqliteFile.js"
import { SqliteFileError, sqliteFileError, sqliteReason } from "../../sqlite/SqliteFileError.js"
import type { OpenDatabase } from "../../sqlite/SqliteMedium.js"

/** The bytes of a database, as they lie on a disk. */
export type DiskImage = Buffer

/** Reads an image, or an empty database where there is none. */
export const withImage = <A>(image: DiskImage | undefined, read: (db: Sqlite.Database) => A): A => {
  const db = image === undefined ? new Sqlite(":memory:") : new Sqlite(image)
  try {
    return read(db)
  } finally {
    db.close()
  }
}

const changes = /^(?:INSERT|UPDATE|DELETE)\b/

/** Where in a commit a process dies: nothing of it is on the disk, or all. */
export type CommitMoment = "before" | "after"

/**
 * The disk of one host, with one database. What was committed survives the
 * process that wrote it; what was committed without waiting for the disk may
 * not survive a loss of power.
 */
export class SimulatedDisk {
  /** Whether a commit finds no room. */
  isFull = false
  private image: DiskImage | undefined
  private db: Sqlite.Database | undefined
  /** What a loss of power leaves; `undefined` when that is everything. */
  private synced: DiskImage | undefined
  private trap: { readonly moment: CommitMoment; readonly kill: () => void } | undefined

  /** A copy of the disk as it is now, as a backup of a running host is. */
  copy(): DiskImage | undefined {
    return this.db?.open === true ? this.db.serialize() : this.image
  }

  /** Puts an older copy in place of what there is; no process may have it open. */
  restore(image: DiskImage | undefined): void {
    this.image = image
  }

  /** Reads the disk as it is now. */
  read<A>(read: (db: Sqlite.Database) => A): A {
    return this.db?.open === true ? read(this.db) : withImage(this.image, read)
  }

  /** Kills the process that works with it at its next commit. */
  killAtCommit(moment: CommitMoment, kill: () => void): void {
    this.trap = { moment, kill }
  }

  /** The process is gone; with the power, when so. What it had not committed is undone. */
  detach(lostPower: boolean): void {
    const { db, synced } = this
    this.db = undefined
    this.trap = undefined
    this.synced = undefined
    if (db?.open !== true) return
    if (db.inTransaction) db.exec("ROLLBACK")
    this.image = lostPower && synced !== undefined ? synced : db.serialize()
    db.close()
  }

  /** The medium of a process that runs on this host. */
  readonly openDatabase: OpenDatabase = (options) =>
    Effect.acquireRelease(
      Effect.try({
        try: () => this.open(options),
        catch: (cause) =>
          cause instanceof SqliteFileError ? cause : sqliteFileError(options.path, sqliteReason(cause), cause)
      }),
      (opened) =>
        Effect.sync(() => {
          if (opened.db === this.db) this.detach(false)
        })
    )

  private open({ applicationId, migrations, path }: SqliteFileOptions) {
    if (this.db !== undefined) throw sqliteFileError(path, "Locked")
    const { image } = this
    const db = new Sqlite(image ?? ":memory:", { verbose: (sql) => this.beforeStatement(sql) })
    const setPragma = db.pragma.bind(db)
    db.pragma = (source, options) => {
      if (source === "synchronous = NORMAL") this.synced ??= db.serialize()
      if (source === "synchronous = FULL") this.synced = undefined
      return setPragma(source, options)
    }
    if (image === undefined) {
      setPragma("auto_vacuum = INCREMENTAL")
      setPragma(`application_id = ${applicationId}`)
    }
    const version = Number(setPragma("user_version", { simple: true }))
    for (const migration of migrations.slice(version)) db.exec(migration)
    setPragma(`user_version = ${migrations.length}`)
    this.db = db
    return { path, created: image === undefined, setAside: undefined, db }
  }

  private beforeStatement(sql: unknown): void {
    const { db, trap } = this
    if (db === undefined || typeof sql !== "string") return
    const commits = sql === "COMMIT" || (changes.test(sql) && !db.inTransaction)
    if (!commits) return
    if (this.isFull) throw new Sqlite.SqliteError("database or disk is full", "SQLITE_FULL")
    if (trap === undefined) return
    this.trap = undefined
    trap.kill()
    if (trap.moment === "before") throw new Error("the process is dead")
  }
}
