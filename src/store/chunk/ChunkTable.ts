import type Sqlite from "better-sqlite3"
import { Either } from "effect"
import type { HeadSeries } from "../log/Head.js"
import { type ChunkSummary, encodeChunk } from "./Chunk.js"
import { type ChunkPlace, ChunkReader } from "./ChunkReader.js"
import { encodeFields } from "./FieldsBlob.js"
import { type RollupBacklog, RollupTable } from "./RollupTable.js"
import {
  DAY,
  dayOf,
  firstAtOrAfter,
  mergeByTime,
  type SeriesColumns,
  slicePoints,
  sortByTime,
  splitByDay
} from "./SeriesColumns.js"

interface Tail {
  readonly id: number
  readonly day: number
  readonly count: number
}

/** The columns of a chunk that tell of its points. */
type SummaryColumns = readonly [
  first: number,
  last: number,
  count: number,
  sum: number,
  min: number,
  max: number,
  firstValue: number,
  lastValue: number
]

const columnsOfSummary = (of: ChunkSummary): SummaryColumns =>
  [of.firstTime, of.lastTime, of.count, of.sum, of.min, of.max, of.first, of.last] as const

/** What {@link ChunkTable.expire} did. */
export interface ExpiredChunks {
  /** Points that went. */
  readonly removed: number
  /** The first instant that is left, ms since the epoch; `undefined` when nothing is. */
  readonly first: number | undefined
  /** Chunks that were looked at. */
  readonly chunks: number
  /** Whether no older points are left that can be deleted. */
  readonly isDone: boolean
}

// Newest chunks of series that are remembered; others are looked for.
const maxTails = 100_000

/** Writes chunks. Every method runs inside a transaction of the caller. */
export class ChunkTable extends ChunkReader {
  private readonly insert: Sqlite.Statement<[series: number, ...SummaryColumns, data: Buffer]>
  private readonly update: Sqlite.Statement<[...SummaryColumns, data: Buffer, id: number]>
  private readonly remove: Sqlite.Statement<[number]>
  private readonly insertFields: Sqlite.Statement<[number, Buffer]>
  private readonly removeFields: Sqlite.Statement<[number]>
  private readonly newest: Sqlite.Statement<[number, number, number], { readonly id: number; readonly count: number }>
  private readonly first: Sqlite.Statement<[number], number | null>
  private readonly older: Sqlite.Statement<[series: number, before: number, most: number], ChunkPlace>
  private readonly tails = new Map<number, Tail>()

  constructor(db: Sqlite.Database, private readonly chunkPoints: number) {
    super(db)
    this.rollups = new RollupTable(db, this)
    this.insert = db.prepare(
      "INSERT INTO chunks (series, first, last, count, sum, min, max, first_value, last_value, data) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    this.update = db.prepare(
      "UPDATE chunks SET first = ?, last = ?, count = ?, sum = ?, min = ?, max = ?, first_value = ?, last_value = ?, " +
        "data = ? WHERE id = ?"
    )
    this.remove = db.prepare("DELETE FROM chunks WHERE id = ?")
    this.insertFields = db.prepare("INSERT OR REPLACE INTO fields VALUES (?, ?)")
    this.removeFields = db.prepare("DELETE FROM fields WHERE chunk = ?")
    this.newest = db.prepare(
      "SELECT max(id) AS id, count FROM chunks WHERE series = ? AND first >= ? AND first < ? HAVING max(id) IS NOT NULL"
    )
    this.older = db.prepare(
      "SELECT id, first, last, count FROM chunks WHERE series = ? AND first < ? ORDER BY first LIMIT ?"
    )
    this.first = db.prepare<[number], number | null>("SELECT min(first) FROM chunks WHERE series = ?").pluck()
  }

  /** Tells of chunks that stand in a rollup: they are never merged into. */
  private readonly rollups: RollupTable

  private tailOf(series: number, day: number): Tail | undefined {
    const known = this.tails.get(series)
    if (known?.day === day) return known
    const found = this.newest.get(series, day * DAY, (day + 1) * DAY)
    return found === undefined || found.id <= this.rollups.upTo(series, day) ? undefined : { ...found, day }
  }

  /** What was remembered of transactions that failed must not be used. */
  forget(): void {
    this.tails.clear()
  }

  private addDay(series: number, day: number, arrived: SeriesColumns): void {
    let points = arrived
    const tail = this.tailOf(series, day)
    if (tail !== undefined && tail.count < this.chunkPoints) {
      const older = this.read(tail.id)
      // One that is damaged stays as it is: a person may still save something of it.
      if (Either.isRight(older)) {
        points = mergeByTime(older.right, arrived)
        this.delete(tail.id)
      }
    }
    const count = points.time.length
    // Pieces of one to two times the size: a remainder of its own would have to be written again with the next.
    const size = Math.ceil(count / Math.max(1, Math.floor(count / this.chunkPoints)))
    for (let from = 0; from < count; from += size) {
      const piece = slicePoints(points, from, Math.min(count, from + size))
      const { data, summary } = encodeChunk(piece.time, piece.value)
      const id = Number(this.insert.run(series, ...columnsOfSummary(summary), data).lastInsertRowid)
      const fields = encodeFields(piece.fields)
      if (fields !== undefined) this.insertFields.run(id, fields)
      if (this.tails.size >= maxTails) this.tails.clear()
      this.tails.set(series, { id, day, count: summary.count })
    }
  }

  /**
   * Turns the points of a series into chunks, the small last one of each day
   * grown by its share; answers the days.
   */
  add(head: HeadSeries): ReadonlyArray<number> {
    const { count, fields, id } = head
    const points = {
      time: head.time.subarray(0, count),
      value: head.value.subarray(0, count),
      fields: fields === undefined ? undefined : Array.from({ length: count }, (_, i) => fields[i])
    }
    return splitByDay(sortByTime(points)).map(({ day, points }) => {
      this.addDay(id, day, points)
      return day
    })
  }

  /** Deletes points of a series older than `before`, of at most `most` chunks, the oldest first. */
  expire(series: number, before: number, most: number): ExpiredChunks {
    let removed = 0
    let changed = 0
    this.tails.delete(series)
    const older = this.older.all(series, before, most)
    const isAll = older.length < most
    // Rollups of the days that lose points; that of a day which stays as a whole stays too.
    this.rollups.expire(series, dayOf(isAll ? before - 1 : older[older.length - 1].first))
    for (const { count, id, last } of older) {
      if (last < before) {
        this.delete(id)
        removed += count
        changed++
        continue
      }
      const read = this.read(id)
      // Nobody can tell how old the points of a damaged chunk are.
      if (Either.isLeft(read)) continue
      const from = firstAtOrAfter(read.right.time, before)
      removed += from
      this.replace(id, slicePoints(read.right, from, read.right.time.length))
      changed++
    }
    const first = this.first.get(series) ?? undefined
    return { removed, first, chunks: older.length, isDone: isAll || changed === 0 }
  }

  /** The days `from` ≤ day < `to` of a series whose rollups are behind, oldest first. */
  rollupBacklog(series: number, from: number, to: number): ReadonlyArray<RollupBacklog> {
    return this.rollups.backlog(series, from, to)
  }

  /** Brings the rollup of a series and day up to date. */
  roll(series: number, day: number): void {
    this.tails.delete(series)
    this.rollups.update(series, day)
  }

  private replace(id: number, points: SeriesColumns): void {
    const { data, summary } = encodeChunk(points.time, points.value)
    this.update.run(...columnsOfSummary(summary), data, id)
    const fields = encodeFields(points.fields)
    if (fields === undefined) this.removeFields.run(id)
    else this.insertFields.run(id, fields)
  }

  private delete(id: number): void {
    this.remove.run(id)
    this.removeFields.run(id)
  }
}
