import { Command, Options } from "@effect/cli"
import type Sqlite from "better-sqlite3"
import { Console, Effect } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as nodePath from "node:path"
import { nextTurn } from "../../domain/nextTurn.js"
import { formatSize } from "../../domain/Units.js"
import { SqliteFile, type SqliteFileError } from "../../sqlite/SqliteFile.js"
import { fileBytes, freeBytes, returnPages, usedBytes } from "../../sqlite/SqliteSpace.js"
import { type CliFailure, failure } from "../CliFailure.js"
import { type CommandHelp, helpOf } from "../Help.js"
import { dataDirOption } from "../options/DataDirectory.js"
import { showProgress } from "../terminal/ShowProgress.js"
import { Terminal } from "../terminal/Terminal.js"
import { noStore, ofStoreFile, storeFile, storePath, trySqlite } from "./StoreFile.js"

const options = {
  dataDir: dataDirOption,
  full: Options.boolean("full").pipe(
    Options.withDescription("Write the file anew, in order: takes longer, and room for two more of it for a while")
  )
}

const ofOpening = (error: SqliteFileError): CliFailure =>
  error.reason === "Locked"
    ? failure(`${error.path}: a server is running with it; stop it first`)
    : ofStoreFile(error)

const bytesOf = (path: string): number => {
  const { file, wal } = fileBytes(path)
  return file + wal
}

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
    const total = yield* trySqlite(path, () => freeBytes(db))
    let left = total
    const keep = (): number => {
      left = freeBytes(db)
      return 0
    }
    yield* showProgress(Effect.sync(() => ({ done: total - left, total })), "B")
    yield* returnPages(db, keep, (run) => trySqlite(path, run))
  }))

const writeAnew = (db: Sqlite.Database, path: string): Effect.Effect<void, CliFailure, Terminal> =>
  Effect.gen(function*() {
    const terminal = yield* Terminal
    const used = yield* trySqlite(path, () => usedBytes(db))
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
    const before = bytesOf(path)
    yield* options.full ? writeAnew(db, path) : giveBack(db, path)
    yield* trySqlite(path, () => db.pragma("wal_checkpoint(TRUNCATE)"))
    const after = bytesOf(path)
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
