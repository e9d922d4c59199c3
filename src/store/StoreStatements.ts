import type Sqlite from "better-sqlite3"
import type { StoredLoss } from "./MetricStore.js"
import type { StreamState } from "./StreamRules.js"

/** A row of the table `series`. */
export interface SeriesRow {
  readonly id: number
  readonly key: string
  readonly kind: string | null
  readonly unit: string | null
  readonly flushed: number
  readonly points: number
  readonly first: number | null
  readonly last: number | null
  readonly newest_time: number | null
  readonly newest_value: number | null
  readonly newest_fields: string | null
}

/** A row of the table `log`. */
export interface LogRow {
  readonly seq: number
  readonly crc: number
  readonly data: Buffer
}

/** The statements of a store's file beside those of its chunks. */
export interface StoreStatements {
  readonly seriesId: Sqlite.Statement<[string], { readonly id: number }>
  readonly addSeries: Sqlite.Statement<[string, string | null, string | null], { readonly id: number }>
  readonly allSeries: Sqlite.Statement<[number, number], SeriesRow>
  readonly setSeries: Sqlite.Statement<
    [number, number, number, number, number | null, number | null, string | null, number]
  >
  readonly changeSeries: Sqlite.Statement<[number, number, number, number | null, number | null, string | null, number]>
  readonly removeSeries: Sqlite.Statement<[number]>
  readonly addRow: Sqlite.Statement<[number, Buffer]>
  readonly trimRows: Sqlite.Statement<[number]>
  /** Bytes of all rows of the log. */
  readonly rowBytes: Sqlite.Statement<[], number>
  readonly rows: Sqlite.Statement<[number, number], LogRow>
  readonly stream: Sqlite.Statement<[string], StreamState>
  readonly streams: Sqlite.Statement<[], StreamState>
  readonly setStream: Sqlite.Statement<[StreamState]>
  readonly addRejection: Sqlite.Statement<[string, number, string]>
  readonly forgetRejections: Sqlite.Statement<[string, number]>
  readonly rejections: Sqlite.Statement<[string], { readonly at: number; readonly reason: string }>
  readonly forgetStreams: Sqlite.Statement<[number]>
  /** Rejections of streams that were forgotten. */
  readonly forgetOrphans: Sqlite.Statement<[]>
  readonly addLoss: Sqlite.Statement<[StoredLoss]>
  /** All but the newest so many. */
  readonly forgetLosses: Sqlite.Statement<[number]>
  /** The newest losses; `null` for those of any sender. */
  readonly losses: Sqlite.Statement<[{ readonly limit: number; readonly sender: string | null }], StoredLoss>
}

/** Prepares them. */
export const prepareStatements = (db: Sqlite.Database): StoreStatements => ({
  seriesId: db.prepare<[string], { readonly id: number }>("SELECT id FROM series WHERE key = ?"),
  addSeries: db.prepare<[string, string | null, string | null], { readonly id: number }>(
    "INSERT INTO series (key, kind, unit) VALUES (?, ?, ?) RETURNING id"
  ),
  allSeries: db.prepare<[number, number], SeriesRow>("SELECT * FROM series WHERE id > ? ORDER BY id LIMIT ?"),
  setSeries: db.prepare<
    [number, number, number, number, number | null, number | null, string | null, number]
  >(
    "UPDATE series SET flushed = ?, points = ?, first = ?, last = ?, newest_time = ?, newest_value = ?, " +
      "newest_fields = ? WHERE id = ?"
  ),
  changeSeries: db.prepare<[number, number, number, number | null, number | null, string | null, number]>(
    "UPDATE series SET points = ?, first = ?, last = ?, newest_time = ?, newest_value = ?, newest_fields = ? WHERE id = ?"
  ),
  removeSeries: db.prepare<[number]>("DELETE FROM series WHERE id = ?"),
  addRow: db.prepare<[number, Buffer]>("INSERT INTO log (crc, data) VALUES (?, ?)"),
  trimRows: db.prepare<[number]>("DELETE FROM log WHERE seq < ?"),
  rowBytes: db.prepare<[], number>("SELECT coalesce(sum(length(data)), 0) FROM log").pluck(),
  rows: db.prepare<[number, number], LogRow>("SELECT seq, crc, data FROM log WHERE seq > ? ORDER BY seq LIMIT ?"),
  stream: db.prepare<[string], StreamState>(
    "SELECT stream, sender, owner, next, rejected, lost, declarations, first_seen AS firstSeen, last_seen AS lastSeen FROM streams WHERE stream = ?"
  ),
  streams: db.prepare<[], StreamState>(
    "SELECT stream, sender, owner, next, rejected, lost, declarations, first_seen AS firstSeen, last_seen AS lastSeen FROM streams ORDER BY first_seen, stream"
  ),
  setStream: db.prepare<StreamState>(
    "INSERT OR REPLACE INTO streams (stream, sender, owner, next, rejected, lost, declarations, first_seen, last_seen) " +
      "VALUES (@stream, @sender, @owner, @next, @rejected, @lost, @declarations, @firstSeen, @lastSeen)"
  ),
  addRejection: db.prepare<[string, number, string]>("INSERT OR REPLACE INTO rejections VALUES (?, ?, ?)"),
  forgetRejections: db.prepare<[string, number]>("DELETE FROM rejections WHERE stream = ? AND at < ?"),
  rejections: db.prepare<[string], { readonly at: number; readonly reason: string }>(
    "SELECT at, reason FROM rejections WHERE stream = ? ORDER BY at"
  ),
  forgetStreams: db.prepare<[number]>("DELETE FROM streams WHERE last_seen < ?"),
  forgetOrphans: db.prepare<[]>("DELETE FROM rejections WHERE stream NOT IN (SELECT stream FROM streams)"),
  forgetLosses: db.prepare<[number]>(
    "DELETE FROM losses WHERE id <= (SELECT id FROM losses ORDER BY id DESC LIMIT 1 OFFSET ?)"
  ),
  addLoss: db.prepare<StoredLoss>(
    "INSERT INTO losses (stream, sender, from_offset, to_offset, count, reason, at, generator, time_from, time_to) " +
      "VALUES (@stream, @sender, @fromOffset, @toOffset, @count, @reason, @at, @generator, @timeFrom, @timeTo)"
  ),
  losses: db.prepare<{ readonly limit: number; readonly sender: string | null }, StoredLoss>(
    "SELECT stream, sender, from_offset AS fromOffset, to_offset AS toOffset, count, reason, at, generator, " +
      "time_from AS timeFrom, time_to AS timeTo FROM losses WHERE @sender IS NULL OR sender = @sender " +
      "ORDER BY id DESC LIMIT @limit"
  )
})
