import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as zlib from "node:zlib"
import { CHUNK_VERSION, decodeChunk, encodeChunk } from "../../../src/store/chunk/Chunk.js"
import type { DamagedBlob } from "../../../src/store/chunk/DamagedBlob.js"
import { DayRollup } from "../../../src/store/chunk/DayRollup.js"
import { decodeFields, encodeFields } from "../../../src/store/chunk/FieldsBlob.js"
import { decodeRollup, encodeRollup } from "../../../src/store/chunk/RollupBlob.js"
import { DAY, dayOf, firstAtOrAfter } from "../../../src/store/chunk/SeriesColumns.js"
import { fields, points } from "./arbitraries.js"

type Decode = (data: Uint8Array) => Either.Either<unknown, DamagedBlob>

const chunk = points(60).map(({ time, value }): Uint8Array => encodeChunk(time, value).data)

const rollup = points(60).map(({ time, value }): Uint8Array => {
  const day = dayOf(time[0])
  const own = new DayRollup(day)
  own.add(time, value, 0, firstAtOrAfter(time, (day + 1) * DAY))
  return encodeRollup(own)
})

const sparse = fields(12).map((list): Uint8Array => encodeFields([...list, { a: 1 }]) ?? new Uint8Array(0))

const blobs: ReadonlyArray<readonly [string, Decode, fc.Arbitrary<Uint8Array>]> = [
  ["chunk", decodeChunk, chunk],
  ["fields", decodeFields, sparse],
  ["rollup", (data) => decodeRollup(data), rollup]
]

/** The bytes with the checksum that belongs to them: as if a wrong program had written them. */
const sealed = (bytes: Uint8Array): Uint8Array => {
  const whole = Buffer.alloc(bytes.length + 4)
  whole.set(bytes)
  whole.writeUInt32LE(zlib.crc32(bytes), bytes.length)
  return whole
}

describe.each(blobs)("a damaged %s", (name, decode, arbitrary) => {
  const damaged = (data: Uint8Array, ...reasons: ReadonlyArray<DamagedBlob["reason"]>) => {
    const result = decode(data)
    expect(Either.isLeft(result) && result.left.blob === name ? reasons : ["read"]).toContain(
      Either.isLeft(result) ? result.left.reason : "read"
    )
  }

  it("is told when any bytes changed", () => {
    fc.assert(
      fc.property(
        arbitrary,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
        (data, flips) => {
          const changed = Uint8Array.from(data)
          for (const [at, bits] of flips) changed[at % changed.length] ^= bits
          if (Buffer.compare(changed, data) !== 0) damaged(changed, "Checksum")
        }
      ),
      { numRuns: 300 }
    )
  })

  it("is told when it was cut or something follows it", () => {
    fc.assert(fc.property(arbitrary, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 9 }), (data, at, more) => {
      damaged(data.subarray(0, at % data.length), "Checksum", "Structure")
      damaged(Buffer.concat([data, more]), "Checksum")
      damaged(sealed(Buffer.concat([data.subarray(0, -4), more])), "Structure")
    }))
  })

  it("is told from one of a newer version", () => {
    fc.assert(fc.property(arbitrary, (data) => {
      const newer = Uint8Array.from(data.subarray(0, -4))
      newer[0]++
      damaged(sealed(newer), "Version")
    }))
  })

  it("ends without a throw whatever the bytes, even with the right checksum", () => {
    const version = fc.constant(Uint8Array.of(CHUNK_VERSION))
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(version, fc.uint8Array({ maxLength: 200 })).map((parts) => Buffer.concat(parts)),
      fc.tuple(version, fc.array(fc.constantFrom(0, 1, 2, 16, 0x40, 0x80, 0xff), { maxLength: 60 }))
        .map(([first, rest]) => Buffer.concat([first, Uint8Array.from(rest)]))
    )
    fc.assert(fc.property(bytes, (own) => void decode(own)), { numRuns: 300 })
    fc.assert(fc.property(bytes, (own) => void decode(sealed(own))), { numRuns: 3_000 })
    fc.assert(
      fc.property(arbitrary, fc.nat(), fc.integer({ min: 1, max: 255 }), (data, at, bits) => {
        const changed = Uint8Array.from(data.subarray(0, -4))
        changed[at % changed.length] ^= bits
        void decode(sealed(changed))
      }),
      { numRuns: 3_000 }
    )
  })

  it("does not believe a length that its bytes cannot hold", () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
    damaged(sealed(Uint8Array.of(1, ...huge)), "Structure")
    damaged(sealed(Uint8Array.of(1, 0xff, 0xff, 0x03, 0, 0)), "Structure")
    damaged(sealed(Uint8Array.of(1, 1, ...huge, 1)), "Structure")
    damaged(sealed(Uint8Array.of(1, 1, 1, 0, ...huge)), "Structure")
  })
})
