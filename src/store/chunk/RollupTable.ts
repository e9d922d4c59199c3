import type Sqlite from "better-sqlite3"
import { Either } from "effect"
import { PointBuffer } from "./Chunk.js"
import type { ChunkReader } from "./ChunkReader.js"
import { DayRollup } from "./DayRollup.js"
import { decodeRollup, encodeRollup } from "./RollupBlob.js"
import { DAY } from "./SeriesColumns.js"

/** A rollup as it is stored: it holds the points of all chunks of its day up to `upTo`. */
export interface StoredRollup {
  readonly day: number
  readonly upTo: number
  readonly data: Buffer
}

/** Reads rollups over any connection of a store's file. */
export class RollupReader {
  private readonly between: Sqlite.Statement<[number, number, number], StoredRollup>

  constructor(db: Sqlite.Database) {
    this.between = db.prepare(
      "SELECT day, up_to AS upTo, data FROM rollups WHERE series = ? AND day >= ? AND day <= ?"
    )
  }

  /** The rollups of a series for days `from` ≤ day ≤ `to`. */
  find(series: number, from: number, to: number): ReadonlyArray<StoredRollup> {
    return this.between.all(series, from, to)
  }
}

/** A day of a series with chunks that its rollup does not hold. */
export interface RollupBacklog {
  readonly day: number
  /** Points of these chunks. */
  readonly points: number
}

/** Writes rollups. Every method runs inside a transaction of the caller. */
export class RollupTable extends RollupReader {
  private readonly set: Sqlite.Statement<[number, number, number, Buffer]>
  private readonly remove: Sqlite.Statement<[number, number]>
  private readonly behind: Sqlite.Statement<[series: number, from: number, to: number], RollupBacklog>
  private readonly buffer = new PointBuffer()
  private readonly rollup = new DayRollup()

  constructor(db: Sqlite.Database, private readonly chunks: ChunkReader) {
    super(db)
    this.set = db.prepare("INSERT OR REPLACE INTO rollups (series, day, up_to, data) VALUES (?, ?, ?, ?)")
    this.remove = db.prepare("DELETE FROM rollups WHERE series = ? AND day <= ?")
    // Division of whole numbers rounds towards zero, days are rounded down.
    this.behind = db.prepare(
      `SELECT day, sum(count) AS points FROM (
        SELECT id, series, count, (first - ((first % ${DAY}) + ${DAY}) % ${DAY}) / ${DAY} AS day
        FROM chunks WHERE series = ? AND first >= ? AND first < ?
      ) AS placed
      WHERE id > coalesce((SELECT up_to FROM rollups WHERE series = placed.series AND day = placed.day), 0)
      GROUP BY day ORDER BY day`
    )
  }

  /** The newest chunk that a rollup holds; 0 when there is no rollup. */
  upTo(series: number, day: number): number {
    return this.find(series, day, day)[0]?.upTo ?? 0
  }

  /** Brings the rollup of a day up to its chunks, which must not change any more. */
  update(series: number, day: number): void {
    const [known] = this.find(series, day, day)
    let upTo = known?.upTo ?? 0
    // One that is damaged is made anew.
    if (known === undefined || Either.isLeft(decodeRollup(known.data, this.rollup))) {
      this.rollup.clear(day)
      upTo = 0
    }
    const added = this.chunks.find(series, day * DAY, (day + 1) * DAY).filter(({ id }) => id > upTo)
    if (added.length === 0) return
    for (const { id } of added) {
      // Whoever reads the day is to find one that is damaged, and say so: those from it on are left to be read.
      if (Either.isLeft(this.chunks.readInto(id, this.buffer))) break
      this.rollup.add(this.buffer.time, this.buffer.value, 0, this.buffer.count)
      upTo = id
    }
    if (this.rollup.rows > 0) this.set.run(series, day, upTo, encodeRollup(this.rollup))
  }

  /** The days `from` ≤ day < `to` of a series whose rollups are behind, oldest first. */
  backlog(series: number, from: number, to: number): ReadonlyArray<RollupBacklog> {
    return this.behind.all(series, from * DAY, to * DAY)
  }

  /** Deletes the rollups of a series up to a day. */
  expire(series: number, day: number): void {
    this.remove.run(series, day)
  }
}
