import type Sqlite from "better-sqlite3"
import { Either } from "effect"
import { ChunkReader } from "../../store/chunk/ChunkReader.js"
import { decodeLogRow } from "../../store/log/LogRow.js"
import { identityOf } from "./AcceptedPoints.js"

/** A point of a store. */
export interface StoredPoint {
  readonly identity: string
  readonly series: string
  readonly time: number
}

interface SeriesRow {
  readonly id: number
  readonly key: string
  readonly flushed: number
}

interface LogRow {
  readonly seq: number
  readonly crc: number
  readonly data: Buffer
}

/**
 * Every point of a store's file, in the order of arrival within its series:
 * those in chunks, then those in the log that no chunk holds. Throws where
 * something cannot be read.
 */
export const readStoredPoints = (db: Sqlite.Database): ReadonlyArray<StoredPoint> => {
  const points: Array<StoredPoint> = []
  const chunks = new ChunkReader(db)
  const series = new Map<number, SeriesRow>()
  for (const row of db.prepare<[], SeriesRow>("SELECT id, key, flushed FROM series ORDER BY id").all()) {
    series.set(row.id, row)
    for (const place of chunks.find(row.id, -8.64e15, 8.64e15)) {
      const { fields, time, value } = Either.getOrThrowWith(
        chunks.read(place.id),
        () => new Error(`chunk ${place.id} cannot be read`)
      )
      for (let i = 0; i < time.length; i++) {
        points.push({ identity: identityOf(row.key, time[i], value[i], fields?.[i]), series: row.key, time: time[i] })
      }
    }
  }
  for (const { crc, data, seq } of db.prepare<[], LogRow>("SELECT seq, crc, data FROM log ORDER BY seq").all()) {
    const columns = Either.getOrThrowWith(decodeLogRow(data, crc), (problem) => new Error(`row ${seq}: ${problem}`))
    for (let i = 0; i < columns.time.length; i++) {
      const own = series.get(columns.series[i])
      if (own === undefined || seq <= own.flushed) continue
      const time = columns.time[i]
      points.push({
        identity: identityOf(own.key, time, columns.value[i], columns.fields[i]),
        series: own.key,
        time
      })
    }
  }
  return points
}

/** Offsets of a stream that a server wrote down as lost. */
export interface StoredLossRange {
  readonly stream: string
  readonly from: number
  readonly to: number
  readonly reason: string
}

/** The losses of a store's file. */
export const readLosses = (db: Sqlite.Database): ReadonlyArray<StoredLossRange> =>
  db.prepare<[], StoredLossRange>(
    "SELECT stream, from_offset AS \"from\", to_offset AS \"to\", reason FROM losses ORDER BY id"
  ).all()
