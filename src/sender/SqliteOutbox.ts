import type Sqlite from "better-sqlite3"
import { Clock, Effect, Layer, type Scope } from "effect"
import * as nodePath from "node:path"
import { SqliteFile, type SqliteFileError } from "../sqlite/SqliteFile.js"
import { sqliteFileError, type SqliteFileReason, sqliteReason } from "../sqlite/SqliteFileError.js"
import type { Loss } from "../telemetry/Loss.js"
import { LossLedger } from "../telemetry/LossLedger.js"
import { PipelineStatus } from "../telemetry/PipelineStatus.js"
import { Outbox, OutboxError, type OutboxLimits } from "./Outbox.js"
import { type DiskSpace, diskSpaceOf } from "./outbox/DiskReserve.js"
import { randomId, randomUuid } from "./outbox/Entropy.js"
import { OUTBOX_APPLICATION_ID, outboxMigrations } from "./outbox/OutboxSchema.js"
import { makeSqliteOutboxStorage, readOutboxState } from "./outbox/SqliteOutboxStorage.js"
import { lossRecord, makeStoredOutbox } from "./outbox/StoredOutbox.js"
import { checkSenderName } from "./SenderName.js"

/** Where a {@link SqliteOutbox} is and how it bounds itself. */
export interface SqliteOutboxOptions extends Partial<OutboxLimits> {
  /** Folder of `outbox.db`; made where it is missing. */
  readonly dataDir: string
  /** Name of the sender, for people; a UUID that stays with the outbox unless given. */
  readonly sender?: string
}

/** Name of the outbox's file in its folder. */
export const OUTBOX_FILE = "outbox.db"

/** Most bytes of batches that it holds unless told otherwise. */
export const DEFAULT_OUTBOX_BYTES = 1_073_741_824

const defaults: OutboxLimits = {
  maxBytes: DEFAULT_OUTBOX_BYTES,
  overflow: "block",
  maxDeadLetters: 10_000,
  maxLosses: 1_000
}

const reasons: { readonly [reason in SqliteFileReason]: OutboxError["reason"] } = {
  NotADatabase: "Corrupt",
  Foreign: "Failed",
  Newer: "Failed",
  Corrupt: "Corrupt",
  Locked: "Locked",
  Directory: "Failed",
  Permission: "Failed",
  Exposed: "Failed",
  Full: "Full",
  Failed: "Failed"
}

/** What a problem with the file is to whoever uses the outbox. */
export const ofFileError = (error: SqliteFileError): OutboxError =>
  new OutboxError({ reason: reasons[error.reason], message: `outbox: ${error.message}`, cause: error })

/**
 * An outbox in a database that is open and has the schema of `OutboxSchema`.
 * Closing the scope marks it as closed; the next opening that misses the mark
 * writes a loss of unknown count down, beside those that `found` brings. It does
 * so in the transaction that begins its stream: no crash comes between. `space`
 * tells of the disk.
 */
export const makeSqliteOutbox = (
  path: string,
  db: Sqlite.Database,
  options: Omit<SqliteOutboxOptions, "dataDir">,
  found: ReadonlyArray<Loss> = [],
  space: () => DiskSpace | undefined = diskSpaceOf(path)
): Effect.Effect<typeof Outbox.Service, OutboxError, LossLedger | PipelineStatus | Scope.Scope> =>
  Effect.gen(function*() {
    const { sender: name, ...given } = options
    const limits = { ...defaults, ...given }
    const ledger = yield* LossLedger
    const now = yield* Clock.currentTimeMillis
    const stream = yield* randomId
    const errorOf = (cause: unknown): OutboxError => {
      const reason = sqliteReason(cause)
      return reason === "Failed"
        ? new OutboxError({
          reason,
          message: `outbox: ${path}: ${cause instanceof Error ? cause.message : "failed"}`,
          cause
        })
        : ofFileError(sqliteFileError(path, reason, cause))
    }
    const inFile = <A>(work: () => A): Effect.Effect<A, OutboxError> => Effect.try({ try: work, catch: errorOf })

    const state = yield* inFile(() => readOutboxState(db))
    const sender = name === undefined ? state.sender ?? (yield* randomUuid) : yield* checkSenderName(name)
    const { unclosed } = state
    const uncleanEnd = unclosed === undefined ? undefined : {
      source: "collector",
      reason: "unclean-end",
      count: "unknown",
      from: Math.min(unclosed.committed, now),
      to: now,
      detail: "the process before this one did not end by itself; what it had accepted is in the outbox"
    } as const
    const losses = uncleanEnd === undefined ? found : [...found, uncleanEnd]
    const records = losses.map((loss, offset) => lossRecord(stream, offset, loss))
    const storage = yield* inFile(() => {
      const made = makeSqliteOutboxStorage(db, limits.maxDeadLetters, space)
      made.begin(sender, stream, now, records)
      return made
    })
    yield* Effect.addFinalizer(() =>
      inFile(storage.end).pipe(
        Effect.catchAll((error) => Effect.logWarning(`the outbox could not be marked as closed: ${error.message}`))
      )
    )
    yield* Effect.forEach(losses, ledger.recordDeclared, { discard: true })
    if (uncleanEnd !== undefined) {
      yield* Effect.logWarning(
        `the last run did not end by itself: metrics that it had gathered after ${
          new Date(uncleanEnd.from).toISOString()
        } and not yet accepted are lost; everything accepted is in the outbox`
      )
    }
    return yield* makeStoredOutbox(
      storage,
      {
        sender,
        stream,
        streams: state.streams,
        losses: [...state.losses, ...records],
        deadLetters: state.deadLetters
      },
      limits,
      errorOf
    )
  })

/** A durable outbox: a SQLite file that one process at a time works with. */
export const SqliteOutbox = {
  /**
   * Opens `outbox.db` in the folder, or makes it. Unless told otherwise it holds
   * 1 GiB, makes callers wait when it is full, and keeps 10,000 dead letters. A
   * damaged file is renamed and a new one begun: an error in the log, and a loss
   * of unknown count.
   */
  layer: ({ dataDir, ...options }: SqliteOutboxOptions): Layer.Layer<Outbox, OutboxError> =>
    Layer.scoped(
      Outbox,
      Effect.gen(function*() {
        const file = yield* Effect.mapError(
          SqliteFile.openDatabase({
            path: nodePath.join(dataDir, OUTBOX_FILE),
            applicationId: OUTBOX_APPLICATION_ID,
            migrations: outboxMigrations,
            onDamaged: "set-aside"
          }),
          ofFileError
        )
        const found: Array<Loss> = []
        if (file.setAside !== undefined) {
          const now = yield* Clock.currentTimeMillis
          found.push({
            source: "outbox",
            reason: "outbox-damaged",
            count: "unknown",
            from: now,
            to: now,
            detail: `the damaged file is kept as ${file.setAside}`
          })
          yield* Effect.logError(
            `the outbox ${file.path} was damaged: it is kept as ${file.setAside} and a new one was begun; ` +
              "how many metrics it held is unknown"
          )
        }
        return yield* makeSqliteOutbox(file.path, file.db, options, found)
      })
    ).pipe(Layer.provide(Layer.merge(LossLedger.Default, PipelineStatus.Default)))
} as const
