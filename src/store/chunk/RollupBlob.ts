import { Either } from "effect"
import { BlobReader, BlobWriter } from "./Blob.js"
import type { DamagedBlob } from "./DamagedBlob.js"
import { DayRollup, MINUTE, MINUTES_A_DAY } from "./DayRollup.js"
import { readDoubles, writeDoubles } from "./DoubleColumn.js"
import { readIntegers, writeIntegers } from "./IntegerColumn.js"

/** Version of the format, the first byte of a rollup; the format is described in docs/chunk-format.md. */
export const ROLLUP_VERSION = 1

const writer = new BlobWriter()

const dense = new Float64Array(MINUTES_A_DAY)

/** The rows that hold more than one point: the others need not repeat their only value. */
const several = (rollup: DayRollup, row: number): boolean => rollup.count[row] > 1

/** Of these the last value is another than the largest, as far as is known. */
const falling = (rollup: DayRollup, row: number): boolean => rollup.count[row] > 1 && rollup.rising[row] === 0

const gather = (rollup: DayRollup, column: Float64Array, chosen: (rollup: DayRollup, row: number) => boolean) => {
  let count = 0
  for (let row = 0; row < rollup.rows; row++) if (chosen(rollup, row)) dense[count++] = column[row]
  return count
}

const scatter = (rollup: DayRollup, column: Float64Array, chosen: (rollup: DayRollup, row: number) => boolean) => {
  let from = 0
  for (let row = 0; row < rollup.rows; row++) if (chosen(rollup, row)) column[row] = dense[from++]
}

const choose = (rollup: DayRollup, chosen: (rollup: DayRollup, row: number) => boolean): number => {
  let count = 0
  for (let row = 0; row < rollup.rows; row++) if (chosen(rollup, row)) count++
  return count
}

/** Encodes the rollup of a day that has at least one row. */
export const encodeRollup = (rollup: DayRollup): Buffer => {
  const { rows } = rollup
  if (rows < 1 || rows > MINUTES_A_DAY) throw new RangeError(`a rollup of ${rows} minutes`)
  writer.begin(ROLLUP_VERSION)
  writer.signed(rollup.day)
  writer.varint(rows)
  writeIntegers(writer, rollup.minute, rows)
  writeIntegers(writer, rollup.count, rows)
  writeIntegers(writer, rollup.firstAt, rows)
  writeDoubles(writer, rollup.min, rows)
  const many = gather(rollup, rollup.rising, several)
  if (many > 0) {
    writeIntegers(writer, dense, many)
    gather(rollup, rollup.lastAt, several)
    writeIntegers(writer, dense, many)
    gather(rollup, rollup.max, several)
    writeDoubles(writer, dense, many)
    gather(rollup, rollup.sum, several)
    writeDoubles(writer, dense, many)
  }
  const fallen = gather(rollup, rollup.last, falling)
  if (fallen > 0) writeDoubles(writer, dense, fallen)
  return writer.seal()
}

const within = (column: Float64Array, count: number, min: number, max: number): boolean => {
  for (let i = 0; i < count; i++) if (!(column[i] >= min && column[i] <= max)) return false
  return true
}

/** Decodes a rollup, into one that is used again when given. A damaged one leaves it without rows. */
export const decodeRollup = (data: Uint8Array, into = new DayRollup()): Either.Either<DayRollup, DamagedBlob> => {
  into.clear(0)
  const opened = BlobReader.open("rollup", ROLLUP_VERSION, data)
  if (Either.isLeft(opened)) return Either.left(opened.left)
  const reader = opened.right
  const day = reader.signed()
  const rows = reader.varint()
  if (rows < 1 || rows > MINUTES_A_DAY) {
    reader.fail(`${rows} minutes`)
    return reader.finish(into)
  }
  into.reserve(rows)
  into.clear(day)
  into.rows = rows
  readIntegers(reader, into.minute, rows)
  readIntegers(reader, into.count, rows)
  readIntegers(reader, into.firstAt, rows)
  readDoubles(reader, into.min, rows)
  into.rising.fill(1, 0, rows)
  into.lastAt.set(into.firstAt.subarray(0, rows))
  into.max.set(into.min.subarray(0, rows))
  into.sum.set(into.min.subarray(0, rows))
  const many = choose(into, several)
  if (many > 0) {
    readIntegers(reader, dense, many)
    scatter(into, into.rising, several)
    readIntegers(reader, dense, many)
    scatter(into, into.lastAt, several)
    readDoubles(reader, dense, many)
    scatter(into, into.max, several)
    readDoubles(reader, dense, many)
    scatter(into, into.sum, several)
  }
  into.last.set(into.max.subarray(0, rows))
  const fallen = choose(into, falling)
  if (fallen > 0) {
    readDoubles(reader, dense, fallen)
    scatter(into, into.last, falling)
  }
  if (!within(into.minute, rows, 0, MINUTES_A_DAY - 1)) reader.fail("a minute that no day has")
  if (!within(into.count, rows, 1, Number.MAX_SAFE_INTEGER)) reader.fail("a minute without points")
  if (!within(into.firstAt, rows, 0, MINUTE - 1) || !within(into.lastAt, rows, 0, MINUTE - 1)) {
    reader.fail("an instant outside its minute")
  }
  for (let row = 1; row < rows; row++) if (!(into.minute[row] > into.minute[row - 1])) reader.fail("minutes not sorted")
  const result = reader.finish(into)
  if (Either.isLeft(result)) into.clear(0)
  return result
}
