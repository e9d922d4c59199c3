import type Sqlite from "better-sqlite3"
import { Clock, Effect, Either, Layer, type Scope } from "effect"
import * as fs from "node:fs"
import * as nodePath from "node:path"
import type { Points, Series } from "../domain/Series.js"
import { SqliteFile, type SqliteFileError } from "../sqlite/SqliteFile.js"
import { type Columns, dropBefore, noteFirst, pointsFrom, timeSpan } from "./Columns.js"
import { type GroupCommit, makeGroupCommit, storeClosed, storeError } from "./GroupCommit.js"
import { LiveFeed } from "./LiveFeed.js"
import { decodeLogRow, encodeLogRow, logRowCrc } from "./LogRow.js"
import {
  type CommitResult,
  MetricStore,
  type Rejection,
  type StoredLoss,
  type StoreError,
  StreamOwnedError,
  type StreamWriter
} from "./MetricStore.js"
import { nextTurn } from "./nextTurn.js"
import { startQuery } from "./QueryRun.js"
import { SeriesIndex } from "./SeriesIndex.js"
import { readSeriesKey } from "./SeriesKey.js"
import { storeId } from "./StoreId.js"
import { STORE_APPLICATION_ID, storeMigrations } from "./StoreSchema.js"
import { admit, lossesOf, newStream, type StreamState } from "./StreamRules.js"

/** Where a {@link SqliteMetricStore} keeps its file. */
export interface SqliteMetricStoreOptions {
  /** Directory of the store; it is made where it is missing. */
  readonly dataDir: string
  /** Name of the file in it (default `store.db`). */
  readonly fileName?: string
  /** Most bytes of the file; past it writes fail as on a full disk (default: no limit). */
  readonly maxBytes?: number
}

// Rows read in one turn of the event loop: about 5 ms.
const slice = 32

interface LogRow {
  readonly seq: number
  readonly crc: number
  readonly data: Buffer
}

interface Stored {
  readonly points: Points
  readonly columns: Columns
  readonly defined: ReadonlyArray<readonly [id: number, series: Series]>
}

const nothing: Stored = {
  points: { series: [], time: [], value: [], fields: [] },
  columns: { series: [], time: [], value: [], fields: [] },
  defined: []
}

const prepare = (db: Sqlite.Database) => ({
  seriesId: db.prepare<[string], { readonly id: number }>("SELECT id FROM series WHERE key = ?"),
  addSeries: db.prepare<[string, string | null, string | null], { readonly id: number }>(
    "INSERT INTO series (key, kind, unit) VALUES (?, ?, ?) RETURNING id"
  ),
  allSeries: db.prepare<
    [],
    { readonly id: number; readonly key: string; readonly kind: string | null; readonly unit: string | null }
  >("SELECT id, key, kind, unit FROM series"),
  removeSeries: db.prepare<[number]>("DELETE FROM series WHERE id = ?"),
  addRow: db.prepare<[number, number, number, Buffer]>("INSERT INTO log (first, last, crc, data) VALUES (?, ?, ?, ?)"),
  changeRow: db.prepare<[number, number, number, Buffer, number]>(
    "UPDATE log SET first = ?, last = ?, crc = ?, data = ? WHERE seq = ?"
  ),
  removeRow: db.prepare<[number]>("DELETE FROM log WHERE seq = ?"),
  lastRow: db.prepare<[], { readonly seq: number | null }>("SELECT max(seq) AS seq FROM log"),
  countRows: db.prepare<[], { readonly rows: number }>("SELECT count(*) AS rows FROM log"),
  rows: db.prepare<[number, number, number, number, number], LogRow>(
    "SELECT seq, crc, data FROM log WHERE seq > ? AND seq <= ? AND last >= ? AND first < ? ORDER BY seq LIMIT ?"
  ),
  stream: db.prepare<[string], StreamState>(
    "SELECT stream, sender, owner, next, rejected, first_seen AS firstSeen, last_seen AS lastSeen FROM streams WHERE stream = ?"
  ),
  streams: db.prepare<[], StreamState>(
    "SELECT stream, sender, owner, next, rejected, first_seen AS firstSeen, last_seen AS lastSeen FROM streams ORDER BY first_seen, stream"
  ),
  setStream: db.prepare<StreamState>(
    "INSERT OR REPLACE INTO streams VALUES (@stream, @sender, @owner, @next, @rejected, @firstSeen, @lastSeen)"
  ),
  addRejection: db.prepare<[string, number, string]>("INSERT OR REPLACE INTO rejections VALUES (?, ?, ?)"),
  forgetRejections: db.prepare<[string, number]>("DELETE FROM rejections WHERE stream = ? AND at < ?"),
  rejections: db.prepare<[string], { readonly at: number; readonly reason: string }>(
    "SELECT at, reason FROM rejections WHERE stream = ? ORDER BY at"
  ),
  addLoss: db.prepare<StoredLoss>(
    "INSERT INTO losses (stream, sender, from_offset, to_offset, count, reason, at) VALUES (@stream, @sender, @fromOffset, @toOffset, @count, @reason, @at)"
  ),
  losses: db.prepare<[number], StoredLoss>(
    "SELECT stream, sender, from_offset AS fromOffset, to_offset AS toOffset, count, reason, at FROM losses ORDER BY id DESC LIMIT ?"
  )
})

type Statements = ReturnType<typeof prepare>

const tryStore = <A>(run: () => A): Effect.Effect<A, StoreError> => Effect.try({ try: run, catch: storeError })

/** The id of the store, made with its first opening. */
const readId = (db: Sqlite.Database, commits: GroupCommit): Effect.Effect<string, StoreError> =>
  Effect.gen(function*() {
    const select = db.prepare<[], { readonly id: string }>("SELECT id FROM store")
    const known = select.get()
    if (known !== undefined) return known.id
    const id = yield* storeId
    yield* commits.writeNow({
      run: () => db.prepare<[string]>("INSERT INTO store VALUES (?)").run(id),
      committed: () => undefined
    })
    return id
  })

const make = (
  { dataDir, fileName = "store.db", maxBytes }: SqliteMetricStoreOptions
): Effect.Effect<typeof MetricStore.Service, SqliteFileError | StoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const path = nodePath.join(dataDir, fileName)
    const { db } = yield* SqliteFile.openDatabase({
      path,
      applicationId: STORE_APPLICATION_ID,
      migrations: storeMigrations,
      onDamaged: "fail"
    })
    if (maxBytes !== undefined) yield* tryStore(() => limitSize(db, maxBytes))
    const statements: Statements = yield* tryStore(() => prepare(db))
    const commits = yield* makeGroupCommit(db)
    const id = yield* readId(db, commits)
    const index = new SeriesIndex()
    const live = new LiveFeed()
    const expiring = yield* Effect.makeSemaphore(1)

    const reading = <A>(run: () => A): Effect.Effect<A, StoreError> =>
      Effect.suspend(() => db.open ? tryStore(run) : storeClosed())

    /** The rows after `seq` that hold points of `from` ≤ t < `to`, oldest first, a few at a time. */
    const rowsAfter = (seq: number, upTo: number, from: number, to: number): ReadonlyArray<LogRow> =>
      statements.rows.all(seq, upTo, from, to, slice)

    const unreadable = (seq: number, problem: string): Effect.Effect<void> =>
      Effect.logError(`${path}: row ${seq} of the log cannot be read and is left out: ${problem}`)

    /** Reads rows in slices, giving sockets a turn between two of them. */
    const readRows = (
      from: number,
      to: number,
      upTo: number,
      read: (columns: Columns, seq: number) => void,
      report: (seq: number, problem: string) => Effect.Effect<void>
    ): Effect.Effect<void, StoreError> =>
      Effect.gen(function*() {
        let seq = 0
        while (true) {
          const rows = yield* reading(() => rowsAfter(seq, upTo, from, to))
          for (const row of rows) {
            seq = row.seq
            const decoded = decodeLogRow(row.data, row.crc)
            if (Either.isRight(decoded)) read(decoded.right, seq)
            else yield* report(seq, decoded.left)
          }
          if (rows.length < slice) return
          yield* nextTurn
        }
      })

    for (const { id: own, key, kind, unit } of yield* reading(() => statements.allSeries.all())) {
      const series = readSeriesKey(key)
      if (series === undefined) yield* Effect.logError(`${path}: series ${own} has no readable name and is left out`)
      else index.define(own, { ...series, ...(kind === null ? {} : { kind }), ...(unit === null ? {} : { unit }) })
    }
    const started = yield* Clock.currentTimeMillis
    yield* readRows(-Infinity, Infinity, Infinity, (columns) => index.add(columns, started), unreadable)

    const owned = (writer: StreamWriter, now: number): StreamState | StreamOwnedError => {
      const state = statements.stream.get(writer.stream) ?? newStream(writer, now)
      return state.owner === writer.owner ? state : new StreamOwnedError({ stream: writer.stream })
    }

    const forget = (writer: StreamWriter): ReadonlyArray<Rejection> => {
      statements.forgetRejections.run(writer.stream, writer.acked)
      return statements.rejections.all(writer.stream).map(({ at, reason }): Rejection => [at, reason])
    }

    const addLoss = (
      { sender, stream }: StreamWriter,
      loss: Omit<StoredLoss, "stream" | "sender">
    ): void => {
      statements.addLoss.run({ ...loss, stream, sender })
    }

    // What memory knows of series is committed; what it does not know, the
    // file may, when a neighbour in this transaction was faster.
    const identify = (series: Series, defined: Map<string, readonly [number, Series]>): number => {
      const known = index.idOf(series.key) ?? defined.get(series.key)?.[0]
      if (known !== undefined) return known
      const { key, kind = null, unit = null } = series
      const own = (statements.seriesId.get(key) ?? statements.addSeries.get(key, kind, unit))?.id
      if (own === undefined) throw new Error("a series got no id")
      defined.set(key, [own, series])
      return own
    }

    const store = (points: Points): Stored => {
      if (points.time.length === 0) return nothing
      const defined = new Map<string, readonly [number, Series]>()
      const series = points.series.map((own) => identify(own, defined))
      const columns = { series, time: points.time, value: points.value, fields: points.fields }
      const [first, last] = timeSpan(points.time)
      const data = encodeLogRow(columns)
      statements.addRow.run(first, last, logRowCrc(data), data)
      return { points, columns, defined: Array.from(defined.values()) }
    }

    const show = ({ columns, defined, points }: Stored, now: number): void => {
      for (const [own, series] of defined) {
        if (index.idOf(series.key) === undefined) index.define(own, series)
      }
      index.add(columns, now)
      live.publish(points)
    }

    /** A write that may find the stream in other hands. */
    const streamWrite = <A>(
      run: (now: number) => { readonly answer: A | StreamOwnedError; readonly stored: Stored }
    ): Effect.Effect<A, StoreError | StreamOwnedError> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        commits.write({ run: () => run(now), committed: ({ stored }) => show(stored, now) })).pipe(
          Effect.flatMap(({ answer }) =>
            answer instanceof StreamOwnedError ? answer : Effect.succeed(answer)
          )
        )

    return MetricStore.of({
      id,
      openStream: (writer, isCurrentOwner) =>
        streamWrite((now) => {
          const state = statements.stream.get(writer.stream) ?? newStream(writer, now)
          if (state.owner !== writer.owner && isCurrentOwner(state.owner)) {
            return { answer: new StreamOwnedError({ stream: writer.stream }), stored: nothing }
          }
          statements.setStream.run({ ...state, owner: writer.owner, sender: writer.sender, lastSeen: now })
          return { answer: { next: state.next, rejected: forget(writer) }, stored: nothing }
        }),
      commit: (batch) =>
        streamWrite<CommitResult>((now) => {
          const state = owned(batch, now)
          if (state instanceof StreamOwnedError) return { answer: state, stored: nothing }
          const admission = admit(batch, state.next)
          if (admission._tag === "Gap") return { answer: { _tag: "Gap", next: state.next }, stored: nothing }
          const stored = store(pointsFrom(batch.points, admission.firstPoint))
          statements.setStream.run({
            ...state,
            next: admission.next,
            rejected: state.rejected + admission.rejected.length,
            lastSeen: now
          })
          for (const { count, from, reason, to } of lossesOf(admission.rejected)) {
            addLoss(batch, { fromOffset: from, toOffset: to, count, reason, at: now })
          }
          for (const [offset, reason] of admission.rejected) statements.addRejection.run(batch.stream, offset, reason)
          const rejected = forget(batch)
          const count = stored.points.time.length
          return { answer: { _tag: "Committed", next: admission.next, rejected, stored: count }, stored }
        }),
      skip: (writer, from, to, reason) =>
        streamWrite<CommitResult>((now) => {
          const state = owned(writer, now)
          if (state instanceof StreamOwnedError) return { answer: state, stored: nothing }
          if (from > state.next) return { answer: { _tag: "Gap", next: state.next }, stored: nothing }
          const next = Math.max(state.next, to)
          if (next > state.next) {
            addLoss(writer, { fromOffset: state.next, toOffset: to, count: to - state.next, reason, at: now })
          }
          statements.setStream.run({ ...state, next, lastSeen: now })
          return { answer: { _tag: "Committed", next, rejected: forget(writer), stored: 0 }, stored: nothing }
        }),
      commitPlain: (points) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.asVoid(commits.write({ run: () => store(points), committed: (stored) => show(stored, now) }))),
      query: (query) =>
        Effect.gen(function*() {
          const run = yield* startQuery(query, (own) =>
            index.seriesOf(own))
          const { seq } = (yield* reading(() => statements.lastRow.get())) ?? { seq: null }
          // Damaged rows were reported when the store was opened.
          yield* readRows(run.from, run.to, seq ?? 0, run.add, () => Effect.void)
          return run.answer()
        }),
      series: (filter) => reading(() => index.infos(filter)),
      latest: (filter) => Effect.flatMap(Clock.currentTimeMillis, (now) => reading(() => index.latest(filter, now))),
      losses: (limit) => reading(() => statements.losses.all(limit)),
      streams: reading(() => statements.streams.all().map(({ owner: _, ...info }) => info)),
      stats: reading(() => ({
        series: index.size,
        points: index.points,
        bytes: fileBytes(path) + fileBytes(`${path}-wal`),
        batches: statements.countRows.get()?.rows ?? 0
      })),
      expire: (before) =>
        Effect.gen(function*() {
          let expired = 0
          let seq = 0
          while (true) {
            const from = seq
            // One go from reading to COMMIT: no row can change in between.
            const { removed, to } = yield* commits.writeNow({
              run: () => {
                const rows = rowsAfter(from, Infinity, -Infinity, before)
                const removed: Array<Columns> = []
                for (const row of rows) {
                  const decoded = decodeLogRow(row.data, row.crc)
                  // Nobody can tell how old the points of a damaged row are.
                  if (Either.isLeft(decoded)) continue
                  removed.push(decoded.right)
                  const kept = dropBefore(decoded.right, before)
                  if (kept.time.length === 0) statements.removeRow.run(row.seq)
                  else {
                    const data = encodeLogRow(kept)
                    statements.changeRow.run(...timeSpan(kept.time), logRowCrc(data), data, row.seq)
                  }
                }
                return { removed, to: rows.length < slice ? undefined : rows[rows.length - 1].seq }
              },
              committed: ({ removed }) => {
                for (const columns of removed) expired += index.remove(columns, before)
              }
            })
            if (to === undefined) break
            seq = to
            if (removed.length > 0) yield* nextTurn
          }
          const first = new Map<number, number>()
          let scanned = 0
          while (true) {
            // The last slice is read in the turn in which the result is shown:
            // rows that came in meanwhile count too.
            const freed = yield* commits.writeNow({
              run: () => {
                const rows = rowsAfter(scanned, Infinity, -Infinity, Infinity)
                for (const row of rows) {
                  scanned = row.seq
                  const decoded = decodeLogRow(row.data, row.crc)
                  if (Either.isRight(decoded)) noteFirst(first, decoded.right)
                }
                if (rows.length === slice) return undefined
                const empty = index.empty()
                for (const own of empty) statements.removeSeries.run(own)
                return empty
              },
              committed: (empty) => {
                if (empty === undefined) return
                index.setFirst(first, before)
                index.free(empty)
              }
            })
            if (freed !== undefined) return expired
            yield* nextTurn
          }
        }).pipe(expiring.withPermits(1)),
      live: (capacity) => live.read(capacity)
    })
  })

const limitSize = (db: Sqlite.Database, bytes: number): void => {
  const pageSize = Number(db.pragma("page_size", { simple: true }))
  db.pragma(`max_page_count = ${Math.max(1, Math.floor(bytes / pageSize))}`)
}

const fileBytes = (path: string): number => fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0

/**
 * A {@link MetricStore} in one SQLite file: what it answered survives a crash
 * of the process and of the machine.
 */
export const SqliteMetricStore = {
  layer: (options: SqliteMetricStoreOptions): Layer.Layer<MetricStore, SqliteFileError | StoreError> =>
    Layer.scoped(MetricStore, make(options))
} as const
