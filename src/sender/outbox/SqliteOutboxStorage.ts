import type Sqlite from "better-sqlite3"
import * as zlib from "node:zlib"
import { sqliteReason } from "../../sqlite/SqliteFileError.js"
import type { LossReason } from "../../telemetry/Loss.js"
import type { LossRecord, OutboxBatch, PlainAccount, SkippedRange } from "../Outbox.js"
import { DiskReserve, type DiskSpace } from "./DiskReserve.js"
import { OUTBOX_ROW_VERSION } from "./OutboxSchema.js"
import type { OutboxStorage, StoredBatchHead, StoredStream } from "./OutboxStorage.js"

/** What stands in an outbox's file before its opening. */
export interface StoredOutboxState {
  readonly sender: string | undefined
  /** When it was opened last, and when it was last written; `undefined` when it was closed. */
  readonly unclosed: { readonly opened: number; readonly committed: number } | undefined
  readonly streams: ReadonlyArray<StoredStream & { readonly ranges: ReadonlyArray<SkippedRange> }>
  /** Acknowledged ones too, in the order of their commits. `told`: unless only a server was given it that takes none. */
  readonly losses: ReadonlyArray<LossRecord & { readonly told: boolean }>
  readonly deadLetters: number
}

/** The storage of an outbox in a SQLite file. */
export interface SqliteOutboxStorage extends OutboxStorage {
  /** Begins a stream whose first offsets are these losses, and marks the file as open. */
  readonly begin: (sender: string, stream: string, now: number, losses: ReadonlyArray<LossRecord>) => void
  /** Marks the file as closed. */
  readonly end: () => void
}

interface StreamRow extends StoredStream {
  readonly seq: number
}

interface BatchRow {
  readonly first: number
  readonly count: number
  readonly bytes: number
  readonly version: number
  readonly crc: number
  readonly ids: string
  readonly columns: string
}

interface LossRow {
  readonly stream: string
  readonly offset: number
  readonly source: string
  readonly reason: LossReason
  readonly count: number | null
  readonly from: number
  readonly to: number
  readonly detail: string | null
  readonly told: number
}

// A file gives pages back when more than these, and more than half of it, are free.
const freePagesKept = 4_096
const pagesAtOnce = 1_024
const removalsBetweenLooks = 64

const crcOf = (stream: string, { columns, count, first, ids }: Pick<BatchRow, "first" | "count" | "ids" | "columns">) =>
  zlib.crc32(columns, zlib.crc32(`${stream} ${first} ${count} ${ids} `))

/** Reads what an outbox's file holds, without its batches. */
export const readOutboxState = (db: Sqlite.Database): StoredOutboxState => {
  const meta = new Map(
    db.prepare<[], { key: string; value: string }>("SELECT key, value FROM meta").all().map((
      row
    ) => [row.key, row.value])
  )
  const rows = db.prepare<[], StreamRow & { committed: number }>(
    "SELECT seq, stream, acked, next, batches, bytes, committed FROM streams ORDER BY seq"
  ).all()
  const skips = db.prepare<[number], { first: number; next: number; reason: string }>(
    "SELECT first, next, reason FROM skips WHERE stream = ? ORDER BY first"
  )
  const plain = new Map(
    db.prepare<[], PlainAccount & { seq: number }>("SELECT stream AS seq, first AS \"from\", sent FROM plain").all()
      .map(({ from, sent, seq }) => [seq, { from, sent }])
  )
  const opened = meta.get("opened")
  const committed = rows.reduce((last, row) => Math.max(last, row.committed), Number(opened ?? 0))
  return {
    sender: meta.get("sender"),
    unclosed: opened === undefined ? undefined : { opened: Number(opened), committed },
    streams: rows.filter(({ acked, next }) => acked < next).map(({ acked, batches, bytes, next, seq, stream }) => ({
      stream,
      acked,
      next,
      batches,
      bytes,
      plain: plain.get(seq),
      ranges: skips.all(seq).map(({ first, next, reason }) => ({ stream, from: first, to: next, reason }))
    })),
    losses: db.prepare<[], LossRow>(
      "SELECT stream, at AS offset, source, reason, count, time_from AS \"from\", time_to AS \"to\", detail, told " +
        "FROM losses ORDER BY seq"
    ).all().map(({ count, detail, offset, stream, told, ...loss }) => ({
      stream,
      offset,
      told: told === 1,
      loss: { ...loss, count: count ?? "unknown", ...(detail === null ? undefined : { detail }) }
    })),
    deadLetters: db.prepare<[], number>("SELECT count(*) FROM dead_letters").pluck().get() ?? 0
  }
}

/** The storage in an open file whose schema is that of `OutboxSchema`; `space` tells of the disk that it lies on. */
export const makeSqliteOutboxStorage = (
  db: Sqlite.Database,
  maxDeadLetters: number,
  space: () => DiskSpace | undefined = () => undefined
): SqliteOutboxStorage => {
  const reserve = new DiskReserve(db, space)
  const seqs = new Map(
    db.prepare<[], { seq: number; stream: string }>("SELECT seq, stream FROM streams").all()
      .map(({ seq, stream }) => [stream, seq])
  )
  const seqOf = (stream: string): number => seqs.get(stream) ?? 0

  const insertBatch = db.prepare(
    "INSERT INTO batches (stream, first, count, bytes, time_from, time_to, version, crc, ids, columns) " +
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
  )
  const insertDefinition = db.prepare("INSERT OR REPLACE INTO definitions (stream, id, definition) VALUES (?, ?, ?)")
  const removeBatches = db.prepare("DELETE FROM batches WHERE stream = ? AND first >= ? AND first < ?")
  const updateStream = db.prepare(
    "UPDATE streams SET acked = ?, next = ?, batches = ?, bytes = ?, committed = ? WHERE seq = ?"
  )
  const touchStream = db.prepare("UPDATE streams SET acked = ?, next = ?, batches = ?, bytes = ? WHERE seq = ?")
  const removeSkips = db.prepare("DELETE FROM skips WHERE stream = ?")
  const insertSkip = db.prepare("INSERT INTO skips (stream, first, next, reason) VALUES (?, ?, ?, ?)")
  const insertDeadLetter = db.prepare("INSERT INTO dead_letters (stream, at, reason, metric) VALUES (?, ?, ?, ?)")
  const trimDeadLetters = db.prepare(
    "DELETE FROM dead_letters WHERE seq <= (SELECT seq FROM dead_letters ORDER BY seq DESC LIMIT 1 OFFSET ?)"
  )
  const insertLoss = db.prepare(
    "INSERT INTO losses (stream, at, source, reason, count, time_from, time_to, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
  )
  const removeLoss = db.prepare("DELETE FROM losses WHERE stream = ? AND at = ?")
  const putPlain = db.prepare("INSERT OR REPLACE INTO plain (stream, first, sent) VALUES (?, ?, ?)")
  const removePlain = db.prepare("DELETE FROM plain WHERE stream = ?")
  const endStream = [
    "UPDATE losses SET told = 0 FROM streams JOIN plain ON plain.stream = streams.seq " +
    "WHERE streams.seq = ? AND losses.stream = streams.stream AND losses.at >= plain.first",
    "DELETE FROM plain WHERE stream = ?",
    "DELETE FROM batches WHERE stream = ?",
    "DELETE FROM definitions WHERE stream = ?",
    "DELETE FROM skips WHERE stream = ?",
    "DELETE FROM streams WHERE seq = ?"
  ].map((sql) => db.prepare(sql))
  const selectBatch = db.prepare<[number, number], BatchRow>(
    "SELECT first, count, bytes, version, crc, ids, columns FROM batches WHERE stream = ? AND first <= ? " +
      "ORDER BY first DESC LIMIT 1"
  )
  const selectFirstAfter = db.prepare<[number, number], number>(
    "SELECT first FROM batches WHERE stream = ? AND first > ? ORDER BY first LIMIT 1"
  ).pluck()
  const selectFirstUpTo = db.prepare<[number, number], number>(
    "SELECT first FROM batches WHERE stream = ? AND first <= ? ORDER BY first DESC LIMIT 1"
  ).pluck()
  const selectHeads = db.prepare<[number, number, number], StoredBatchHead>(
    "SELECT first, count, bytes, time_from AS \"from\", time_to AS \"to\" FROM batches " +
      "WHERE stream = ? AND first >= ? ORDER BY first LIMIT ?"
  )
  const selectTally = db.prepare<[number, number, number], { batches: number; bytes: number; to: number }>(
    "SELECT count(*) AS batches, coalesce(sum(bytes), 0) AS bytes, coalesce(max(first) + 1, 0) AS \"to\" FROM batches " +
      "WHERE stream = ? AND first < ? AND first + count <= ?"
  )
  const selectDefinitions = db.prepare<[string, number], string>(
    "SELECT definition FROM json_each(?) JOIN definitions ON definitions.id = json_each.value WHERE definitions.stream = ? ORDER BY json_each.key"
  ).pluck()
  const selectDeadLetters = db.prepare<[], { stream: string; offset: number; reason: string; metric: string | null }>(
    "SELECT stream, at AS offset, reason, metric FROM dead_letters ORDER BY seq"
  )
  const putMeta = db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")
  const removeMeta = db.prepare("DELETE FROM meta WHERE key = ?")
  const insertStream = db.prepare(
    "INSERT INTO streams (stream, acked, next, batches, bytes, committed) VALUES (?, 0, ?, 0, 0, ?)"
  )

  const addLosses = (records: ReadonlyArray<LossRecord>): void => {
    for (const { loss, offset, stream } of records) {
      const { count, detail, from, reason, source, to } = loss
      insertLoss.run(stream, offset, source, reason, count === "unknown" ? null : count, from, to, detail)
    }
  }

  const write = db.transaction((change: Parameters<OutboxStorage["commit"]>[0], upTo: number) => {
    for (const { from, stream, to } of change.remove ?? []) removeBatches.run(seqOf(stream), from, to)
    for (const { bytes, columns, count, first, from, ids, stream, to } of change.batches ?? []) {
      const row = { first, count, ids: ids.join(","), columns }
      insertBatch.run(
        seqOf(stream),
        first,
        count,
        bytes,
        from,
        to,
        OUTBOX_ROW_VERSION,
        crcOf(stream, row),
        row.ids,
        columns
      )
    }
    for (const { acked, batches, bytes, next, stream } of change.streams ?? []) {
      if (change.batches === undefined) touchStream.run(acked, next, batches, bytes, seqOf(stream))
      else updateStream.run(acked, next, batches, bytes, Math.floor(upTo), seqOf(stream))
    }
    if (change.define !== undefined && change.batches !== undefined) {
      const seq = seqOf(change.batches[0].stream)
      for (const [id, definition] of change.define) insertDefinition.run(seq, id, definition)
    }
    for (const { ranges, stream } of change.ranges ?? []) {
      removeSkips.run(seqOf(stream))
      for (const { from, reason, to } of ranges) insertSkip.run(seqOf(stream), from, to, reason)
    }
    for (const { plain, stream } of change.plain ?? []) {
      if (plain === undefined) removePlain.run(seqOf(stream))
      else putPlain.run(seqOf(stream), plain.from, plain.sent)
    }
    for (const stream of change.ended ?? []) for (const statement of endStream) statement.run(seqOf(stream))
    const letters = change.deadLetters ?? []
    for (const { metric, offset, reason, stream } of letters) insertDeadLetter.run(stream, offset, reason, metric)
    if (letters.length > 0) trimDeadLetters.run(maxDeadLetters)
    for (const { offset, stream } of change.forgotten ?? []) removeLoss.run(stream, offset)
    addLosses(change.losses ?? [])
  })

  // A commit that may be undone costs no wait for the disk; the next durable one takes it along.
  let synchronous = true
  const setSynchronous = (wanted: boolean): void => {
    if (wanted === synchronous) return
    db.pragma(`synchronous = ${wanted ? "FULL" : "NORMAL"}`)
    synchronous = wanted
  }

  // The definitions of the stream that is written now, which over HTTP every batch brings along. Who defined them keeps
  // the same texts.
  let writing = ""
  let defined = new Map<number, string>()
  const noteDefined = (stream: string, define: ReadonlyArray<readonly [id: number, definition: string]>): void => {
    if (stream !== writing) {
      writing = stream
      defined = new Map()
    }
    for (const [id, definition] of define) defined.set(id, definition)
  }

  // Batches of one source mostly have the same series.
  let idsText = ""
  let idsRead: ReadonlyArray<number> = []
  const readIds = (text: string): ReadonlyArray<number> => {
    if (text !== idsText) {
      idsText = text
      idsRead = text.split(",").map(Number)
    }
    return idsRead
  }

  let removals = 0
  const giveBack = (): void => {
    if (++removals % removalsBetweenLooks !== 0) return
    const free = Number(db.pragma("freelist_count", { simple: true }))
    if (free > freePagesKept && free > Number(db.pragma("page_count", { simple: true })) / 2) {
      db.pragma(`incremental_vacuum(${pagesAtOnce})`)
    }
  }

  return {
    commit: (change, upTo) => {
      setSynchronous(change.durable)
      write(change, upTo)
      for (const stream of change.ended ?? []) seqs.delete(stream)
      if (change.batches !== undefined) noteDefined(change.batches[0].stream, change.define ?? [])
      if (change.batches === undefined) giveBack()
    },
    shortage: (live, needed) => reserve.shortage(live, needed),
    batchAt: (stream, offset) => {
      const seq = seqOf(stream)
      let row: BatchRow | undefined
      try {
        row = selectBatch.get(seq, offset)
      } catch (cause) {
        // A damaged page: the index, which is another, may still say where the batch begins.
        if (sqliteReason(cause) !== "Corrupt") throw cause
        return { first: selectFirstUpTo.get(seq, offset) ?? offset, bytes: 0, batch: undefined }
      }
      if (row === undefined || row.first + row.count <= offset) return undefined
      const { bytes, columns, count, crc, first, ids, version } = row
      const isWhole = version === OUTBOX_ROW_VERSION && crc === crcOf(stream, row)
      const batch: OutboxBatch = { stream, first, count, ids: readIds(ids), columns }
      return { first, bytes, batch: isWhole ? batch : undefined }
    },
    firstAfter: (stream, offset) => selectFirstAfter.get(seqOf(stream), offset),
    heads: (stream, from, limit) => selectHeads.all(seqOf(stream), from, limit),
    tally: (stream, upTo) => selectTally.get(seqOf(stream), upTo, upTo) ?? { batches: 0, bytes: 0, to: 0 },
    definitions: (stream, ids) => {
      if (stream === writing) {
        const known = ids.flatMap((id) => defined.get(id) ?? [])
        if (known.length === ids.length) return known
      }
      return selectDefinitions.all(JSON.stringify(ids), seqOf(stream))
    },
    deadLetters: () =>
      selectDeadLetters.all().map(({ metric, offset, reason, stream }) => ({
        stream,
        offset,
        reason,
        metric: metric ?? undefined
      })),
    begin: db.transaction((sender: string, stream: string, now: number, losses: ReadonlyArray<LossRecord>) => {
      for (const { acked, next, seq } of db.prepare<[], StreamRow>("SELECT seq, acked, next FROM streams").all()) {
        if (acked < next) continue
        for (const statement of endStream) statement.run(seq)
      }
      putMeta.run("sender", sender)
      putMeta.run("opened", String(Math.floor(now)))
      seqs.set(stream, Number(insertStream.run(stream, losses.length, Math.floor(now)).lastInsertRowid))
      addLosses(losses)
    }),
    end: () => {
      setSynchronous(true)
      removeMeta.run("opened")
    }
  }
}
