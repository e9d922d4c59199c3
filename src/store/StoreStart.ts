import { Clock, Effect, Either } from "effect"
import type { JsonObject } from "../domain/Json.js"
import { nextTurn } from "../domain/nextTurn.js"
import { storeError } from "./log/GroupCommit.js"
import { decodeLogRow } from "./log/LogRow.js"
import type { StoreError } from "./MetricStore.js"
import type { Newest } from "./series/LatestPoints.js"
import { readSeriesKey } from "./series/SeriesKey.js"
import type { StoreParts } from "./StoreParts.js"
import type { SeriesRow } from "./StoreStatements.js"

// Rows read in one turn of the event loop: about 5 ms.
const seriesSlice = 2_000
const rowSlice = 32
// Points counted in one turn.
const pointSlice = 100_000
// What a point takes in the log: two or three bytes for its series, one or two for its time, eight for its value.
const bytesOfPoint = 12

const readFields = (text: string | null): JsonObject | undefined => {
  if (text === null) return undefined
  const own: unknown = JSON.parse(text)
  const isFields = (value: unknown): value is JsonObject => typeof value === "object" && value !== null
  return isFields(own) ? own : undefined
}

const newestOf = (row: SeriesRow): Newest | undefined =>
  row.newest_time === null || row.newest_value === null
    ? undefined
    : { time: row.newest_time, value: row.newest_value, fields: readFields(row.newest_fields) }

/**
 * Fills the memory of a store from its file: the index from what is known of
 * the chunks, index and head from the rows of the log whose points stand in no
 * chunk. Sockets get their turn between slices. What cannot be read is logged
 * and left out.
 */
export const loadStore = (parts: StoreParts): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    const { chunks, faults, head, index, path, statements } = parts
    const now = yield* Clock.currentTimeMillis
    const attempt = <A>(run: () => A): Effect.Effect<A, StoreError> => Effect.try({ try: run, catch: storeError })
    const flushed = new Map<number, number>()

    // Points after the newest one were ahead of the clock when they were written.
    const readAhead = (id: number, newest: number): ReadonlyArray<Newest> => {
      const points: Array<Newest> = []
      for (const place of chunks.find(id, newest, Infinity)) {
        const read = chunks.read(place.id)
        if (Either.isLeft(read)) continue
        const { fields, time, value } = read.right
        for (let i = 0; i < time.length; i++) {
          if (time[i] > newest) points.push({ time: time[i], value: value[i], fields: fields?.[i] })
        }
      }
      return points
    }

    for (let after = 0;;) {
      const rows = yield* attempt(() => statements.allSeries.all(after, seriesSlice))
      for (const row of rows) {
        const { first, flushed: mark, id, key, kind, last, points, unit } = row
        after = id
        flushed.set(id, mark)
        const series = readSeriesKey(key)
        if (series === undefined) {
          yield* Effect.logError(`${path}: series ${id} has no readable name and is left out`)
          continue
        }
        const newest = newestOf(row)
        index.define(
          id,
          { ...series, ...(kind === null ? {} : { kind }), ...(unit === null ? {} : { unit }) },
          { points, first: first ?? Infinity, last: last ?? -Infinity, newest }
        )
        const known = newest?.time ?? -Infinity
        if (last !== null && last > known) index.noteNewest(id, yield* attempt(() => readAhead(id, known)), now)
      }
      if (rows.length < seriesSlice) break
      yield* nextTurn
    }

    // Of the mean, so that series of few points cannot take more room than those of many leave; a tenth more, since
    // one that is just too long would double.
    const bytes = (yield* attempt(() => statements.rowBytes.get())) ?? 0
    head.expect(bytes / bytesOfPoint / Math.max(1, flushed.size) * 1.1)
    for (let after = 0;;) {
      const rows = yield* attempt(() => statements.rows.all(after, rowSlice))
      for (const { crc, data, seq } of rows) {
        after = seq
        const decoded = decodeLogRow(data, crc)
        if (Either.isLeft(decoded)) {
          yield* Effect.logError(`${path}: row ${seq} of the log cannot be read and is left out: ${decoded.left}`)
          continue
        }
        // A series that was freed has no mark, and its points were meant to go. One that is let in stays: marks stand
        // still meanwhile, and rows come in their order.
        head.add(seq, data.length, decoded.right, now, (id) => seq > (flushed.get(id) ?? Infinity))
      }
      if (rows.length < rowSlice) break
      yield* nextTurn
    }
    head.expect(0)

    let counted = 0
    for (const own of head.all) {
      index.addSeries(own, now)
      counted += own.count
      if (counted < pointSlice) continue
      counted = 0
      yield* nextTurn
    }
    faults.reach("replay")
  })
