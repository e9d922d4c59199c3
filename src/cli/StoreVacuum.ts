import { Command, Options } from "@effect/cli"
import type Sqlite from "better-sqlite3"
import { Console, Effect } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as nodePath from "node:path"
import { SqliteFile, type SqliteFileError } from "../sqlite/SqliteFile.js"
import { nextTurn } from "../domain/nextTurn.js"
import { formatSize } from "../domain/Units.js"
import { type CliFailure, failure } from "./CliFailure.js"
import { dataDirOption } from "./DataDirectory.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { showProgress } from "./ShowProgress.js"
import { noStore, ofStoreFile, storeFile, storePath, trySqlite } from "./StoreFile.js"
import { Terminal } from "./Terminal.js"

const options = {
  dataDir: dataDirOption,
  full: Options.boolean("full").pipe(
    Options.withDescription("Write the file anew, in order: takes longer, and room for two more of it for a while")
  )
}

// Pages given back in one turn of the event loop: about 5 ms.
const pagesPerTurn = 256

const ofOpening = (error: SqliteFileError): CliFailure =>
  error.reason === "Locked"
    ? failure(`${error.path}: a server is running with it; stop it first`)
    : ofStoreFile(error)

const fileBytes = (path: string): number =>
  ["", "-wal"].reduce((sum, suffix) => sum + (fs.statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0), 0)

const pragma = (db: Sqlite.Database, name: string): number => Number(db.pragma(name, { simple: true }))

/** Where SQLite writes the new file before it copies it over the old one. */
const temporaryDirectory = (): string =>
  [process.env["SQLITE_TMPDIR"], process.env["TMPDIR"], "/var/tmp", "/usr/tmp", os.tmpdir()].find((dir) => {
    if (dir === undefined || dir === "") return false
    try {
      fs.accessSync(dir, fs.constants.W_OK | fs.constants.X_OK)
      return true
    } catch {
      return false
    }
  }) ?? "."

const available = (directory: string): number => {
  const { bavail, bsize } = fs.statfsSync(directory)
  return bavail * bsize
}

/** Fails when the disks have no room for the new file and for its way through the journal. */
const checkRoom = (path: string, used: number): Effect.Effect<void, CliFailure> =>
  Effect.gen(function*() {
    const here = nodePath.dirname(path)
    const temporary = temporaryDirectory()
    const needed = yield* trySqlite(path, () =>
      fs.statSync(here).dev === fs.statSync(temporary).dev
        ? [{ directory: here, bytes: 2 * used }]
        : [{ directory: here, bytes: used }, { directory: temporary, bytes: used }])
    for (const { bytes, directory } of needed) {
      const room = yield* trySqlite(path, () => available(directory))
      if (room < bytes) {
        return yield* failure(
          `${directory}: ${formatSize(room)} are available and up to ${
            formatSize(bytes)
          } are needed to write the file ` +
            "anew; make room, or leave out --full"
        )
      }
    }
  })

const giveBack = (db: Sqlite.Database, path: string): Effect.Effect<void, CliFailure, Terminal> =>
  Effect.scoped(Effect.gen(function*() {
    const total = yield* trySqlite(path, () => pragma(db, "freelist_count"))
    const pageSize = yield* trySqlite(path, () => pragma(db, "page_size"))
    let left = total
    yield* showProgress(Effect.sync(() => ({ done: (total - left) * pageSize, total: total * pageSize })), "B")
    while (left > 0) {
      yield* trySqlite(path, () => db.pragma(`incremental_vacuum(${pagesPerTurn})`))
      const now = yield* trySqlite(path, () => pragma(db, "freelist_count"))
      if (now >= left) break
      left = now
      yield* nextTurn
    }
  }))

const writeAnew = (db: Sqlite.Database, path: string): Effect.Effect<void, CliFailure, Terminal> =>
  Effect.gen(function*() {
    const terminal = yield* Terminal
    const used = yield* trySqlite(
      path,
      () => (pragma(db, "page_count") - pragma(db, "freelist_count")) * pragma(db, "page_size")
    )
    yield* checkRoom(path, used)
    if (terminal.interactive) terminal.writeLine(`writing ${formatSize(used)} anew`)
    yield* nextTurn
    yield* trySqlite(path, () => db.exec("VACUUM"))
  })

/** `store vacuum`: gives the free space of a store's file back to the disk. */
export const storeVacuumCommand = Command.make("vacuum", options, (options) =>
  Effect.gen(function*() {
    const path = yield* storePath(options.dataDir)
    if (!(yield* trySqlite(path, () => fs.existsSync(path)))) return yield* noStore(path)
    const { db } = yield* Effect.mapError(
      SqliteFile.openDatabase({ ...storeFile(path), onDamaged: "fail" }),
      ofOpening
    )
    const before = fileBytes(path)
    yield* options.full ? writeAnew(db, path) : giveBack(db, path)
    yield* trySqlite(path, () => db.pragma("wal_checkpoint(TRUNCATE)"))
    const after = fileBytes(path)
    yield* Console.log(
      `${path}: ${formatSize(before)} before, ${formatSize(after)} now (${before - after} bytes freed)`
    )
  }).pipe(Effect.scoped))

/** Help of `store vacuum`. */
export const storeVacuumHelp: CommandHelp = helpOf(storeVacuumCommand, {
  name: "store vacuum",
  usage: "[--data-dir DIR] [--full]",
  summary: "Give the free space of a store's file back to the disk; no server may run with it",
  examples: [
    ["store vacuum", "after much was deleted"],
    ["store vacuum --full --data-dir /var/lib/metrics-server", "in the smallest form, pages in order"]
  ]
})
