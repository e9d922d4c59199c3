import { type BlobReader, type BlobWriter, unzigzag } from "./Blob.js"

/** Numbers that share one width. */
export const BLOCK = 16

/** Bits packed at a time: with up to 7 bits left over from the number before, they still fit a 32-bit word. */
const PART = 24

const PART_SIZE = 2 ** PART

/** Widest numbers, in bits. */
const MAX_WIDTH = 56

/** Bits that a whole number from 0 to 2^56 − 1 takes. */
export const bitsOf = (number: number): number => {
  let bits = 0
  let rest = number
  while (rest >= 0x100000000) {
    rest = Math.floor(rest / PART_SIZE)
    bits += PART
  }
  return bits + 32 - Math.clz32(rest)
}

/** Bytes of a block of `count` numbers, its head included. */
export const blockSize = (width: number, count: number): number => {
  let size = 1
  let rest = width
  for (; rest > PART; rest -= PART) size += count * (PART >>> 3)
  return size + ((rest * count + 7) >>> 3)
}

/** The whole numbers from 0 to 2^56 − 1 of one block, before they are written. */
export const block = new Float64Array(BLOCK)

/** Room that writing `count` numbers needs at most. */
export const packedLimit = (count: number): number => Math.ceil(count / BLOCK) + count * (MAX_WIDTH >>> 3) + 3

/**
 * Writes the first `count` numbers of {@link block}: a byte with their width,
 * then each in so many bits, lowest bit first. Of numbers wider than 24 bits
 * the lowest 24 bits of all come first, then the rest of all in the same way.
 * The caller has reserved the room.
 */
export const writeBlock = (writer: BlobWriter, width: number, count: number): void => {
  const { bytes } = writer
  let at = writer.at
  bytes[at++] = width
  let rest = width
  for (; rest > PART; rest -= PART) {
    for (let i = 0; i < count; i++) {
      const upper = Math.floor(block[i] / PART_SIZE)
      const lower = block[i] - upper * PART_SIZE
      bytes[at++] = lower
      bytes[at++] = lower >>> 8
      bytes[at++] = lower >>> 16
      block[i] = upper
    }
  }
  let word = 0
  let filled = 0
  for (let i = 0; i < count; i++) {
    word |= block[i] << filled
    filled += rest
    // Always three bytes, of which only the full ones count: branches on `filled` cost more than stores.
    bytes[at] = word
    bytes[at + 1] = word >>> 8
    bytes[at + 2] = word >>> 16
    at += filled >>> 3
    word >>>= filled & 24
    filled &= 7
  }
  if (filled > 0) bytes[at++] = word
  writer.at = at
}

/** Reads the numbers `from` ≤ index < `to` of one block as they are, or unfolded when they are `signed`. */
const readBlock = (reader: BlobReader, numbers: Float64Array, from: number, to: number, signed: boolean): void => {
  const { bytes } = reader
  let at = reader.at
  const width = at < reader.end ? bytes[at] : 0
  const size = blockSize(width, to - from)
  if (width > MAX_WIDTH) return reader.fail(`numbers of ${width} bits`)
  if (at + size > reader.end) return reader.fail("it ends too early")
  reader.at = at + size
  at++
  if (width === 0) {
    for (let i = from; i < to; i++) numbers[i] = 0
  } else if (width <= PART) {
    const mask = (1 << width) - 1
    for (let i = from, bit = 0; i < to; i++, bit += width) {
      // The last word may reach into the checksum, never past it.
      const byte = at + (bit >>> 3)
      const word = bytes[byte] | bytes[byte + 1] << 8 | bytes[byte + 2] << 16 | bytes[byte + 3] << 24
      const number = (word >>> (bit & 7)) & mask
      numbers[i] = signed ? (number >>> 1) ^ -(number & 1) : number
    }
  } else {
    for (let i = from; i < to; i++) numbers[i] = 0
    let unit = 1
    for (let rest = width; rest > 0; rest -= PART, unit *= PART_SIZE) {
      const bits = Math.min(rest, PART)
      const mask = (1 << bits) - 1
      for (let i = from, bit = 0; i < to; i++, bit += bits) {
        const byte = at + (bit >>> 3)
        const word = bytes[byte] | bytes[byte + 1] << 8 | bytes[byte + 2] << 16 | bytes[byte + 3] << 24
        numbers[i] += ((word >>> (bit & 7)) & mask) * unit
      }
      at += ((to - from) * bits + 7) >>> 3
    }
    if (signed) { for (let i = from; i < to; i++) numbers[i] = unzigzag(numbers[i]) }
  }
}

/** Writes the whole numbers from 0 to 2^53 − 1 in blocks of {@link BLOCK}. */
export const writePacked = (writer: BlobWriter, numbers: Float64Array, count: number): void => {
  writer.reserve(packedLimit(count))
  for (let from = 0; from < count; from += BLOCK) {
    const size = Math.min(BLOCK, count - from)
    let max = 0
    for (let i = 0; i < size; i++) {
      const number = numbers[from + i]
      block[i] = number
      if (number > max) max = number
    }
    writeBlock(writer, bitsOf(max), size)
  }
}

/** Reads `count` numbers that {@link writePacked} wrote; `signed` ones were folded by zigzag before. */
export const readPacked = (reader: BlobReader, numbers: Float64Array, count: number, signed: boolean): void => {
  for (let from = 0; from < count && !reader.failed; from += BLOCK) {
    readBlock(reader, numbers, from, Math.min(from + BLOCK, count), signed)
  }
}
