import { Either } from "effect"
import * as zlib from "node:zlib"
import type { JsonObject } from "../../domain/Json.js"
import type { Columns } from "../Columns.js"

/** Version of the format of {@link encodeLogRow}, the first byte of a row. */
export const LOG_ROW_VERSION = 1

// A zigzag delta of two timestamps of the years 0 to 9999 stays below 2^50, so
// numbers are cut by division: shifts would lose everything above 32 bits.
const writeVarint = (target: Buffer, at: number, value: number): number => {
  if (value < 0x80) {
    target[at] = value
    return at + 1
  }
  let rest = value
  let next = at
  while (rest >= 0x80) {
    target[next++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  target[next++] = rest
  return next
}

const zigzag = (value: number): number => value >= 0 ? value * 2 : -value * 2 - 1

const unzigzag = (value: number): number => value % 2 === 0 ? value / 2 : -(value + 1) / 2

const maxVarint = 8

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

// Used again and again for all rows but the largest: a buffer of its own for each costs more than filling it.
const room = Buffer.allocUnsafeSlow(256 * 1024)
const viewOfRoom = viewOf(room)

/**
 * Writes the points of a row of the log; the bytes hold until the next row is written.
 *
 * | bytes | meaning |
 * |---|---|
 * | 1 | version, 1 |
 * | varint | number of points n |
 * | n varints | ids of the series |
 * | n varints | timestamps: the first as it is, then differences, both zigzag |
 * | 8 n | values, IEEE 754 doubles, little endian |
 * | rest | JSON `[[index, fields], …]` of the points that have fields; empty when none has |
 *
 * A varint is little endian in groups of 7 bits, the top bit saying that more follows.
 */
export const encodeLogRow = (columns: Columns): Buffer => {
  const count = columns.time.length
  const sparse: Array<readonly [number, JsonObject]> = []
  for (let i = 0; i < count; i++) {
    const own = columns.fields[i]
    if (own !== undefined) sparse.push([i, own])
  }
  const fields = sparse.length === 0 ? "" : JSON.stringify(sparse)
  const most = 1 + maxVarint + count * (2 * maxVarint + 8) + Buffer.byteLength(fields)
  const target = most <= room.length ? room : Buffer.allocUnsafeSlow(most)
  target[0] = LOG_ROW_VERSION
  let at = writeVarint(target, 1, count)
  for (let i = 0; i < count; i++) at = writeVarint(target, at, columns.series[i])
  let last = 0
  for (let i = 0; i < count; i++) {
    at = writeVarint(target, at, zigzag(columns.time[i] - last))
    last = columns.time[i]
  }
  const view = target === room ? viewOfRoom : viewOf(target)
  // A view writes a double without a call; the methods of a buffer write it byte by byte.
  for (let i = 0; i < count; i++, at += 8) view.setFloat64(at, columns.value[i], true)
  at += target.write(fields, at, "utf8")
  return target.subarray(0, at)
}

/** Checksum of a row's bytes: CRC-32 as zlib has it. */
export const logRowCrc = (bytes: Uint8Array): number => zlib.crc32(bytes)

class Unreadable extends Error {}

const isFields = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isList = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

const readFields = (text: string, count: number): Array<JsonObject | undefined> => {
  const fields = new Array<JsonObject | undefined>(count).fill(undefined)
  if (text === "") return fields
  const sparse: unknown = JSON.parse(text)
  if (!isList(sparse)) throw new Unreadable("its fields are no list")
  for (const entry of sparse) {
    if (!isList(entry)) throw new Unreadable("fields belong to no point")
    const [index, own] = entry
    if (typeof index !== "number" || !(index in fields) || !isFields(own)) {
      throw new Unreadable("fields belong to no point")
    }
    fields[index] = own
  }
  return fields
}

/** Reads what {@link encodeLogRow} wrote, or says what is wrong with the bytes. */
export const decodeLogRow = (bytes: Uint8Array, crc: number): Either.Either<Columns, string> => {
  if (logRowCrc(bytes) !== crc) return Either.left("its checksum does not match")
  if (bytes[0] !== LOG_ROW_VERSION) return Either.left(`its version ${bytes[0] ?? ""} is not known`)
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 1
  const varint = (): number => {
    let value = 0
    let scale = 1
    for (;;) {
      if (at >= source.length) throw new Unreadable("it ends too early")
      const byte = source[at++]
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 0x80
    }
  }
  try {
    const count = varint()
    if (count * 10 > source.length) return Either.left("it ends too early")
    const series = new Array<number>(count)
    const time = new Array<number>(count)
    const value = new Array<number>(count)
    for (let i = 0; i < count; i++) series[i] = varint()
    let last = 0
    for (let i = 0; i < count; i++) {
      last += unzigzag(varint())
      time[i] = last
    }
    if (at + 8 * count > source.length) return Either.left("it ends too early")
    const view = viewOf(source)
    for (let i = 0; i < count; i++, at += 8) value[i] = view.getFloat64(at, true)
    return Either.right({ series, time, value, fields: readFields(source.toString("utf8", at), count) })
  } catch (error) {
    return Either.left(error instanceof Error ? error.message : String(error))
  }
}
