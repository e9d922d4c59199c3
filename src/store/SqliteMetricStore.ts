import type Sqlite from "better-sqlite3"
import { Clock, Duration, Effect, Layer, type Scope } from "effect"
import * as nodePath from "node:path"
import type { Points, Series } from "../domain/Series.js"
import { SqliteFile, type SqliteFileError } from "../sqlite/SqliteFile.js"
import { fileBytes, numberPragma, returnPages, usedBytes } from "../sqlite/SqliteSpace.js"
import { ChunkTable } from "./chunk/ChunkTable.js"
import { catchUpRollups, keepFlushing, wantsFlush } from "./chunk/Flush.js"
import { RollupQueue } from "./chunk/RollupQueue.js"
import { type Columns, pointsFrom } from "./Columns.js"
import { LiveFeed } from "./LiveFeed.js"
import { type GroupCommit, makeGroupCommit, storeClosed, storeError } from "./log/GroupCommit.js"
import { Head } from "./log/Head.js"
import { encodeLogRow, logRowCrc } from "./log/LogRow.js"
import { watchWrites } from "./log/WriteWatch.js"
import {
  type CommitResult,
  MetricStore,
  type OpenedStream,
  type Rejection,
  type StoreError,
  StreamOwnedError,
  type StreamWriter
} from "./MetricStore.js"
import { makeStoreReader } from "./query/StoreReader.js"
import { expirePoints } from "./retention/Expire.js"
import { DEFAULT_MAX_LOSSES, pruneSenders } from "./retention/Prune.js"
import { RetentionAges, type RetentionOptions, withoutPoints } from "./retention/RetentionAges.js"
import { DEFAULT_MAX_SERIES, placePoints } from "./series/placePoints.js"
import { SeriesIndex } from "./series/SeriesIndex.js"
import { StoreFaults } from "./StoreFaults.js"
import { storeId } from "./StoreId.js"
import type { FlushLimits, StoreParts } from "./StoreParts.js"
import { STORE_APPLICATION_ID, storeMigrations } from "./StoreSchema.js"
import { loadStore } from "./StoreStart.js"
import { prepareStatements } from "./StoreStatements.js"
import { admit, admitSkip, firstOwned, lateLosses, lossesOf, newStream, type StreamState } from "./StreamRules.js"

/** Where a {@link SqliteMetricStore} keeps its file. */
export interface SqliteMetricStoreOptions {
  /** Directory of the store; it is made where it is missing. */
  readonly dataDir: string
  /** Name of the file in it (default `store.db`). */
  readonly fileName?: string
  /** Most bytes of the file; past it writes fail as on a full disk (default: no limit). */
  readonly maxBytes?: number
  /** Most series of one metric type (default 10,000); points of further ones share an overflow series. */
  readonly maxSeries?: number
  /** Most losses that are listed (default 100,000); `expire` forgets older ones, their metrics stay counted. */
  readonly maxLosses?: number
  /** When points that are in the log become chunks (default: 256 points of a series, 15 minutes, 64 MiB of log). */
  readonly flush?: Partial<FlushLimits>
  /** How long points are kept (default: for ever); `MetricStore.expire` deletes what is beyond it. */
  readonly retention?: RetentionOptions
  /** How long a query may take, what it waits for others included (default 30 seconds). */
  readonly queryTimeout?: Duration.DurationInput
  /** Most series that one query may read (default 100,000). */
  readonly maxQuerySeries?: number
}

const defaultLimits: FlushLimits = {
  chunkPoints: 256,
  maxAge: 15 * 60_000,
  logBytes: 64 * 1024 * 1024,
  rollupPoints: 16_384
}

interface Stored {
  readonly points: Points
  readonly columns: Columns
  /** The row of the log and its bytes. */
  readonly row: number
  readonly bytes: number
  readonly defined: ReadonlyArray<readonly [id: number, series: Series]>
}

const nothing: Stored = {
  points: { series: [], time: [], value: [], fields: [] },
  columns: { series: [], time: [], value: [], fields: [] },
  row: 0,
  bytes: 0,
  defined: []
}

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
  {
    dataDir,
    fileName = "store.db",
    flush,
    maxBytes,
    maxLosses = DEFAULT_MAX_LOSSES,
    maxQuerySeries = 100_000,
    maxSeries = DEFAULT_MAX_SERIES,
    queryTimeout = "30 seconds",
    retention
  }: SqliteMetricStoreOptions
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
    const faults = yield* StoreFaults
    const statements = yield* tryStore(() => prepareStatements(db))
    const commits = yield* makeGroupCommit(db, faults)
    const id = yield* readId(db, commits)
    const limits: FlushLimits = { ...defaultLimits, ...flush }
    const index = new SeriesIndex()
    const head = new Head(limits.chunkPoints)
    const live = new LiveFeed()
    const chunks = yield* tryStore(() => new ChunkTable(db, limits.chunkPoints))
    const rollups = new RollupQueue(limits.rollupPoints)
    const ages = new RetentionAges(retention)
    const parts: StoreParts = { path, statements, commits, chunks, index, head, rollups, limits, faults }
    yield* loadStore(parts)
    const reader = yield* makeStoreReader(path, index, head, {
      timeout: Duration.decode(queryTimeout),
      maxSeries: maxQuerySeries
    })
    const wake = yield* Effect.makeLatch(wantsFlush(parts))
    yield* Effect.forkScoped(keepFlushing(parts, wake))
    yield* Effect.forkScoped(catchUpRollups(parts))
    yield* watchWrites(path, commits, () => db.exec(writeProbe))

    const reading = <A>(run: () => A): Effect.Effect<A, StoreError> =>
      Effect.suspend(() => db.open ? tryStore(run) : storeClosed())

    const owned = (writer: StreamWriter, now: number): StreamState | StreamOwnedError => {
      const state = statements.stream.get(writer.stream) ?? newStream(writer, now)
      return state.owner === writer.owner ? state : new StreamOwnedError({ stream: writer.stream })
    }

    const forget = (writer: StreamWriter): ReadonlyArray<Rejection> => {
      statements.forgetRejections.run(writer.stream, writer.acked)
      return statements.rejections.all(writer.stream).map(({ at, reason }): Rejection => [at, reason])
    }

    // What memory does not know, the file may, when a neighbour in this transaction was faster.
    const define = (series: Series): number => {
      const { key, kind = null, unit = null } = series
      const own = (statements.seriesId.get(key) ?? statements.addSeries.get(key, kind, unit))?.id
      if (own === undefined) throw new Error("a series got no id")
      return own
    }

    // Series that the writes of this transaction made, those that were undone too: the index learns of them after COMMIT,
    // in the same turn, and before any microtask.
    const fresh = new Map<string, Set<string>>()
    const note = (defined: ReadonlyArray<Series>): void => {
      if (defined.length > 0 && fresh.size === 0) queueMicrotask(() => fresh.clear())
      for (const { key, metricType } of defined) {
        const own = fresh.get(metricType)
        if (own === undefined) fresh.set(metricType, new Set([key]))
        else own.add(key)
      }
    }

    const store = (points: Points): Stored => {
      if (points.time.length === 0) return nothing
      const { columns, defined } = placePoints(points, index, maxSeries, define, fresh)
      note(defined.map(([, series]) => series))
      const data = encodeLogRow(columns)
      const row = Number(statements.addRow.run(logRowCrc(data), data).lastInsertRowid)
      faults.reach("append")
      return { points, columns, row, bytes: data.length, defined }
    }

    const show = ({ bytes, columns, defined, points, row }: Stored, now: number): void => {
      if (points.time.length === 0) return
      for (const [own, series] of defined) {
        if (index.idOf(series.key) === undefined) index.define(own, series)
      }
      index.add(columns, now)
      const wasEmpty = head.oldest === undefined
      head.add(row, bytes, columns, now)
      live.publish(points)
      if (wasEmpty || wantsFlush(parts)) wake.unsafeOpen()
    }

    /** A write that may find the stream in other hands. */
    const streamWrite = <A>(
      run: (now: number) => { readonly answer: A | StreamOwnedError; readonly stored: Stored }
    ): Effect.Effect<A, StoreError | StreamOwnedError> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        commits.write({
          run: () => run(now),
          committed: ({ answer, stored }) => {
            show(stored, now)
            return answer
          }
        })).pipe(
          Effect.flatMap((answer) => answer instanceof StreamOwnedError ? answer : Effect.succeed(answer))
        )

    return MetricStore.of({
      id,
      openStreams: (writers, isCurrentOwner) =>
        streamWrite<ReadonlyArray<OpenedStream>>((now) => {
          const stream = firstOwned(writers, (name) => statements.stream.get(name), isCurrentOwner)
          if (stream !== undefined) return { answer: new StreamOwnedError({ stream }), stored: nothing }
          const answer = writers.map((writer) => {
            const state = statements.stream.get(writer.stream) ?? newStream(writer, now)
            statements.setStream.run({ ...state, owner: writer.owner, sender: writer.sender, lastSeen: now })
            return { next: state.next, rejected: forget(writer) }
          })
          return { answer, stored: nothing }
        }),
      commit: (batch) =>
        streamWrite<CommitResult>((now) => {
          const state = owned(batch, now)
          if (state instanceof StreamOwnedError) return { answer: state, stored: nothing }
          const admission = admit(batch, state.next)
          if (admission._tag === "Gap") return { answer: { _tag: "Gap", next: state.next }, stored: nothing }
          const offered = pointsFrom(batch.points, admission.firstPoint)
          const late = ages.lateOf(offered, now)
          const stored = store(withoutPoints(offered, late))
          statements.setStream.run({
            ...state,
            next: admission.next,
            rejected: state.rejected + admission.rejected.length,
            lost: state.lost + late.length,
            lastSeen: now
          })
          for (const loss of lossesOf(batch, admission.rejected, now)) statements.addLoss.run(loss)
          for (const loss of lateLosses(batch, admission, late, now)) statements.addLoss.run(loss)
          for (const [offset, reason] of admission.rejected) statements.addRejection.run(batch.stream, offset, reason)
          const rejected = forget(batch)
          const count = stored.points.time.length
          return { answer: { _tag: "Committed", next: admission.next, rejected, stored: count }, stored }
        }),
      skip: (writer, from, to, reason, loss) =>
        streamWrite<CommitResult>((now) => {
          const state = owned(writer, now)
          if (state instanceof StreamOwnedError) return { answer: state, stored: nothing }
          const admission = admitSkip(state, from, to, reason, loss, now)
          if (admission._tag === "Gap") return { answer: { _tag: "Gap", next: state.next }, stored: nothing }
          if (admission.loss !== undefined) statements.addLoss.run(admission.loss)
          statements.setStream.run(admission.state)
          const { next } = admission.state
          return { answer: { _tag: "Committed", next, rejected: forget(writer), stored: 0 }, stored: nothing }
        }),
      commitPlain: (points) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const late = ages.lateOf(points, now)
          const kept = withoutPoints(points, late)
          return Effect.as(
            commits.write({ run: () => store(kept), committed: (stored) => show(stored, now) }),
            late
          )
        }),
      query: reader.ask,
      queryText: reader.askText,
      series: (filter) => Effect.zipRight(reading(() => undefined), reader.series(filter)),
      latest: (filter) => Effect.zipRight(reading(() => undefined), reader.latest(filter)),
      matcher: reader.matcher,
      losses: (limit, sender) => reading(() => statements.losses.all({ limit, sender: sender ?? null })),
      streams: reading(() => statements.streams.all().map(({ owner: _, ...info }) => info)),
      stats: reading(() => {
        const { file, wal } = fileBytes(path)
        return {
          series: index.size,
          points: index.points,
          bytes: file + wal,
          usedBytes: usedBytes(db),
          batches: head.logRows
        }
      }),
      ready: Effect.flatMap(reading(() => commits.health().problem), (problem) => problem ?? Effect.void),
      expire: (before) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          expirePoints(parts, (metricType) =>
            before ?? ages.before(metricType, now)).pipe(
              Effect.tap(() => before === undefined ? pruneSenders(parts, ages, maxLosses, now) : Effect.void),
              Effect.zipLeft(returnSpace(db))
            )),
      live: (capacity) =>
        live.read(capacity)
    })
  })

// As much as a usual commit writes; it leaves nothing behind.
const writeProbe = "INSERT INTO fields VALUES (-1, zeroblob(65536)); DELETE FROM fields WHERE chunk = -1"

const limitSize = (db: Sqlite.Database, bytes: number): void => {
  db.pragma(`max_page_count = ${Math.max(1, Math.floor(bytes / numberPragma(db, "page_size")))}`)
}

// A MiB: of less it is not worth while to make the file shorter.
const leastKept = 256

/** Gives free pages back to the file system, but for a tenth that will be used again soon. */
const returnSpace = (db: Sqlite.Database): Effect.Effect<void, StoreError> =>
  returnPages(
    db,
    () => leastKept + Math.ceil(numberPragma(db, "page_count") / 10),
    (run) => db.open ? tryStore(run) : storeClosed()
  )

/**
 * A {@link MetricStore} in one SQLite file: what it answered survives a crash
 * of the process and of the machine.
 */
export const SqliteMetricStore = {
  layer: (options: SqliteMetricStoreOptions): Layer.Layer<MetricStore, SqliteFileError | StoreError> =>
    Layer.scoped(MetricStore, make(options))
} as const
