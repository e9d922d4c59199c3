import type { BlobReader, BlobWriter } from "./Blob.js"
import { MAX_COLUMN_INTEGER, readIntegers, writeIntegers } from "./IntegerColumn.js"
import { readPacked, writePacked } from "./PackedIntegers.js"

// 10^0 … 10^18: exact doubles, so that a division by them is rounded once.
const powers = Array.from({ length: 19 }, (_, exponent) => Number(`1e${exponent}`))

/** Kind byte of a column of raw doubles; below it the byte is a decimal scale. */
const RAW = 0x40

let integers = new Float64Array(0)
let words = new Uint32Array(0)
let high = new Float64Array(0)
let low = new Float64Array(0)
let doubles = new Float64Array(0)

const room = (count: number): void => {
  if (integers.length >= count) return
  integers = new Float64Array(count * 2)
  high = new Float64Array(count * 2)
  low = new Float64Array(count * 2)
  doubles = new Float64Array(count * 2)
  words = new Uint32Array(doubles.buffer)
}

/** The smallest decimal scale at which every number is a whole one that leads back to it exactly, or −1. */
const decimalScale = (numbers: Float64Array, count: number): number => {
  let scale = 0
  for (let i = 0; i < count; i++) {
    const number = numbers[i]
    for (;;) {
      const whole = Math.round(number * powers[scale])
      if (!(Math.abs(whole) <= MAX_COLUMN_INTEGER)) return -1
      if (whole / powers[scale] === number) break
      if (++scale === powers.length) return -1
    }
  }
  return scale
}

/** Fills `integers` at a scale; whether all of them lead back exactly. */
const scaled = (numbers: Float64Array, count: number, scale: number): boolean => {
  const power = powers[scale]
  for (let i = 0; i < count; i++) {
    const whole = Math.round(numbers[i] * power)
    if (whole / power !== numbers[i] || !(Math.abs(whole) <= MAX_COLUMN_INTEGER)) return false
    integers[i] = whole
  }
  return true
}

/** How many times all of `integers` can be halved. */
const commonShift = (count: number): number => {
  let bits = 0
  for (let i = 0; i < count; i++) bits |= integers[i]
  return bits === 0 ? 0 : 31 - Math.clz32(bits & -bits)
}

/**
 * Writes `count` ≥ 1 doubles that come back bit by bit (−0 as 0). A byte says
 * how:
 *
 * - 0 … 18, the decimal scale s, then a byte k: whole numbers x, of which each
 *   value is x · 2^k / 10^s, rounded once;
 * - 64: the upper 32 bits of each value XOR those of the one before it, packed,
 *   then the lower 32 bits likewise.
 */
export const writeDoubles = (writer: BlobWriter, numbers: Float64Array, count: number): void => {
  room(count)
  const scale = decimalScale(numbers, count)
  if (scale >= 0 && scaled(numbers, count, scale)) {
    const shift = commonShift(count)
    if (shift > 0) {
      const part = 1 / 2 ** shift
      for (let i = 0; i < count; i++) integers[i] *= part
    }
    writer.byte(scale)
    writer.byte(shift)
    writeIntegers(writer, integers, count)
    return
  }
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
  writer.byte(RAW)
  writePacked(writer, high, count)
  writePacked(writer, low, count)
}

/** Reads `count` ≥ 1 doubles that {@link writeDoubles} wrote. */
export const readDoubles = (reader: BlobReader, numbers: Float64Array, count: number): void => {
  const kind = reader.byte()
  if (kind < powers.length) {
    const shift = reader.byte()
    if (shift > 31) return reader.fail(`a shift of ${shift} bits`)
    readIntegers(reader, numbers, count)
    const factor = 2 ** shift
    const power = powers[kind]
    if (power > 1) { for (let i = 0; i < count; i++) numbers[i] = numbers[i] * factor / power }
    else if (factor > 1) { for (let i = 0; i < count; i++) numbers[i] *= factor }
    return
  }
  if (kind !== RAW) return reader.fail(`a kind of values ${kind}`)
  room(count)
  readPacked(reader, high, count)
  readPacked(reader, low, count)
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
