import { type BlobReader, type BlobWriter, unzigzag, zigzag } from "./Blob.js"
import { packedSize, readPacked, writePacked } from "./PackedIntegers.js"

/** Bound of the numbers in a column: differences of differences of them are exact and pack into 53 bits. */
export const MAX_COLUMN_INTEGER = 2 ** 50

/** What of each number is written: itself, its difference, or the difference of its differences. */
type Order = 0 | 1 | 2

let scratch = [new Float64Array(0), new Float64Array(0), new Float64Array(0)]

const room = (count: number): Array<Float64Array> => {
  if (scratch[0].length < count) scratch = scratch.map(() => new Float64Array(count * 2))
  return scratch
}

const middle = (a: number, b: number, c: number): number => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))

/** A number near which most are: jumps do not drag it along as they would an average. */
const typical = (numbers: Float64Array, count: number): number =>
  middle(numbers[0], numbers[count >>> 1], numbers[count - 1])

const typicalStep = (numbers: Float64Array, count: number): number => {
  const half = Math.max(count >>> 1, 1)
  return middle(numbers[1] - numbers[0], numbers[half] - numbers[half - 1], numbers[count - 1] - numbers[count - 2])
}

/**
 * Writes `count` ≥ 1 whole numbers between ±{@link MAX_COLUMN_INTEGER}. The
 * order of differences is the one that takes the fewest bytes:
 *
 * | order | head | packed, zigzag |
 * |---|---|---|
 * | 0 | a typical number c | x − c |
 * | 1 | the first number, a typical difference d | Δx − d |
 * | 2 | the first number, the first difference | ΔΔx |
 */
export const writeIntegers = (writer: BlobWriter, numbers: Float64Array, count: number): void => {
  const [plain, first, second] = room(count)
  const centre = typical(numbers, count)
  for (let i = 0; i < count; i++) plain[i] = zigzag(numbers[i] - centre)
  let order: Order = 0
  let size = packedSize(plain, count)
  let step = 0
  if (count > 1) {
    step = typicalStep(numbers, count)
    let last = numbers[1] - numbers[0]
    first[0] = zigzag(last - step)
    for (let i = 2; i < count; i++) {
      const delta = numbers[i] - numbers[i - 1]
      first[i - 1] = zigzag(delta - step)
      second[i - 2] = zigzag(delta - last)
      last = delta
    }
    const firstSize = packedSize(first, count - 1)
    if (firstSize < size) {
      order = 1
      size = firstSize
    }
    if (packedSize(second, count - 2) < size) order = 2
  }
  writer.byte(order)
  if (order === 0) {
    writer.signed(centre)
    writePacked(writer, plain, count)
  } else if (order === 1) {
    writer.signed(numbers[0])
    writer.signed(step)
    writePacked(writer, first, count - 1)
  } else {
    writer.signed(numbers[0])
    writer.signed(numbers[1] - numbers[0])
    writePacked(writer, second, count - 2)
  }
}

/** Reads `count` ≥ 1 numbers that {@link writeIntegers} wrote. */
export const readIntegers = (reader: BlobReader, numbers: Float64Array, count: number): void => {
  const order = reader.byte()
  if (order > 2 || order >= Math.max(count, 1) + (count === 1 ? 0 : 1)) return reader.fail(`an order of ${order}`)
  const [packed] = room(count)
  if (order === 0) {
    const centre = reader.signed()
    readPacked(reader, packed, count)
    for (let i = 0; i < count; i++) numbers[i] = unzigzag(packed[i]) + centre
    return
  }
  let value = reader.signed()
  let step = reader.signed()
  numbers[0] = value
  readPacked(reader, packed, count - order)
  if (order === 1) {
    for (let i = 1; i < count; i++) {
      value += unzigzag(packed[i - 1]) + step
      numbers[i] = value
    }
  } else {
    value += step
    numbers[1] = value
    for (let i = 2; i < count; i++) {
      step += unzigzag(packed[i - 2])
      value += step
      numbers[i] = value
    }
  }
}
