import type { BlobReader, BlobWriter } from "./Blob.js"
import { powersOfTen, toDecimals } from "./DecimalScale.js"
import { readMultiples, writeMultiples } from "./IntegerColumn.js"
import { readPacked, writePacked } from "./PackedIntegers.js"

/** Kind byte of a column of raw doubles; below it the byte is a decimal scale. */
export const RAW = 0x40

let integers = new Float64Array(0)
let doubles = new Float64Array(0)
let words = new Uint32Array(0)
let high = new Float64Array(0)
let low = new Float64Array(0)

const room = (count: number): void => {
  if (integers.length >= count) return
  integers = new Float64Array(count * 2)
  doubles = new Float64Array(count * 2)
  words = new Uint32Array(doubles.buffer)
  high = new Float64Array(count * 2)
  low = new Float64Array(count * 2)
}

/**
 * Writes `count` ≥ 1 doubles bit by bit: the upper 32 bits of each XOR those
 * of the one before it, packed, then the lower 32 bits likewise.
 */
export const writeRaw = (writer: BlobWriter, numbers: Float64Array, count: number): void => {
  room(count)
  doubles.set(numbers.subarray(0, count))
  let lastLow = 0
  let lastHigh = 0
  for (let i = 0; i < count; i++) {
    const ownLow = words[2 * i]
    const ownHigh = words[2 * i + 1]
    low[i] = (ownLow ^ lastLow) >>> 0
    high[i] = (ownHigh ^ lastHigh) >>> 0
    lastLow = ownLow
    lastHigh = ownHigh
  }
  writePacked(writer, high, count)
  writePacked(writer, low, count)
}

/** Reads `count` ≥ 1 doubles that {@link writeRaw} wrote. */
export const readRaw = (reader: BlobReader, numbers: Float64Array, count: number): void => {
  room(count)
  readPacked(reader, high, count, false)
  readPacked(reader, low, count, false)
  if (reader.failed) return
  let lastLow = 0
  let lastHigh = 0
  for (let i = 0; i < count; i++) {
    lastLow ^= low[i]
    lastHigh ^= high[i]
    words[2 * i] = lastLow
    words[2 * i + 1] = lastHigh
  }
  numbers.set(doubles.subarray(0, count))
}

/**
 * Writes `count` ≥ 1 doubles that come back bit by bit (−0 as 0): a byte with
 * the decimal scale s and whole numbers x, of which each double is x / 10^s,
 * rounded once; or the byte {@link RAW} and the doubles raw.
 */
export const writeDoubles = (writer: BlobWriter, numbers: Float64Array, count: number): void => {
  room(count)
  const scale = toDecimals(numbers, count, integers)
  if (scale < 0) {
    writer.byte(RAW)
    return writeRaw(writer, numbers, count)
  }
  writer.byte(scale)
  writeMultiples(writer, integers, count)
}

/** Reads `count` ≥ 1 doubles that {@link writeDoubles} wrote. */
export const readDoubles = (reader: BlobReader, numbers: Float64Array, count: number): void => {
  const kind = reader.byte()
  if (kind === RAW) return readRaw(reader, numbers, count)
  if (kind >= powersOfTen.length) return reader.fail(`a kind of values ${kind}`)
  readMultiples(reader, numbers, count)
  const power = powersOfTen[kind]
  if (power > 1) { for (let i = 0; i < count; i++) numbers[i] /= power }
}
