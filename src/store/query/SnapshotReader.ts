import type Sqlite from "better-sqlite3"
import { Effect, Either, type Scope } from "effect"
import { readOnlySqlite } from "../../sqlite/readOnlySqlite.js"
import { PointBuffer } from "../chunk/Chunk.js"
import { DayRollup, MINUTE } from "../chunk/DayRollup.js"
import { decodeRollup } from "../chunk/RollupBlob.js"
import { DAY, dayOf } from "../chunk/SeriesColumns.js"
import type { DamagedBlob } from "../chunk/DamagedBlob.js"
import { type ChunkPlace, ChunkReader } from "../ChunkReader.js"
import { storeClosed, storeError } from "../GroupCommit.js"
import type { Head, HeadSeries } from "../Head.js"
import type { QueryAnswer, QueryError, StoreError, StoreQuery } from "../MetricStore.js"
import { nextTurn } from "../nextTurn.js"
import { type QueryRun, startQuery } from "./QueryRun.js"
import { RollupReader } from "../RollupTable.js"
import type { SeriesEntry, SeriesIndex } from "../SeriesIndex.js"

/** Most queries that read at the same time; others wait. */
const connections = 4

// Points read in one turn of the event loop: about 5 ms.
const slice = 50_000
// What finding a series costs, in points.
const seriesCost = 200

interface Selected {
  readonly entry: SeriesEntry
  readonly head: HeadSeries | undefined
  /** Points of the head at the time of the snapshot. */
  readonly waiting: number
}

/** A chunk to be read, or a part of one. */
interface Piece extends ChunkPlace {
  readonly clip?: { readonly from: number; readonly to: number }
}

/**
 * One query over one state of the store: chunks as a read transaction sees
 * them, and the head as it was when that began.
 */
class Snapshot {
  private series = 0
  private places: ReadonlyArray<Piece> | undefined
  private place = 0
  private readonly rollup = new DayRollup()

  constructor(
    private readonly chunks: ChunkReader,
    private readonly rollups: RollupReader,
    private readonly buffer: PointBuffer,
    private readonly selected: ReadonlyArray<Selected>,
    private readonly run: QueryRun,
    private readonly damaged: (chunk: number, problem: DamagedBlob) => void
  ) {}

  /**
   * Takes the rollups of a series where they are exact: for whole minutes
   * within the interval. Answers the chunks that are still to be read.
   */
  private takeRollups(id: number, places: ReadonlyArray<ChunkPlace>): ReadonlyArray<Piece> {
    const { addRollup } = this.run
    const { from } = this.run
    const to = this.run.to()
    if (addRollup === undefined || this.run.isSearched(id) || places.length < 2) return places
    const inner = { from: Math.ceil(from / MINUTE) * MINUTE, to: Math.floor(to / MINUTE) * MINUTE }
    if (inner.from >= inner.to) return places
    const upTo = new Map<number, number>()
    const least = places.reduce((day, { first }) => Math.min(day, dayOf(first)), Infinity)
    const most = places.reduce((day, { first }) => Math.max(day, dayOf(first)), -Infinity)
    for (const stored of this.rollups.find(id, least, most)) {
      // A damaged one is no loss: the chunks are there.
      if (Either.isLeft(decodeRollup(stored.data, this.rollup))) continue
      const start = stored.day * DAY
      const first = this.rollup.rowAt((inner.from - start) / MINUTE)
      addRollup(id, this.rollup, first, Math.max(first, this.rollup.rowAt((inner.to - start) / MINUTE)))
      upTo.set(stored.day, stored.upTo)
    }
    return places.flatMap((place): ReadonlyArray<Piece> => {
      if (place.id > (upTo.get(dayOf(place.first)) ?? 0)) return [place]
      // Of what the rollup holds only the minutes that the interval cuts are missing.
      return [{ from, to: inner.from }, { from: inner.to, to }]
        .filter((clip) => clip.from < clip.to && place.first < clip.to && place.last >= clip.from)
        .map((clip) => ({ ...place, clip }))
    })
  }

  private readChunk(id: number, place: Piece): void {
    const read = this.chunks.readInto(place.id, this.buffer)
    if (Either.isLeft(read)) return this.damaged(place.id, read.left)
    const fields = this.run.wantsFields(id) ? this.chunks.readFields(place.id) : Either.right(undefined)
    if (Either.isLeft(fields)) this.damaged(place.id, fields.left)
    this.run.addSeries(
      id,
      this.buffer.time,
      this.buffer.value,
      Either.getOrUndefined(fields),
      this.buffer.count,
      place.clip
    )
  }

  /** Reads one slice; answers whether that was all. */
  step(): boolean {
    let budget = slice
    for (; this.series < this.selected.length; this.series++) {
      const { entry, head, waiting } = this.selected[this.series]
      if (this.places === undefined) {
        if (entry.last < this.run.from || entry.first >= this.run.to()) continue
        this.places = this.takeRollups(entry.id, this.chunks.find(entry.id, this.run.from, this.run.to()))
        this.place = 0
        budget -= seriesCost
      }
      while (this.place < this.places.length) {
        if (budget <= 0) return false
        const place = this.places[this.place++]
        if (place.first >= this.run.to()) continue
        this.readChunk(entry.id, place)
        budget -= place.count
      }
      this.places = undefined
      if (head !== undefined) {
        this.run.addSeries(entry.id, head.time, head.value, head.fields, waiting)
        budget -= waiting
      }
    }
    return true
  }
}

interface Connection {
  readonly db: Sqlite.Database
  readonly chunks: ChunkReader
  readonly rollups: RollupReader
  readonly buffer: PointBuffer
}

/** Answers queries from snapshots of a store, beside whoever writes. */
export interface SnapshotReader {
  readonly ask: (query: StoreQuery) => Effect.Effect<QueryAnswer, StoreError | QueryError>
}

/** Makes the {@link SnapshotReader} of a store's file; its connections are closed with the scope. */
export const makeSnapshotReader = (
  path: string,
  index: SeriesIndex,
  head: Head
): Effect.Effect<SnapshotReader, never, Scope.Scope> =>
  Effect.gen(function*() {
    const free: Array<Connection> = []
    const open = new Set<Connection>()
    const permits = yield* Effect.makeSemaphore(connections)
    const reported = new Set<number>()
    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const { db } of open) db.close()
      })
    )

    const attempt = <A>(run: () => A): Effect.Effect<A, StoreError> =>
      Effect.suspend(() => closed ? storeClosed() : Effect.try({ try: run, catch: storeError }))

    const connect = (): Connection => {
      const db = readOnlySqlite(path)
      const connection = { db, chunks: new ChunkReader(db), rollups: new RollupReader(db), buffer: new PointBuffer() }
      open.add(connection)
      return connection
    }

    const ask = (
      { buffer, chunks, db, rollups }: Connection,
      query: StoreQuery
    ): Effect.Effect<QueryAnswer, StoreError | QueryError> =>
      Effect.gen(function*() {
        const problems: Array<string> = []
        const noteDamage = (chunk: number, { message }: DamagedBlob): void => {
          if (reported.has(chunk)) return
          reported.add(chunk)
          problems.push(`${path}: chunk ${chunk} cannot be read and is left out: ${message}`)
        }
        // All in one turn: no flush can move points from the head to chunks in between.
        const { run, snapshot } = yield* yield* attempt(() => {
          db.exec("BEGIN; SELECT 1 FROM store")
          return Either.flatMap(index.select(query), (entries) =>
            Either.map(startQuery(query, entries), (run) => {
              const selected = entries.map((entry): Selected => {
                const own = head.get(entry.id)
                return { entry, head: own, waiting: own?.time.length ?? 0 }
              })
              return { run, snapshot: new Snapshot(chunks, rollups, buffer, selected, run, noteDamage) }
            }))
        })
        while (!(yield* attempt(() => snapshot.step()))) yield* nextTurn
        for (const problem of problems) yield* Effect.logError(problem)
        return yield* run.answer()
      })

    return {
      ask: (query) =>
        permits.withPermits(1)(Effect.acquireUseRelease(
          attempt(() => free.pop() ?? connect()),
          (connection) => ask(connection, query),
          (connection) =>
            Effect.sync(() => {
              if (closed) return
              if (connection.db.inTransaction) connection.db.exec("COMMIT")
              free.push(connection)
            })
        ))
    }
  })
