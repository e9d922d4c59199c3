import { Either } from "effect"
import * as zlib from "node:zlib"
import type { JsonObject } from "../../domain/Json.js"
import { BlobReader, BlobWriter } from "./Blob.js"
import { MAX_CHUNK_POINTS } from "./Chunk.js"
import type { DamagedBlob } from "./DamagedBlob.js"

/** Version of the format, the first byte of a fields blob; the format is described in docs/chunk-format.md. */
export const FIELDS_VERSION = 1

// Deflate cannot make more than this out of a byte, so a declared size beyond it is a lie.
const MAX_INFLATION = 1032

// Measured on moves of chess games and on requests: as quick as level 1 and smaller; level 6 takes twice the time for
// a twentieth less.
const LEVEL = 3

const writer = new BlobWriter()

/**
 * Encodes the fields of the points of a chunk, `undefined` where a point has
 * none; answers `undefined` when no point has any. They come back as JSON
 * writes them: exactly, but for −0, which it writes as 0.
 */
export const encodeFields = (
  fields: ReadonlyArray<JsonObject | undefined> | undefined
): Buffer | undefined => {
  if (fields === undefined) return undefined
  const own: Array<JsonObject> = []
  const gaps: Array<number> = []
  let last = -1
  for (let i = 0; i < fields.length; i++) {
    const one = fields[i]
    if (one === undefined) continue
    own.push(one)
    gaps.push(i - last - 1)
    last = i
  }
  if (own.length === 0) return undefined
  const text = Buffer.from(JSON.stringify(own), "utf8")
  writer.begin(FIELDS_VERSION)
  writer.varint(fields.length)
  writer.varint(own.length)
  for (const gap of gaps) writer.varint(gap)
  writer.varint(text.length)
  writer.append(zlib.deflateRawSync(text, { level: LEVEL }))
  return writer.seal()
}

const inflate = (bytes: Uint8Array, size: number): string | undefined => {
  if (size > bytes.length * MAX_INFLATION) return undefined
  try {
    const text = zlib.inflateRawSync(bytes, { maxOutputLength: Math.max(size, 1) })
    return text.length === size ? text.toString("utf8") : undefined
  } catch {
    return undefined
  }
}

const parse = (text: string | undefined): unknown => {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

// What JSON.parse made holds nothing but JSON.
const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** One entry for each point of the chunk: its fields, or `undefined` where it has none. */
export const decodeFields = (data: Uint8Array): Either.Either<Array<JsonObject | undefined>, DamagedBlob> => {
  const opened = BlobReader.open("fields", FIELDS_VERSION, data)
  if (Either.isLeft(opened)) return Either.left(opened.left)
  const reader = opened.right
  const points = reader.varint()
  const own = reader.varint()
  const fields: Array<JsonObject | undefined> = []
  if (points > MAX_CHUNK_POINTS || own > points || own > reader.left) {
    reader.fail(`fields of ${own} of ${points} points`)
    return reader.finish(fields)
  }
  const places: Array<number> = []
  let last = -1
  for (let i = 0; i < own; i++) {
    last += reader.varint() + 1
    places.push(last)
  }
  const size = reader.varint()
  const list = parse(inflate(reader.take(reader.left), size))
  if (last >= points) reader.fail("fields of a point that is not there")
  else if (!Array.isArray(list) || list.length !== own) reader.fail("the compressed fields cannot be read")
  else {
    for (let i = 0; i < points; i++) fields.push(undefined)
    for (let i = 0; i < own; i++) {
      const one: unknown = list[i]
      if (isJsonObject(one)) fields[places[i]] = one
      else reader.fail("fields that are no JSON object")
    }
  }
  return reader.finish(fields)
}
