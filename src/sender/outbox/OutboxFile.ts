import type Sqlite from "better-sqlite3"
import { Effect, type Scope, Stream } from "effect"
import * as nodePath from "node:path"
import { sqliteFileError, sqliteReason } from "../../sqlite/SqliteFileError.js"
import { openSqliteReader } from "../../sqlite/SqliteReader.js"
import type { DeadLetter, LossRecord, OutboxError, OutboxStream, PlainAccount, SkippedRange } from "../Outbox.js"
import { ofFileError, OUTBOX_FILE } from "../SqliteOutbox.js"
import { readDeadPoints } from "./DeadPoints.js"
import { LossRecords } from "./LossRecords.js"
import { OUTBOX_APPLICATION_ID, outboxMigrations } from "./OutboxSchema.js"
import { coveredOffsets, rangeAt } from "./SkippedRanges.js"
import { makeSqliteOutboxStorage, readOutboxState } from "./SqliteOutboxStorage.js"

/** A stream of an outbox's file: its pending batches and what of it is lost. */
export interface OutboxFileStream extends OutboxStream {
  /** Metrics that wait for the server. */
  readonly pending: number
  readonly batches: number
  readonly bytes: number
  /** Timestamp of the first metric that waits, ms since the epoch. */
  readonly oldest: number | undefined
  /** Intervals of offsets that the batches hold, in order; those that touch are one. */
  readonly held: ReadonlyArray<readonly [from: number, to: number]>
  /** Offsets that are lost and not yet declared to the server. */
  readonly skipped: ReadonlyArray<SkippedRange>
  /** Offsets that tell of a loss and were never metrics, acknowledged ones too; those of long ago are forgotten. */
  readonly declarations: ReadonlyArray<number>
  /** What of it plain mode delivered, where it did: no server keeps account of that. */
  readonly plain: PlainAccount | undefined
}

/** A loss record of an outbox's file. */
export interface StoredLossRecord extends LossRecord {
  /** Whether a server that keeps losses has acknowledged it. */
  readonly delivered: boolean
}

/** What stands in an outbox's file. */
export interface OutboxFileStatus {
  /** Name of the sender. */
  readonly sender: string
  /** When it was opened by a process that has not closed it: it runs, or did not end by itself. Ms since the epoch. */
  readonly openedAt: number | undefined
  /** Those that are not forgotten yet, oldest first; the newest may be the one that is written now. */
  readonly streams: ReadonlyArray<OutboxFileStream>
  /** What the collector lost before it was accepted, oldest first; of those that are delivered, the newest. */
  readonly losses: ReadonlyArray<StoredLossRecord>
}

/** A dead letter of an outbox's file. */
export interface StoredDeadLetter extends DeadLetter {
  /** Its number; never used twice. */
  readonly id: number
}

/** A pending metric as JSON in wire form, or offsets that cannot be read any more. */
export type ExportedMetric =
  | { readonly _tag: "Metric"; readonly json: string }
  | { readonly _tag: "Damaged"; readonly range: SkippedRange }

/** An outbox's file as whoever does not own it sees it, also while a collector works with it. */
export interface OutboxFile {
  readonly path: string
  readonly status: Effect.Effect<OutboxFileStatus, OutboxError>
  /** In the order in which they were refused. */
  readonly deadLetters: Effect.Effect<ReadonlyArray<StoredDeadLetter>, OutboxError>
  /**
   * All pending metrics in the order in which they were accepted. Batches that
   * are acknowledged while it reads may be among them or not.
   */
  readonly pending: Stream.Stream<ExportedMetric, OutboxError>
}

interface StreamRow extends OutboxStream {
  readonly seq: number
  readonly batches: number
  readonly bytes: number
}

interface HeldRow {
  readonly first: number
  readonly next: number
}

interface DeadLetterRow {
  readonly id: number
  readonly stream: string
  readonly offset: number
  readonly reason: string
  readonly metric: string | null
}

const joined = (rows: Iterable<HeldRow>): ReadonlyArray<readonly [from: number, to: number]> => {
  const held: Array<[from: number, to: number]> = []
  for (const { first, next } of rows) {
    const last = held.at(-1)
    if (last !== undefined && last[1] === first) last[1] = next
    else held.push([first, next])
  }
  return held
}

const readStatus = (db: Sqlite.Database): OutboxFileStatus => {
  const state = readOutboxState(db)
  const records = new LossRecords(state.losses)
  const rows = db.prepare<[], StreamRow>("SELECT seq, stream, acked, next, batches, bytes FROM streams ORDER BY seq")
  const oldest = db.prepare<[number], number>("SELECT time_from FROM batches WHERE stream = ? ORDER BY first LIMIT 1")
    .pluck()
  const held = db.prepare<[number], HeldRow>(
    "SELECT first, first + count AS next FROM batches WHERE stream = ? ORDER BY first"
  )
  const skips = db.prepare<[number], HeldRow & { readonly reason: string }>(
    "SELECT first, next, reason FROM skips WHERE stream = ? ORDER BY first"
  )
  const streams = rows.all()
  const plain = new Map(
    db.prepare<[], PlainAccount & { stream: string }>(
      "SELECT streams.stream, plain.first AS \"from\", plain.sent FROM plain JOIN streams ON streams.seq = plain.stream"
    ).all().map(({ from, sent, stream }) => [stream, { from, sent }])
  )
  const told = new Map(streams.map(({ acked, stream }) => [stream, Math.min(acked, plain.get(stream)?.from ?? acked)]))
  return {
    sender: state.sender ?? "",
    openedAt: state.unclosed?.opened,
    losses: state.losses.map(({ told: wasTold, ...record }) => ({
      ...record,
      delivered: wasTold && record.offset < (told.get(record.stream) ?? Infinity)
    })),
    streams: streams.map(({ acked, batches, bytes, next, seq, stream }) => {
      const skipped = skips.all(seq).map(({ first, next, reason }) => ({ stream, from: first, to: next, reason }))
      return {
        stream,
        acked,
        next,
        pending: next - acked - coveredOffsets(skipped, acked, next) - records.count(stream, acked, next),
        batches,
        bytes,
        oldest: oldest.get(seq),
        held: joined(held.iterate(seq)),
        skipped,
        declarations: records.offsets(stream),
        plain: plain.get(stream)
      }
    })
  }
}

const readDeadLetters = (db: Sqlite.Database): ReadonlyArray<StoredDeadLetter> =>
  db.prepare<[], DeadLetterRow>("SELECT seq AS id, stream, at AS offset, reason, metric FROM dead_letters ORDER BY seq")
    .all()
    .map(({ metric, ...letter }) => ({ ...letter, metric: metric ?? undefined }))

/** The pending metrics, batch by batch: every read is short, so that the file's writer is never held up. */
function* readPending(db: Sqlite.Database): Generator<ReadonlyArray<ExportedMetric>> {
  const storage = makeSqliteOutboxStorage(db, 0)
  for (const { acked, next, ranges, stream } of readOutboxState(db).streams) {
    let offset: number | undefined = acked
    while (offset !== undefined && offset < next) {
      const found = storage.batchAt(stream, offset)
      const following = storage.firstAfter(stream, offset)
      if (found?.batch !== undefined) {
        const { count, first, ids } = found.batch
        const wanted = new Set<number>()
        for (let at = Math.max(acked, first); at < Math.min(first + count, next); at++) {
          if (rangeAt(ranges, at) === undefined) wanted.add(at)
        }
        const metrics = readDeadPoints(found.batch, storage.definitions(stream, ids), wanted)
        yield Array.from(wanted, (at): ExportedMetric => {
          const json = metrics.get(at)
          return json === undefined
            ? { _tag: "Damaged", range: { stream, from: at, to: at + 1, reason: "outbox-damaged" } }
            : { _tag: "Metric", json }
        })
      } else if (found !== undefined) {
        const to = Math.min(following ?? next, next)
        yield [{ _tag: "Damaged", range: { stream, from: offset, to, reason: "outbox-damaged" } }]
      }
      offset = following
    }
  }
}

/**
 * Opens `outbox.db` in a folder for reading alone; `undefined` when there is
 * none. Works beside a running collector: no lock is taken and nothing written.
 */
export const openOutboxFile = (dataDir: string): Effect.Effect<OutboxFile | undefined, OutboxError, Scope.Scope> => {
  const path = nodePath.join(dataDir, OUTBOX_FILE)
  const errorOf = (cause: unknown): OutboxError => ofFileError(sqliteFileError(path, sqliteReason(cause), cause))
  return openSqliteReader({ path, applicationId: OUTBOX_APPLICATION_ID, migrations: outboxMigrations }).pipe(
    Effect.mapError(ofFileError),
    Effect.map((db) => {
      if (db === undefined) return undefined
      // One transaction, so that streams and batches are of one instant.
      const inOneRead = <A>(read: (db: Sqlite.Database) => A): Effect.Effect<A, OutboxError> =>
        Effect.try({ try: () => db.transaction(() => read(db))(), catch: errorOf })
      return {
        path,
        status: inOneRead(readStatus),
        deadLetters: inOneRead(readDeadLetters),
        pending: Stream.suspend(() => Stream.fromIteratorSucceed(readPending(db), 1)).pipe(
          Stream.mapConcat((metrics) => metrics),
          Stream.catchAllCause((cause) => Stream.fail(errorOf(cause)))
        )
      }
    })
  )
}
