import { Either } from "effect"
import * as zlib from "node:zlib"
import { DamagedBlob } from "./DamagedBlob.js"

const CRC_BYTES = 4

/** Largest whole number that a varint is asked to carry: 2^53 − 1. */
const MAX_VARINT_BYTES = 8

// Numbers beyond 32 bits are cut by division: shifts would lose their upper bits.
const LOW = 0x80

/** Folds signed whole numbers into unsigned ones: 0, −1, 1, −2 … become 0, 1, 2, 3 … */
export const zigzag = (value: number): number => value < 0 ? -2 * value - 1 : 2 * value

/** The inverse of {@link zigzag}. */
export const unzigzag = (value: number): number => {
  const half = Math.floor(value / 2)
  return half * 2 === value ? half : -half - 1
}

/**
 * Writes one blob: a version byte, what the caller puts in, CRC-32 of all that.
 * `bytes` and `at` are open to loops that write many bytes after `reserve`.
 */
export class BlobWriter {
  bytes = new Uint8Array(4096)
  at = 0

  begin(version: number): void {
    this.at = 0
    this.byte(version)
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.at + count, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.at))
    this.bytes = grown
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  /** A whole number from 0 to 2^53 − 1: groups of 7 bits, lowest first, the top bit saying that more follows. */
  varint(value: number): void {
    this.reserve(MAX_VARINT_BYTES)
    let rest = value
    while (rest >= LOW) {
      this.bytes[this.at++] = (rest % LOW) | LOW
      rest = Math.floor(rest / LOW)
    }
    this.bytes[this.at++] = rest
  }

  /** A whole number of either sign below 2^52. */
  signed(value: number): void {
    this.varint(zigzag(value))
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  /** Adds the checksum and answers a copy: the writer can begin the next blob. */
  seal(): Buffer {
    const crc = zlib.crc32(this.bytes.subarray(0, this.at))
    this.reserve(CRC_BYTES)
    for (let shift = 0; shift < 32; shift += 8) this.bytes[this.at++] = crc >>> shift
    return Buffer.from(this.bytes.subarray(0, this.at))
  }
}

/**
 * Reads one blob. Reading past the end yields zeros and is told by `finish`, so
 * that hot loops need no check of their own; whoever reads a count must bound
 * it by `left` before making room for so many.
 */
export class BlobReader {
  at = 1
  private broken: string | undefined

  private constructor(
    private readonly blob: DamagedBlob["blob"],
    readonly bytes: Uint8Array,
    /** Where the checksum begins. */
    readonly end: number
  ) {}

  /** Checks the checksum and the version of a blob. */
  static open(
    blob: DamagedBlob["blob"],
    version: number,
    bytes: Uint8Array
  ): Either.Either<BlobReader, DamagedBlob> {
    const end = bytes.length - CRC_BYTES
    if (end < 1) {
      return Either.left(new DamagedBlob({ blob, reason: "Structure", message: `${bytes.length} bytes are too few` }))
    }
    const crc = (bytes[end] | bytes[end + 1] << 8 | bytes[end + 2] << 16 | bytes[end + 3] << 24) >>> 0
    if (zlib.crc32(bytes.subarray(0, end)) !== crc) {
      return Either.left(new DamagedBlob({ blob, reason: "Checksum", message: "the checksum does not match" }))
    }
    if (bytes[0] !== version) {
      const message = `version ${bytes[0]} is not known, only ${version} is`
      return Either.left(new DamagedBlob({ blob, reason: "Version", message }))
    }
    return Either.right(new BlobReader(blob, bytes, end))
  }

  /** Bytes that are still to be read. */
  get left(): number {
    return this.end - this.at
  }

  /** Whether something was wrong so far. */
  get failed(): boolean {
    return this.broken !== undefined
  }

  /** Notes what is wrong; the first note counts. */
  fail(message: string): void {
    this.broken ??= message
  }

  byte(): number {
    if (this.at < this.end) return this.bytes[this.at++]
    this.fail("it ends too early")
    return 0
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < LOW) return value
      scale *= LOW
    }
    this.fail("a number is too long")
    return 0
  }

  signed(): number {
    return unzigzag(this.varint())
  }

  /** The next `count` bytes as a view. */
  take(count: number): Uint8Array {
    if (count > this.left) {
      this.fail("it ends too early")
      return this.bytes.subarray(this.end, this.end)
    }
    this.at += count
    return this.bytes.subarray(this.at - count, this.at)
  }

  /** What was read when all of it was in order and nothing is left over. */
  finish<A>(value: A): Either.Either<A, DamagedBlob> {
    if (this.broken === undefined && this.left !== 0) this.fail(`${this.left} bytes are left over`)
    return this.broken === undefined
      ? Either.right(value)
      : Either.left(new DamagedBlob({ blob: this.blob, reason: "Structure", message: this.broken }))
  }
}
