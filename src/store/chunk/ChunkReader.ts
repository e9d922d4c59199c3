import type Sqlite from "better-sqlite3"
import { Either } from "effect"
import { decodeChunk, decodeChunkInto, type PointBuffer } from "./Chunk.js"
import type { DamagedBlob } from "./DamagedBlob.js"
import { decodeFields } from "./FieldsBlob.js"
import { DAY, dayOf, type SeriesColumns } from "./SeriesColumns.js"

/** What the index of the chunks tells of one. */
export interface ChunkPlace {
  readonly id: number
  /** Ms since the epoch. */
  readonly first: number
  readonly last: number
  readonly count: number
}

/** Reads chunks over any connection of a store's file. */
export class ChunkReader {
  private readonly places: Sqlite.Statement<[number, number, number, number], ChunkPlace>
  private readonly next: Sqlite.Statement<[number, number], number>
  private readonly data: Sqlite.Statement<[number], Buffer>
  private readonly fields: Sqlite.Statement<[number], Buffer>

  constructor(db: Sqlite.Database) {
    this.places = db.prepare(
      "SELECT id, first, last, count FROM chunks WHERE series = ? AND first >= ? AND first < ? AND last >= ?"
    )
    this.next = db.prepare<[number, number], number>(
      "SELECT first FROM chunks WHERE series = ? AND first >= ? ORDER BY first LIMIT 1"
    ).pluck()
    this.data = db.prepare<[number], Buffer>("SELECT data FROM chunks WHERE id = ?").pluck()
    this.fields = db.prepare<[number], Buffer>("SELECT data FROM fields WHERE chunk = ?").pluck()
  }

  /** The chunks of a series that may hold points of `from` ≤ t < `to`, in the order of arrival. */
  find(series: number, from: number, to: number): ReadonlyArray<ChunkPlace> {
    // No chunk crosses a midnight, so none that began a day earlier reaches `from`.
    const found = this.places.all(series, dayOf(from) * DAY, to, from)
    return found.sort((a, b) => a.id - b.id)
  }

  /** The first instant of the chunks of a series that begin at or after `from`; `undefined` when there is none. */
  firstFrom(series: number, from: number): number | undefined {
    return this.next.get(series, from)
  }

  /** Reads times and values into a buffer that is used again and again. */
  readInto(id: number, buffer: PointBuffer): Either.Either<PointBuffer, DamagedBlob> {
    return decodeChunkInto(this.data.get(id) ?? Buffer.alloc(0), buffer)
  }

  /** The fields of a chunk's points; `undefined` when none has any. */
  readFields(id: number): Either.Either<SeriesColumns["fields"], DamagedBlob> {
    const data = this.fields.get(id)
    return data === undefined ? Either.right(undefined) : decodeFields(data)
  }

  read(id: number): Either.Either<SeriesColumns, DamagedBlob> {
    return Either.flatMap(
      decodeChunk(this.data.get(id) ?? Buffer.alloc(0)),
      (points) => Either.map(this.readFields(id), (fields) => ({ ...points, fields }))
    )
  }
}
