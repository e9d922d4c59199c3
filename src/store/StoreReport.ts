import type Sqlite from "better-sqlite3"
import { Effect, Either } from "effect"
import { nextTurn } from "../domain/nextTurn.js"
import { type SqliteFileError, trySqliteFile } from "../sqlite/SqliteFileError.js"
import { fileBytes, freeBytes } from "../sqlite/SqliteSpace.js"
import { decodeLogRow } from "./log/LogRow.js"
import { readSeriesKey } from "./series/SeriesKey.js"

/** What a store holds of one metric type. */
export interface MetricTypeReport {
  readonly metricType: string
  readonly series: number
  readonly points: number
  /** Bytes of its chunks, their fields and its rollups; what waits in the log is not counted. */
  readonly bytes: number
}

/** What stands in a store's file: one state of it. Times are ms since the epoch. */
export interface StoreReport {
  readonly path: string
  readonly store: string
  readonly bytes: { readonly file: number; readonly wal: number; readonly free: number }
  readonly series: number
  readonly points: number
  /** `null` when there is no point. */
  readonly oldest: number | null
  readonly newest: number | null
  readonly chunks: number
  readonly log: { readonly rows: number; readonly points: number; readonly damagedRows: number }
  /** Bytes of the pages of each table and its indexes. */
  readonly tables: { readonly [name: string]: number }
  /** Largest first. */
  readonly metricTypes: ReadonlyArray<MetricTypeReport>
  readonly streams: number
  readonly losses: { readonly entries: number; readonly points: number }
}

interface SeriesSummary {
  readonly id: number
  readonly key: string
  readonly flushed: number
  readonly points: number
  readonly first: number | null
  readonly last: number | null
}

/** How far {@link readStoreReport} is: chunks and rows of the log that it has passed. */
export interface ReportProgress {
  done: number
  total: number
}

// Read in one turn of the event loop.
const chunkSlice = 5_000
const seriesSlice = 10_000
const rowSlice = 32

const numberOf = (db: Sqlite.Database, sql: string): number => Number(db.prepare(sql).pluck().get() ?? 0)

/**
 * Reads what a store's file holds, in one read transaction, so that a server
 * may go on writing to it. Reads every page once: `progress` tells how far it is.
 */
export const readStoreReport = (
  db: Sqlite.Database,
  progress: ReportProgress
): Effect.Effect<StoreReport, SqliteFileError> => {
  const path = db.name
  const attempt = <A>(run: () => A): Effect.Effect<A, SqliteFileError> => trySqliteFile(path, run)

  const read = Effect.gen(function*() {
    progress.total = yield* attempt(() =>
      numberOf(db, "SELECT max(id) FROM chunks") + numberOf(db, "SELECT count(*) FROM log")
    )
    const types = new Map<string, { series: number; points: number; bytes: number }>()
    const typeOf = new Map<number, { series: number; points: number; bytes: number }>()
    const flushed = new Map<number, number>()
    let series = 0
    let points = 0
    let oldest = Infinity
    let newest = -Infinity

    const someSeries = yield* attempt(() =>
      db.prepare<[number, number], SeriesSummary>(
        "SELECT id, key, flushed, points, first, last FROM series WHERE id > ? ORDER BY id LIMIT ?"
      )
    )
    for (let after = 0;;) {
      const rows = yield* attempt(() => someSeries.all(after, seriesSlice))
      for (const row of rows) {
        after = row.id
        const name = readSeriesKey(row.key)?.metricType
        if (name === undefined) continue
        const own = types.get(name) ?? { series: 0, points: 0, bytes: 0 }
        types.set(name, own)
        typeOf.set(row.id, own)
        flushed.set(row.id, row.flushed)
        own.series++
        own.points += row.points
        series++
        points += row.points
        oldest = Math.min(oldest, row.first ?? Infinity)
        newest = Math.max(newest, row.last ?? -Infinity)
      }
      if (rows.length < seriesSlice) break
      yield* nextTurn
    }

    const lastChunk = yield* attempt(() => numberOf(db, "SELECT max(id) FROM chunks"))
    const someChunks = yield* attempt(() =>
      db.prepare<[number, number], { readonly series: number; readonly chunks: number; readonly bytes: number }>(
        "SELECT c.series, count(*) AS chunks, sum(length(c.data) + coalesce(length(f.data), 0)) AS bytes FROM chunks c " +
          "LEFT JOIN fields f ON f.chunk = c.id WHERE c.id > ? AND c.id <= ? GROUP BY c.series"
      )
    )
    let chunks = 0
    for (let after = 0; after < lastChunk; after += chunkSlice) {
      for (const row of yield* attempt(() => someChunks.all(after, after + chunkSlice))) {
        chunks += row.chunks
        const own = typeOf.get(row.series)
        if (own !== undefined) own.bytes += row.bytes
      }
      progress.done = Math.min(after + chunkSlice, lastChunk)
      yield* nextTurn
    }
    const rollups = yield* attempt(() =>
      db.prepare<[], { readonly series: number; readonly bytes: number }>(
        "SELECT series, sum(length(data)) AS bytes FROM rollups GROUP BY series"
      ).all()
    )
    for (const row of rollups) {
      const own = typeOf.get(row.series)
      if (own !== undefined) own.bytes += row.bytes
    }

    const log = { rows: 0, points: 0, damagedRows: 0 }
    const someRows = yield* attempt(() =>
      db.prepare<[number, number], { readonly seq: number; readonly crc: number; readonly data: Buffer }>(
        "SELECT seq, crc, data FROM log WHERE seq > ? ORDER BY seq LIMIT ?"
      )
    )
    for (let after = 0;;) {
      const rows = yield* attempt(() => someRows.all(after, rowSlice))
      for (const { crc, data, seq } of rows) {
        after = seq
        log.rows++
        progress.done++
        const decoded = decodeLogRow(data, crc)
        if (Either.isLeft(decoded)) {
          log.damagedRows++
          continue
        }
        const { series: ids, time } = decoded.right
        for (let i = 0; i < ids.length; i++) {
          // What its series has passed stands in a chunk; a series that was freed has no mark.
          if (seq <= (flushed.get(ids[i]) ?? Infinity)) continue
          const own = typeOf.get(ids[i])
          if (own !== undefined) own.points++
          log.points++
          points++
          oldest = Math.min(oldest, time[i])
          newest = Math.max(newest, time[i])
        }
      }
      if (rows.length < rowSlice) break
      yield* nextTurn
    }

    const tables = yield* attempt(() =>
      db.prepare<[], { readonly name: string; readonly bytes: number }>(
        "SELECT coalesce(s.tbl_name, d.name) AS name, sum(d.pgsize) AS bytes FROM dbstat d " +
          "LEFT JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY 1 ORDER BY 2 DESC"
      ).all()
    )
    return yield* attempt((): StoreReport => ({
      path,
      store: db.prepare<[], { readonly id: string }>("SELECT id FROM store").get()?.id ?? "",
      bytes: { ...fileBytes(path), free: freeBytes(db) },
      series,
      points,
      oldest: Number.isFinite(oldest) ? oldest : null,
      newest: Number.isFinite(newest) ? newest : null,
      chunks,
      log,
      tables: Object.fromEntries(tables.map(({ bytes, name }) => [name, bytes])),
      metricTypes: Array.from(types, ([metricType, own]) => ({ metricType, ...own }))
        .sort((a, b) => b.bytes - a.bytes || b.points - a.points || (a.metricType < b.metricType ? -1 : 1)),
      streams: numberOf(db, "SELECT count(*) FROM streams"),
      losses: {
        entries: numberOf(db, "SELECT count(*) FROM losses"),
        points: numberOf(db, "SELECT sum(count) FROM losses")
      }
    }))
  })

  return Effect.acquireUseRelease(
    attempt(() => db.exec("BEGIN")),
    () => read,
    () => Effect.sync(() => db.inTransaction ? void db.exec("COMMIT") : undefined)
  )
}
