import { type BlobReader, type BlobWriter, zigzag } from "./Blob.js"
import { bitsOf, BLOCK, block, blockSize, packedLimit, readPacked, writeBlock } from "./PackedIntegers.js"

/** Bound of the numbers in a column: differences of differences of them are exact and pack into 53 bits. */
export const MAX_COLUMN_INTEGER = 2 ** 50

const middle = (a: number, b: number, c: number): number => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))

/** A number near which most are: jumps do not drag it along as they would an average. */
const typical = (numbers: Float64Array, count: number): number =>
  middle(numbers[0], numbers[count >>> 1], numbers[count - 1])

const typicalStep = (numbers: Float64Array, count: number): number => {
  if (count === 1) return 0
  const half = Math.max(count >>> 1, 1)
  return middle(numbers[1] - numbers[0], numbers[half] - numbers[half - 1], numbers[count - 1] - numbers[count - 2])
}

let widths = [new Uint8Array(0), new Uint8Array(0), new Uint8Array(0)]

/** Finds the widths of all blocks at each order, and the order that takes the fewest bytes. */
const measure = (numbers: Float64Array, count: number, centre: number, step: number): number => {
  const blocks = Math.ceil(count / BLOCK)
  if (widths[0].length < blocks) widths = widths.map(() => new Uint8Array(blocks * 2))
  const [plain, first, second] = widths
  let plainSize = 0
  let firstSize = 0
  let secondSize = 0
  let last = numbers[0] - step
  let lastDelta = step
  for (let index = 0, from = 0; index < blocks; index++, from += BLOCK) {
    const to = Math.min(from + BLOCK, count)
    let plainMax = 0
    let firstMax = 0
    let secondMax = 0
    for (let i = from; i < to; i++) {
      const number = numbers[i]
      const delta = number - last
      plainMax = Math.max(plainMax, Math.abs(number - centre))
      firstMax = Math.max(firstMax, Math.abs(delta - step))
      secondMax = Math.max(secondMax, Math.abs(delta - lastDelta))
      last = number
      lastDelta = delta
    }
    plain[index] = bitsOf(2 * plainMax)
    first[index] = bitsOf(2 * firstMax)
    second[index] = bitsOf(2 * secondMax)
    plainSize += blockSize(plain[index], to - from)
    firstSize += blockSize(first[index], to - from)
    secondSize += blockSize(second[index], to - from)
  }
  return plainSize <= firstSize && plainSize <= secondSize ? 0 : firstSize <= secondSize ? 1 : 2
}

/**
 * Writes `count` ≥ 1 whole numbers between ±{@link MAX_COLUMN_INTEGER} as the
 * differences of the order that takes the fewest bytes, zigzag, packed:
 *
 * | order | head | packed |
 * |---|---|---|
 * | 0 | a typical number c | x − c |
 * | 1 | the first number, a typical difference d | Δx − d |
 * | 2 | the same | ΔΔx |
 *
 * A number d before the first is imagined in front, so that there are as many
 * differences as numbers and the first ones are 0.
 */
export const writeIntegers = (writer: BlobWriter, numbers: Float64Array, count: number): void => {
  const centre = typical(numbers, count)
  const step = typicalStep(numbers, count)
  const order = measure(numbers, count, centre, step)
  const own = widths[order]
  writer.byte(order)
  writer.signed(order === 0 ? centre : numbers[0])
  if (order > 0) writer.signed(step)
  writer.reserve(packedLimit(count))
  let last = numbers[0] - step
  let lastDelta = step
  for (let index = 0, from = 0; from < count; index++, from += BLOCK) {
    const size = Math.min(BLOCK, count - from)
    const width = own[index]
    if (width === 0 && order < 2) {
      last = numbers[from + size - 1]
      writeBlock(writer, 0, 0)
      continue
    }
    // So narrow a number can be folded in 32-bit arithmetic, which has no branch.
    const small = width <= 31
    for (let i = 0; i < size; i++) {
      const number = numbers[from + i]
      const delta = number - last
      const rest = order === 0 ? number - centre : order === 1 ? delta - step : delta - lastDelta
      block[i] = small ? (rest << 1) ^ (rest >> 31) : zigzag(rest)
      last = number
      lastDelta = delta
    }
    writeBlock(writer, width, size)
  }
}

/** Reads `count` ≥ 1 numbers that {@link writeIntegers} wrote. */
export const readIntegers = (reader: BlobReader, numbers: Float64Array, count: number): void => {
  const order = reader.byte()
  if (order > 2) return reader.fail(`differences of order ${order}`)
  const head = reader.signed()
  const step = order === 0 ? 0 : reader.signed()
  readPacked(reader, numbers, count, true)
  if (order === 0) {
    if (head !== 0) { for (let i = 0; i < count; i++) numbers[i] += head }
  } else if (order === 1) {
    let value = head - step
    for (let i = 0; i < count; i++) {
      value += numbers[i] + step
      numbers[i] = value
    }
  } else {
    let value = head - step
    let delta = step
    for (let i = 0; i < count; i++) {
      delta += numbers[i]
      value += delta
      numbers[i] = value
    }
  }
}

/** How many times all numbers can be halved, up to 31. */
const commonShift = (numbers: Float64Array, count: number): number => {
  let bits = 0
  for (let i = 0; i < count; i++) bits |= numbers[i]
  return bits === 0 ? 0 : 31 - Math.clz32(bits & -bits)
}

/**
 * Like {@link writeIntegers}, for numbers that often are multiples of one power
 * of two, as bytes counted in KiB or pages are: a byte with the exponent comes
 * first, the numbers are divided. `numbers` is used up.
 */
export const writeMultiples = (writer: BlobWriter, numbers: Float64Array, count: number): void => {
  const shift = commonShift(numbers, count)
  if (shift > 0) {
    const part = 1 / 2 ** shift
    for (let i = 0; i < count; i++) numbers[i] *= part
  }
  writer.byte(shift)
  writeIntegers(writer, numbers, count)
}

/** Reads `count` ≥ 1 numbers that {@link writeMultiples} wrote. */
export const readMultiples = (reader: BlobReader, numbers: Float64Array, count: number): void => {
  const shift = reader.byte()
  if (shift > 31) return reader.fail(`a shift of ${shift} bits`)
  readIntegers(reader, numbers, count)
  const factor = 2 ** shift
  if (factor > 1) { for (let i = 0; i < count; i++) numbers[i] *= factor }
}
