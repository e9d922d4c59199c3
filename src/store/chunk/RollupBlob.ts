import { Either } from "effect"
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from "../../domain/Timestamp.js"
import { BlobReader, BlobWriter } from "./Blob.js"
import type { DamagedBlob } from "./DamagedBlob.js"
import { DayRollup, MINUTE, MINUTES_A_DAY } from "./DayRollup.js"
import { powersOfTen, rescale, toDecimals } from "./DecimalScale.js"
import { RAW, readRaw, writeRaw } from "./DoubleColumn.js"
import { MAX_COLUMN_INTEGER, readIntegers, readMultiples, writeIntegers, writeMultiples } from "./IntegerColumn.js"
import { dayOf } from "./SeriesColumns.js"
import { fromUlps, toUlps } from "./Ulps.js"

/** Version of the format, the first byte of a rollup; the format is described in docs/chunk-format.md. */
export const ROLLUP_VERSION = 1

const writer = new BlobWriter()

const column = () => new Float64Array(MINUTES_A_DAY)

const first = column()
const gap = column()
const span = column()
const min = column()
const max = column()
const last = column()
const sum = column()
const ulps = column()
const part = column()

type Choice = (rollup: DayRollup, row: number) => boolean

/** A minute of one point needs no more than its value. */
const several: Choice = (rollup, row) => rollup.count[row] > 1

/** The last value of a minute is not known to be its largest. */
const falling: Choice = (rollup, row) => rollup.count[row] > 1 && rollup.rising[row] === 0

/** Puts what a column has in chosen rows together in {@link part}; answers how many there are. */
const gather = (rollup: DayRollup, from: Float64Array, chosen: Choice): number => {
  let count = 0
  for (let row = 0; row < rollup.rows; row++) if (chosen(rollup, row)) part[count++] = from[row]
  return count
}

/** The inverse of {@link gather}; the other rows get what `rest` says. */
const scatter = (rollup: DayRollup, to: Float64Array, chosen: Choice, rest: (row: number) => number): void => {
  let from = 0
  for (let row = 0; row < rollup.rows; row++) to[row] = chosen(rollup, row) ? part[from++] : rest(row)
}

const countOf = (rollup: DayRollup, chosen: Choice): number => {
  let count = 0
  for (let row = 0; row < rollup.rows; row++) if (chosen(rollup, row)) count++
  return count
}

/** The usual time between two points of a minute, ms: the spans then differ from it by little. */
const usualStep = (rollup: DayRollup): number => {
  for (let row = 0; row < rollup.rows; row++) {
    const count = rollup.count[row]
    if (count > 1) return Math.round((rollup.lastAt[row] - rollup.firstAt[row]) / (count - 1))
  }
  return 0
}

/** Fills `min`, `max` and `last` with decimals of one scale, and answers it; −1 when they have none. */
const toCommonDecimals = (rollup: DayRollup): number => {
  const { rows } = rollup
  const ofMin = toDecimals(rollup.min, rows, min)
  const ofMax = ofMin < 0 ? -1 : toDecimals(rollup.max, rows, max)
  const ofLast = ofMax < 0 ? -1 : toDecimals(rollup.last, rows, last)
  if (ofLast < 0) return -1
  const scale = Math.max(ofMin, ofMax, ofLast)
  return rescale(min, rows, ofMin, scale) && rescale(max, rows, ofMax, scale) && rescale(last, rows, ofLast, scale)
    ? scale
    : -1
}

/**
 * Fills `sum` with decimals next to the sums and `ulps` with how many doubles
 * lie between: additions round, so that few sums are decimals exactly.
 */
const sumsToDecimals = (rollup: DayRollup, scale: number): boolean => {
  const power = powersOfTen[scale]
  for (let row = 0; row < rollup.rows; row++) {
    // Math.round knows −0, which a decimal cannot carry.
    const whole = Math.round(rollup.sum[row] * power) + 0
    const least = rollup.count[row] * min[row]
    if (!(Math.abs(whole) <= MAX_COLUMN_INTEGER && Math.abs(least) <= MAX_COLUMN_INTEGER)) return false
    sum[row] = whole - least
    const distance = toUlps(rollup.sum[row], whole / power)
    if (distance === undefined) return false
    ulps[row] = distance
  }
  return true
}

/** Encodes the rollup of a day that has at least one row. About 0.3 ms for a full day. */
export const encodeRollup = (rollup: DayRollup): Buffer => {
  const { rows } = rollup
  if (rows < 1 || rows > MINUTES_A_DAY) throw new RangeError(`a rollup of ${rows} minutes`)
  writer.begin(ROLLUP_VERSION)
  writer.signed(rollup.day)
  writer.varint(rows)
  const step = usualStep(rollup)
  let before = 0
  for (let row = 0; row < rows; row++) {
    const begin = rollup.minute[row] * MINUTE
    gap[row] = begin + rollup.firstAt[row] - before
    before = begin + rollup.lastAt[row]
    span[row] = rollup.lastAt[row] - rollup.firstAt[row] - (rollup.count[row] - 1) * step
  }
  writer.varint(step)
  writeIntegers(writer, rollup.count, rows)
  writeIntegers(writer, gap, rows)
  writeIntegers(writer, span, rows)
  const many = gather(rollup, rollup.rising, several)
  if (many > 0) writeIntegers(writer, part, many)
  const scale = toCommonDecimals(rollup)
  if (scale < 0) {
    writer.byte(RAW)
    writeRaw(writer, rollup.min, rows)
    if (many > 0) {
      gather(rollup, rollup.max, several)
      writeRaw(writer, part, many)
      gather(rollup, rollup.sum, several)
      writeRaw(writer, part, many)
    }
    const fallen = gather(rollup, rollup.last, falling)
    if (fallen > 0) writeRaw(writer, part, fallen)
    return writer.seal()
  }
  writer.byte(scale)
  for (let row = 0; row < rows; row++) {
    max[row] -= min[row]
    last[row] -= min[row]
  }
  const exact = many > 0 && sumsToDecimals(rollup, scale)
  writeMultiples(writer, min, rows)
  if (many > 0) {
    gather(rollup, max, several)
    writeMultiples(writer, part, many)
    writer.byte(exact ? 1 : 0)
    gather(rollup, exact ? sum : rollup.sum, several)
    if (exact) {
      writeMultiples(writer, part, many)
      gather(rollup, ulps, several)
      writeIntegers(writer, part, many)
    } else writeRaw(writer, part, many)
  }
  const fallen = gather(rollup, last, falling)
  if (fallen > 0) writeMultiples(writer, part, fallen)
  return writer.seal()
}

const within = (numbers: Float64Array, count: number, least: number, most: number): boolean => {
  for (let i = 0; i < count; i++) {
    const number = numbers[i]
    if (!(number >= least && number <= most && Number.isInteger(number))) return false
  }
  return true
}

const readTimes = (reader: BlobReader, into: DayRollup): void => {
  const { rows } = into
  const step = reader.varint()
  readIntegers(reader, into.count, rows)
  readIntegers(reader, gap, rows)
  readIntegers(reader, span, rows)
  let at = 0
  let minute = -1
  for (let row = 0; row < rows; row++) {
    at += gap[row]
    first[row] = Math.floor(at / MINUTE)
    into.firstAt[row] = at - first[row] * MINUTE
    const length = span[row] + (into.count[row] - 1) * step
    into.lastAt[row] = into.firstAt[row] + length
    at += length
    if (!(first[row] > minute && length >= 0)) return reader.fail("minutes that are not sorted")
    minute = first[row]
  }
  into.minute.set(first.subarray(0, rows))
  if (!within(into.minute, rows, 0, MINUTES_A_DAY - 1)) reader.fail("a minute that no day has")
  if (!within(into.count, rows, 1, Number.MAX_SAFE_INTEGER)) reader.fail("a minute without points")
  if (!within(into.lastAt, rows, 0, MINUTE - 1)) reader.fail("an instant outside its minute")
}

const readValues = (reader: BlobReader, into: DayRollup): void => {
  const { rows } = into
  const many = countOf(into, several)
  if (many > 0) readIntegers(reader, part, many)
  scatter(into, into.rising, several, () => 1)
  if (!within(into.rising, rows, 0, 1)) return reader.fail("a mark that is neither 0 nor 1")
  const fallen = countOf(into, falling)
  const scale = reader.byte()
  const own = (row: number) => into.min[row]
  if (scale === RAW) {
    readRaw(reader, into.min, rows)
    if (many > 0) readRaw(reader, part, many)
    scatter(into, into.max, several, own)
    if (many > 0) readRaw(reader, part, many)
    scatter(into, into.sum, several, own)
    if (fallen > 0) readRaw(reader, part, fallen)
    scatter(into, into.last, falling, (row) => into.max[row])
    return
  }
  if (scale >= powersOfTen.length) return reader.fail(`a decimal scale of ${scale}`)
  const power = powersOfTen[scale]
  const none = () => 0
  readMultiples(reader, min, rows)
  if (many > 0) readMultiples(reader, part, many)
  scatter(into, max, several, none)
  const exact = many > 0 && reader.byte() === 1
  if (many > 0) {
    if (exact) readMultiples(reader, part, many)
    else readRaw(reader, part, many)
    scatter(into, sum, several, none)
    if (exact) readIntegers(reader, part, many)
    scatter(into, ulps, several, none)
  }
  if (fallen > 0) readMultiples(reader, part, fallen)
  scatter(into, last, falling, none)
  for (let row = 0; row < rows; row++) {
    const least = min[row]
    into.min[row] = least / power
    into.max[row] = (least + max[row]) / power
    into.last[row] = falling(into, row) ? (least + last[row]) / power : into.max[row]
    into.sum[row] = !several(into, row)
      ? into.min[row]
      : exact
      ? fromUlps((into.count[row] * least + sum[row]) / power, ulps[row])
      : sum[row]
  }
}

/**
 * Decodes a rollup, into one that is used again when given; about 0.2 ms for a
 * full day. A damaged one leaves it without rows.
 */
export const decodeRollup = (data: Uint8Array, into = new DayRollup()): Either.Either<DayRollup, DamagedBlob> => {
  into.clear(0)
  const opened = BlobReader.open("rollup", ROLLUP_VERSION, data)
  if (Either.isLeft(opened)) return Either.left(opened.left)
  const reader = opened.right
  const day = reader.signed()
  const rows = reader.varint()
  if (!(day >= dayOf(MIN_TIMESTAMP) && day <= dayOf(MAX_TIMESTAMP))) reader.fail("a day outside the years 0 to 9999")
  if (rows < 1 || rows > MINUTES_A_DAY) reader.fail(`${rows} minutes`)
  if (!reader.failed) {
    into.reserve(rows)
    into.clear(day)
    into.rows = rows
    readTimes(reader, into)
    if (!reader.failed) readValues(reader, into)
  }
  const result = reader.finish(into)
  if (Either.isLeft(result)) into.clear(0)
  return result
}
