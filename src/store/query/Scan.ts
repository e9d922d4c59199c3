import type Sqlite from "better-sqlite3"
import { Either } from "effect"
import type { JsonObject } from "../../domain/Json.js"
import type { Series } from "../../domain/Series.js"
import { readOnlySqlite } from "../../sqlite/readOnlySqlite.js"
import { PointBuffer } from "../chunk/Chunk.js"
import { type ChunkPlace, ChunkReader } from "../chunk/ChunkReader.js"
import type { DamagedBlob } from "../chunk/DamagedBlob.js"
import { DayRollup, MINUTE } from "../chunk/DayRollup.js"
import { decodeRollup } from "../chunk/RollupBlob.js"
import { RollupReader } from "../chunk/RollupTable.js"
import { DAY, dayOf } from "../chunk/SeriesColumns.js"
import type { QueryAnswer, QueryError, StoreQuery } from "../MetricStore.js"
import { ColumnRoom } from "./ColumnRoom.js"
import { type QueryRun, startQuery } from "./QueryRun.js"

/** Points of one series as they stood in the head, in the order of their arrival: the first `count` of each column. */
export interface HeadPoints {
  readonly time: ArrayLike<number>
  readonly value: ArrayLike<number>
  readonly fields: ReadonlyArray<JsonObject | undefined> | undefined
  readonly count: number
  /** The row of the log that holds the oldest of all that stood there. */
  readonly firstRow: number
}

/** A series that a query means, and what the head held of it before the scan began. */
export interface ScannedSeries {
  readonly id: number
  readonly series: Series
  /** Its oldest and newest point, ms since the epoch. */
  readonly first: number
  readonly last: number
  readonly head: HeadPoints | undefined
}

/** A query and the series that its filter means. */
export interface ScanRequest {
  readonly query: StoreQuery
  readonly series: ReadonlyArray<ScannedSeries>
}

/** A chunk that cannot be read and was left out. */
export interface DamagedChunk {
  readonly chunk: number
  readonly message: string
}

// Points read in one step: about 5 ms.
const slice = 50_000
// What else takes time, in points: finding a series or some of its days, a chunk that is found there, a rollup that is
// taken in place of chunks.
const lookCost = 200
const chunkCost = 16
const rollupCost = 2_500

// Days of a series whose chunks are looked for at a time.
const daysAtOnce = 8

/** A chunk to be read, or a part of one. */
interface Piece extends ChunkPlace {
  readonly clip?: { readonly from: number; readonly to: number }
}

interface Connection {
  readonly db: Sqlite.Database
  readonly marks: Sqlite.Statement<[number], number>
  readonly chunks: ChunkReader
  readonly rollups: RollupReader
  readonly buffer: PointBuffer
}

/**
 * One query over one state of the store: chunks as a read transaction sees
 * them, and those points of the head that were copied before and are in none
 * of these chunks. A series leaves the head as a whole and its mark moves to
 * the newest row of the log in the same transaction. So all its copied points
 * stand in chunks when the mark has reached the row of the oldest, and none of
 * them does otherwise; a series that is gone took all its points with it.
 */
export class Scan {
  readonly damaged: Array<DamagedChunk> = []
  private at = 0
  // Of the series at hand: what is to be read of the days that were looked for last, and where the next ones begin.
  private places: ReadonlyArray<Piece> = []
  private place = 0
  private nextDay = -Infinity
  private answering: ReturnType<QueryRun["answer"]> | undefined
  private readonly rollup = new DayRollup()

  constructor(
    private readonly connection: Connection,
    private readonly series: ReadonlyArray<ScannedSeries>,
    private readonly run: QueryRun,
    private readonly release: () => void
  ) {}

  /**
   * Takes the rollups of some days of a series where they are exact: for whole minutes within the interval. Answers the
   * chunks that are still to be read, and how many rollups it took.
   */
  private takeRollups(
    id: number,
    places: ReadonlyArray<ChunkPlace>,
    from: number,
    to: number
  ): { readonly pieces: ReadonlyArray<Piece>; readonly taken: number } {
    const { addRollup } = this.run
    if (addRollup === undefined || this.run.isSearched(id) || places.length < 2) return { pieces: places, taken: 0 }
    const inner = { from: Math.ceil(from / MINUTE) * MINUTE, to: Math.floor(to / MINUTE) * MINUTE }
    if (inner.from >= inner.to) return { pieces: places, taken: 0 }
    const upTo = new Map<number, number>()
    const least = places.reduce((day, { first }) => Math.min(day, dayOf(first)), Infinity)
    const most = places.reduce((day, { first }) => Math.max(day, dayOf(first)), -Infinity)
    for (const stored of this.connection.rollups.find(id, least, most)) {
      // A damaged one is no loss: the chunks are there.
      if (Either.isLeft(decodeRollup(stored.data, this.rollup))) continue
      const start = stored.day * DAY
      const first = this.rollup.rowAt((inner.from - start) / MINUTE)
      addRollup(id, this.rollup, first, Math.max(first, this.rollup.rowAt((inner.to - start) / MINUTE)))
      upTo.set(stored.day, stored.upTo)
    }
    // Of what the rollup holds only the minutes that the interval cuts are missing.
    const clips = [{ from, to: inner.from }, { from: inner.to, to }].filter((clip) => clip.from < clip.to)
    const pieces: Array<Piece> = []
    for (const place of places) {
      if (place.id > (upTo.get(dayOf(place.first)) ?? 0)) pieces.push(place)
      else {
        for (const clip of clips) {
          if (place.first < clip.to && place.last >= clip.from) pieces.push({ ...place, clip })
        }
      }
    }
    return { pieces, taken: upTo.size }
  }

  /**
   * Looks for what is to be read of the next days of a series. No chunk crosses a midnight, so that days in their order
   * keep equal times in the order of arrival. Answers what that cost, in points; `undefined` when there are no more.
   */
  private lookOn(id: number): number | undefined {
    const { chunks } = this.connection
    const to = this.run.to()
    const first = chunks.firstFrom(id, Math.max(this.nextDay, dayOf(this.run.from) * DAY))
    if (first === undefined || first >= to) return undefined
    const start = dayOf(first) * DAY
    this.nextDay = start + daysAtOnce * DAY
    const [begin, end] = [Math.max(this.run.from, start), Math.min(to, this.nextDay)]
    const found = chunks.find(id, begin, end)
    const { pieces, taken } = this.takeRollups(id, found, begin, end)
    this.places = pieces
    this.place = 0
    return lookCost + chunkCost * found.length + rollupCost * taken
  }

  private nextSeries(): void {
    this.at++
    this.places = []
    this.place = 0
    this.nextDay = -Infinity
  }

  private note(chunk: number, { message }: DamagedBlob): void {
    this.damaged.push({ chunk, message })
  }

  private readChunk(id: number, place: Piece): void {
    const { buffer, chunks } = this.connection
    const read = chunks.readInto(place.id, buffer)
    if (Either.isLeft(read)) return this.note(place.id, read.left)
    const fields = this.run.wantsFields(id) ? chunks.readFields(place.id) : Either.right(undefined)
    if (Either.isLeft(fields)) this.note(place.id, fields.left)
    this.run.addSeries(id, buffer.time, buffer.value, Either.getOrUndefined(fields), buffer.count, place.clip)
  }

  private readHead(id: number, { count, fields, firstRow, time, value }: HeadPoints): void {
    const mark = this.connection.marks.get(id)
    if (mark !== undefined && mark < firstRow) this.run.addSeries(id, time, value, fields, count)
  }

  /** Reads one slice; answers whether that was all. */
  private read(): boolean {
    let budget = slice
    for (; this.at < this.series.length; this.nextSeries()) {
      const { first, head, id, last } = this.series[this.at]
      if (last < this.run.from || first >= this.run.to()) continue
      for (let cost: number | undefined = lookCost; cost !== undefined; cost = this.lookOn(id)) {
        budget -= cost
        while (this.place < this.places.length) {
          if (budget <= 0) return false
          const place = this.places[this.place++]
          if (place.first >= this.run.to()) continue
          this.readChunk(id, place)
          budget -= place.count
        }
        if (budget <= 0) return false
      }
      if (head !== undefined) {
        this.readHead(id, head)
        budget -= head.count
      }
    }
    return true
  }

  /** Bytes that its points take, about. */
  get held(): number {
    return this.run.held()
  }

  /** Works on for one slice, about 5 ms; answers when it is done, and is not to be asked again then. */
  step(): Either.Either<QueryAnswer, QueryError> | undefined {
    if (this.answering === undefined) {
      if (!this.read()) return undefined
      this.release()
      this.answering = this.run.answer()
    }
    const { done, value } = this.answering.next()
    return done === true ? value : undefined
  }

  /** Gives the snapshot up. */
  end(): void {
    this.release()
  }
}

/** The file of a store, for scans of one thread. */
export class ScannedFile {
  private readonly free: Array<Connection> = []
  private readonly open = new Set<Connection>()
  private readonly room = new ColumnRoom()

  constructor(private readonly path: string) {}

  private connect(): Connection {
    const db = readOnlySqlite(this.path)
    const connection = {
      db,
      marks: db.prepare<[number], number>("SELECT flushed FROM series WHERE id = ?").pluck(),
      chunks: new ChunkReader(db),
      rollups: new RollupReader(db),
      buffer: new PointBuffer()
    }
    this.open.add(connection)
    return connection
  }

  /** Opens a snapshot: the head must have been copied before. The scan is to be ended by its owner. */
  begin({ query, series }: ScanRequest): Either.Either<Scan, QueryError> {
    return Either.map(startQuery(query, series, this.room), (run) => {
      const connection = this.free.pop() ?? this.connect()
      let held = true
      const release = (): void => {
        if (!held || !connection.db.open) return
        held = false
        if (connection.db.inTransaction) connection.db.exec("COMMIT")
        this.free.push(connection)
      }
      try {
        connection.db.exec("BEGIN; SELECT 1 FROM store")
      } catch (cause) {
        release()
        throw cause
      }
      return new Scan(connection, series, run, release)
    })
  }

  close(): void {
    for (const { db } of this.open) db.close()
  }
}
