import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from "../../../src/domain/Timestamp.js"
import {
  decodeChunk,
  decodeChunkInto,
  encodeChunk,
  MAX_CHUNK_POINTS,
  PointBuffer
} from "../../../src/store/chunk/Chunk.js"
import { anyValue, points } from "./arbitraries.js"

const roundTrip = (time: ReadonlyArray<number>, value: ReadonlyArray<number>) => {
  const { data, summary } = encodeChunk(Float64Array.from(time), Float64Array.from(value))
  const back = Either.getOrThrow(decodeChunk(data))
  // toEqual tells 0 from −0 and compares every double exactly.
  expect(Array.from(back.time)).toEqual(time)
  expect(Array.from(back.value)).toEqual(value)
  return { data, summary }
}

const ticks = (count: number, step = 1000) => Array.from({ length: count }, (_, i) => 1_763_900_000_000 + i * step)

describe("Chunk", () => {
  it("brings every time and every value back exactly", () => {
    fc.assert(
      fc.property(points(300), ({ time, value }) => {
        roundTrip(Array.from(time), Array.from(value))
      }),
      { numRuns: 500 }
    )
  })

  it("brings a single value of any kind back exactly", () => {
    fc.assert(fc.property(anyValue, (value) => void roundTrip([0], [value])), { numRuns: 2_000 })
  })

  it("keeps what is whole only at different decimal scales", () => {
    roundTrip(ticks(5), [1125899906842624, 0.5, 0.25, 1e-18, 3])
    roundTrip(ticks(4), [0.1, 0.12, 0.123456789012345, 99.9])
    roundTrip(ticks(3), [1125899906842.623, 0.001, -1125899906842.624])
  })

  it("keeps the first and the last instant that a metric may carry, side by side", () => {
    roundTrip([MIN_TIMESTAMP, MIN_TIMESTAMP, MAX_TIMESTAMP, MAX_TIMESTAMP], [1, 2, 3, 4])
  })

  it("keeps points of one instant in their order", () => {
    roundTrip([5, 5, 5, 5], [3, 1, 2, 1])
  })

  it("holds as many points as its limit and refuses more", () => {
    const time = ticks(MAX_CHUNK_POINTS)
    roundTrip(time, time.map((t) => Math.sin(t)))
    expect(() => encodeChunk(new Float64Array(MAX_CHUNK_POINTS + 1), new Float64Array(MAX_CHUNK_POINTS + 1)))
      .toThrow(RangeError)
    expect(() => encodeChunk(new Float64Array(0), new Float64Array(0))).toThrow(RangeError)
    expect(() => encodeChunk(new Float64Array(2), new Float64Array(1))).toThrow(RangeError)
  })

  it("takes little room for what a machine measures", () => {
    const size = (value: (i: number) => number) => {
      const time = ticks(256)
      return roundTrip(time, time.map((_, i) => value(i))).data.length / 256
    }
    expect(size(() => 511_101_108_224)).toBeLessThan(0.3)
    expect(size((i) => Math.round(5_000 + 3_000 * Math.sin(i * 17)) / 100)).toBeLessThan(2.2)
    expect(size((i) => (8_000_000 + Math.round(500 * Math.sin(i * 17))) * 1024)).toBeLessThan(1.8)
    expect(size((i) => 50 + 10 * Math.sin(i * 17))).toBeLessThan(7.3)
  })

  it("sums points up beside the bytes", () => {
    const { summary } = roundTrip([1, 2, 2, 9], [5, -3, 8.5, 1])
    expect(summary).toEqual({ count: 4, firstTime: 1, lastTime: 9, first: 5, last: 1, min: -3, max: 8.5, sum: 11.5 })
    fc.assert(fc.property(points(50), ({ time, value }) => {
      const { summary } = encodeChunk(time, value)
      expect(summary).toEqual({
        count: time.length,
        firstTime: Math.min(...time),
        lastTime: Math.max(...time),
        first: value[0],
        last: value.at(-1),
        min: Math.min(...value),
        max: Math.max(...value),
        sum: value.reduce((sum, own) => sum + own, 0)
      })
    }))
  })

  it("decodes chunk after chunk into one buffer, long ones after short ones", () => {
    const buffer = new PointBuffer()
    for (const count of [3, 5_000, 1]) {
      const time = ticks(count)
      const { data } = encodeChunk(Float64Array.from(time), Float64Array.from(time))
      const back = Either.getOrThrow(decodeChunkInto(data, buffer))
      expect(Array.from(back.time.subarray(0, back.count))).toEqual(time)
    }
    expect(Either.isLeft(decodeChunkInto(new Uint8Array(9), buffer))).toBe(true)
    expect(buffer.count).toBe(0)
  })

  it("reads a chunk that lies inside a larger buffer", () => {
    const { data } = encodeChunk(Float64Array.from(ticks(20)), Float64Array.from(ticks(20)))
    const around = new Uint8Array(data.length + 30).fill(255)
    around.set(data, 7)
    const back = Either.getOrThrow(decodeChunk(around.subarray(7, 7 + data.length)))
    expect(Array.from(back.time)).toEqual(ticks(20))
  })
})
