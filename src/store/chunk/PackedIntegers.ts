import type { BlobReader, BlobWriter } from "./Blob.js"

/** Numbers that share one width. */
export const BLOCK = 16

/** Widest numbers that are packed bit by bit: with 7 bits of offset they still fit a 32-bit word. */
const MAX_BITS = 24

const widthOf = (max: number): number =>
  max < 0x1000000
    ? 32 - Math.clz32(max)
    : max < 0x100000000
    ? 32
    : max < 0x10000000000
    ? 40
    : max < 0x1000000000000
    ? 48
    : 56

/** Bytes that {@link writePacked} will take for whole numbers from 0 to 2^53 − 1. */
export const packedSize = (numbers: Float64Array, count: number): number => {
  let bytes = 0
  for (let from = 0; from < count; from += BLOCK) {
    const to = Math.min(from + BLOCK, count)
    let max = 0
    for (let i = from; i < to; i++) if (numbers[i] > max) max = numbers[i]
    bytes += 1 + (((to - from) * widthOf(max) + 7) >>> 3)
  }
  return bytes
}

/**
 * Writes whole numbers from 0 to 2^53 − 1 in blocks of {@link BLOCK}: a byte
 * with the width of the block's largest, then each number in so many bits,
 * lowest bit first. Numbers wider than 24 bits take 4, 5, 6 or 7 whole bytes.
 */
export const writePacked = (writer: BlobWriter, numbers: Float64Array, count: number): void => {
  writer.reserve(count * 7 + Math.ceil(count / BLOCK))
  const { bytes } = writer
  let at = writer.at
  for (let from = 0; from < count; from += BLOCK) {
    const to = Math.min(from + BLOCK, count)
    let max = 0
    for (let i = from; i < to; i++) if (numbers[i] > max) max = numbers[i]
    const width = widthOf(max)
    bytes[at++] = width
    if (width === 0) continue
    if (width > MAX_BITS) {
      for (let i = from; i < to; i++) {
        let rest = numbers[i]
        for (let bits = width; bits > 0; bits -= 8) {
          bytes[at++] = rest % 256
          rest = Math.floor(rest / 256)
        }
      }
      continue
    }
    let word = 0
    let filled = 0
    for (let i = from; i < to; i++) {
      word |= numbers[i] << filled
      filled += width
      while (filled >= 8) {
        bytes[at++] = word
        word >>>= 8
        filled -= 8
      }
    }
    if (filled > 0) bytes[at++] = word
  }
  writer.at = at
}

/** Reads `count` numbers that {@link writePacked} wrote. */
export const readPacked = (reader: BlobReader, numbers: Float64Array, count: number): void => {
  const { bytes, end } = reader
  let at = reader.at
  for (let from = 0; from < count; from += BLOCK) {
    const to = Math.min(from + BLOCK, count)
    const width = at < end ? bytes[at] : 0
    const size = ((to - from) * width + 7) >>> 3
    if (at + 1 + size > end) return reader.fail("it ends too early")
    at++
    if (width === 0) {
      for (let i = from; i < to; i++) numbers[i] = 0
    } else if (width <= MAX_BITS) {
      const mask = (1 << width) - 1
      let bit = 0
      for (let i = from; i < to; i++) {
        // The last word may reach into the checksum, never past it.
        const byte = at + (bit >>> 3)
        const word = bytes[byte] | bytes[byte + 1] << 8 | bytes[byte + 2] << 16 | bytes[byte + 3] << 24
        numbers[i] = (word >>> (bit & 7)) & mask
        bit += width
      }
    } else if (width === 32 || width === 40 || width === 48 || width === 56) {
      const last = (width >>> 3) - 1
      for (let i = from, byte = at; i < to; i++, byte += last + 1) {
        let number = 0
        for (let k = last; k >= 0; k--) number = number * 256 + bytes[byte + k]
        numbers[i] = number
      }
    } else return reader.fail(`a width of ${width} bits`)
    at += size
  }
  reader.at = at
}
