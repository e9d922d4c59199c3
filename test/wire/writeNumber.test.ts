import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { LONGEST_NUMBER, writeNumber } from "../../src/wire/writeNumber.js"

const written = (number: number): string => {
  const target = Buffer.alloc(2 + LONGEST_NUMBER, "#")
  const end = writeNumber(target, 1, number)
  expect(target[0]).toBe(0x23)
  return target.toString("latin1", 1, end)
}

const decimals = fc.tuple(fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }), fc.integer({ min: 0, max: 5 }))
  .map(([digits, places]) => digits / 10 ** places)

const edges = [
  0,
  -0,
  1,
  9,
  10,
  999_999_999,
  1e9,
  1e9 + 0.5,
  999_999_999.999,
  0.1 + 0.2,
  1.005,
  1e15 - 1,
  1e15,
  1e21,
  5e-324,
  1e-7,
  0.001,
  0.0005,
  Number.MAX_SAFE_INTEGER,
  -Number.MAX_VALUE,
  Infinity,
  NaN
]

describe("a number", () => {
  it("is written as JSON.stringify writes it, in no more bytes than are said", () => {
    const number = fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer(), decimals, fc.constantFrom(...edges))
    fc.assert(
      fc.property(number, (own) => {
        const text = written(own)
        expect(text).toBe(JSON.stringify(own))
        expect(text.length).toBeLessThanOrEqual(LONGEST_NUMBER)
      }),
      { numRuns: 20_000 }
    )
    for (const own of edges) expect(written(own)).toBe(JSON.stringify(own))
  })
})
