import { Args, Command, Options } from "@effect/cli"
import { Console, Effect } from "effect"
import * as fs from "node:fs"
import * as nodePath from "node:path"
import { formatSize } from "../domain/Units.js"
import { OUTBOX_APPLICATION_ID, outboxMigrations } from "../sender/outbox/OutboxSchema.js"
import { OUTBOX_FILE } from "../sender/SqliteOutbox.js"
import { copySqlite } from "../sqlite/SqliteCopy.js"
import { openSqliteReader } from "../sqlite/SqliteReader.js"
import { numberPragma } from "../sqlite/SqliteSpace.js"
import { readStoreReport } from "../store/StoreReport.js"
import { type CliFailure, failure, misuse } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { dataDirectory, dataDirOption } from "./options/DataDirectory.js"
import { ofStoreFile, openStoreReader, STORE_FILE, storeFile } from "./store/StoreFile.js"
import { showProgress } from "./terminal/ShowProgress.js"
import { Terminal } from "./terminal/Terminal.js"

const arguments_ = { file: Args.text({ name: "FILE" }) }

const options = {
  dataDir: dataDirOption,
  outbox: Options.boolean("outbox").pipe(
    Options.withDescription("Copy a collector's outbox instead of a server's store")
  ),
  force: Options.boolean("force").pipe(Options.withDescription("Overwrite FILE where it is there"))
}

/** What is wrong with the place that the copy is to have. */
const checkTarget = (target: string, source: string, force: boolean): CliFailure | undefined => {
  const above = fs.statSync(nodePath.dirname(target), { throwIfNoEntry: false })
  if (above?.isDirectory() !== true) return misuse(`${nodePath.dirname(target)} is no directory; make it first`)
  const there = fs.statSync(target, { throwIfNoEntry: false })
  if (there === undefined) return undefined
  if (there.isDirectory()) return misuse(`${target} is a directory; name a file in it`)
  const own = fs.statSync(source, { throwIfNoEntry: false })
  if (own !== undefined && own.ino === there.ino && own.dev === there.dev) {
    return misuse(`${target} is the database itself; name another file`)
  }
  return force ? undefined : misuse(`${target} is there already; name another file, or overwrite it with --force`)
}

const summaryOf = (target: string, outbox: boolean): Effect.Effect<string, CliFailure> =>
  outbox
    ? Effect.succeed("an outbox")
    : Effect.scoped(Effect.gen(function*() {
      const copy = yield* openStoreReader(target)
      const report = yield* Effect.mapError(readStoreReport(copy, { done: 0, total: 0 }), ofStoreFile)
      return `${report.points} points of ${report.series} series`
    }))

/** `backup`: copies a database while it is written to. */
export const backupCommand = Command.make("backup", { ...arguments_, ...options }, (options) =>
  Effect.gen(function*() {
    const dataDir = yield* dataDirectory(options.dataDir)
    const name = options.outbox ? OUTBOX_FILE : STORE_FILE
    const source = nodePath.join(dataDir, name)
    const target = nodePath.resolve(options.file)
    const db = yield* options.outbox
      ? Effect.mapError(
        openSqliteReader({ path: source, applicationId: OUTBOX_APPLICATION_ID, migrations: outboxMigrations }),
        ofStoreFile
      )
      : Effect.mapError(openSqliteReader(storeFile(source)), ofStoreFile)
    if (db === undefined) {
      return yield* failure(
        `there is no ${options.outbox ? "outbox" : "store"} in ${dataDir}; --data-dir names another folder`
      )
    }
    const problem = checkTarget(target, source, options.force)
    if (problem !== undefined) return yield* problem
    const terminal = yield* Terminal
    const pageSize = numberPragma(db, "page_size")
    const progress = { done: 0, total: 0 }
    yield* Effect.scoped(Effect.zipRight(
      showProgress(Effect.sync(() => ({ done: progress.done * pageSize, total: progress.total * pageSize })), "B"),
      copySqlite({
        db,
        target,
        onProgress: (done, total) => {
          progress.done = done
          progress.total = total
        },
        onCheck: Effect.suspend(() => terminal.interactive ? terminal.showStatus("checking the copy") : Effect.void)
      })
    )).pipe(Effect.mapError(ofStoreFile))
    const { size } = fs.statSync(target)
    yield* Console.log(
      `${target}: ${formatSize(size)}, ${yield* summaryOf(target, options.outbox)}, checked\n` +
        `To restore: stop ${options.outbox ? "the collector" : "the server"}, remove ${name}-wal and ${name}-shm, ` +
        `put the file in place of ${name}, start again`
    )
  }).pipe(Effect.scoped))

/** Help of `backup`. */
export const backupHelp: CommandHelp = helpOf(backupCommand, {
  name: "backup",
  usage: "FILE [--data-dir DIR] [--outbox] [--force]",
  summary: "Copy a server's store, one state of it, also while the server takes metrics",
  examples: [
    ["backup /backup/store.db --force", "the store of the server of this user"],
    ["backup outbox.db --outbox --data-dir /var/lib/metrics-agent", "what a collector could not deliver yet"]
  ]
})
