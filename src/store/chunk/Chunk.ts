import { Either } from "effect"
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from "../../domain/Timestamp.js"
import { BlobReader, BlobWriter } from "./Blob.js"
import type { DamagedBlob } from "./DamagedBlob.js"
import { readDoubles, writeDoubles } from "./DoubleColumn.js"
import { readIntegers, writeIntegers } from "./IntegerColumn.js"

/** Version of the format, the first byte of a chunk; the format is described in docs/chunk-format.md. */
export const CHUNK_VERSION = 1

/** Most points of a chunk. */
export const MAX_CHUNK_POINTS = 65_535

/** What stands beside a chunk, so that it need not be read for every question. */
export interface ChunkSummary {
  readonly count: number
  /** Ms since the epoch. */
  readonly firstTime: number
  readonly lastTime: number
  /** Value of the first and of the last point. */
  readonly first: number
  readonly last: number
  readonly min: number
  readonly max: number
  /** Added up in the order of the points; ±Infinity when it is beyond a double. */
  readonly sum: number
}

/** The aggregates of `count` ≥ 1 sorted points. */
export const summarize = (time: Float64Array, value: Float64Array, count = time.length): ChunkSummary => {
  let min = value[0]
  let max = value[0]
  let sum = 0
  for (let i = 0; i < count; i++) {
    const own = value[i]
    sum += own
    if (own < min) min = own
    if (own > max) max = own
  }
  return {
    count,
    firstTime: time[0],
    lastTime: time[count - 1],
    first: value[0],
    last: value[count - 1],
    min,
    max,
    sum
  }
}

/** A chunk as it is stored. */
export interface EncodedChunk {
  readonly data: Buffer
  readonly summary: ChunkSummary
}

const writer = new BlobWriter()

/**
 * Encodes 1 to {@link MAX_CHUNK_POINTS} points, sorted by time and then
 * arrival. Times are whole ms of the years 0 to 9999, values finite; they come
 * back exactly, −0 as 0.
 */
export const encodeChunk = (time: Float64Array, value: Float64Array): EncodedChunk => {
  const count = time.length
  if (count < 1 || count > MAX_CHUNK_POINTS || value.length !== count) {
    throw new RangeError(`a chunk of ${count} times and ${value.length} values`)
  }
  writer.begin(CHUNK_VERSION)
  writer.varint(count)
  writeIntegers(writer, time, count)
  writeDoubles(writer, value, count)
  return { data: writer.seal(), summary: summarize(time, value) }
}

/** Room for the points of one chunk after another; the first `count` of both columns are filled. */
export class PointBuffer {
  time = new Float64Array(1024)
  value = new Float64Array(1024)
  count = 0

  /** Makes room for so many points; what was in it is lost. */
  clear(capacity: number): void {
    if (this.time.length < capacity) {
      this.time = new Float64Array(capacity)
      this.value = new Float64Array(capacity)
    }
    this.count = 0
  }
}

/**
 * Decodes a chunk into a buffer that is used again and again: nothing is
 * allocated for the points. A damaged chunk leaves the buffer empty.
 */
export const decodeChunkInto = (data: Uint8Array, buffer: PointBuffer): Either.Either<PointBuffer, DamagedBlob> => {
  const opened = BlobReader.open("chunk", CHUNK_VERSION, data)
  if (Either.isLeft(opened)) {
    buffer.count = 0
    return Either.left(opened.left)
  }
  const reader = opened.right
  const count = reader.varint()
  buffer.clear(0)
  if (count < 1 || count > MAX_CHUNK_POINTS) reader.fail(`${count} points`)
  else {
    buffer.clear(count)
    readIntegers(reader, buffer.time, count)
    readDoubles(reader, buffer.value, count)
    const { time } = buffer
    if (!(time[0] >= MIN_TIMESTAMP && time[count - 1] <= MAX_TIMESTAMP)) {
      reader.fail("a time outside the years 0 to 9999")
    }
    for (let i = 1; i < count; i++) {
      if (!(time[i] >= time[i - 1])) {
        reader.fail("times that are not sorted")
        break
      }
    }
    if (!reader.failed) buffer.count = count
  }
  const result = reader.finish(buffer)
  if (Either.isLeft(result)) buffer.count = 0
  return result
}

/** The points of a chunk in columns of their own. */
export const decodeChunk = (
  data: Uint8Array
): Either.Either<{ readonly time: Float64Array; readonly value: Float64Array }, DamagedBlob> =>
  Either.map(decodeChunkInto(data, new PointBuffer()), ({ count, time, value }) => ({
    time: time.subarray(0, count),
    value: value.subarray(0, count)
  }))
