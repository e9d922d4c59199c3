import { describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as assert from "node:assert/strict"
import { quantileOf } from "../../../src/store/query/quantileOf.js"
import { runInSlices } from "./runInSlices.js"

const bySorting = (values: ReadonlyArray<number>, quantile: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * quantile
  const below = Math.floor(place)
  const share = place - below
  return share === 0 ? sorted[below] : sorted[below] * (1 - share) + sorted[below + 1] * share
}

const many = 600_000

const shapes: ReadonlyArray<readonly [name: string, values: ReadonlyArray<number>]> = [
  ["rising", Array.from({ length: many }, (_, i) => i)],
  ["falling", Array.from({ length: many }, (_, i) => -i)],
  ["alike", Array.from({ length: many }, () => 7)],
  ["of two kinds", Array.from({ length: many }, (_, i) => i % 2)],
  ["rising and falling", Array.from({ length: many }, (_, i) => Math.min(i, many - i))],
  ["mixed", Array.from({ length: many }, (_, i) => (i * 48_271) % 65_537)]
]

describe("a quantile", () => {
  it("is what sorting would find", () => {
    const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, noDefaultInfinity: true }))
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 60 }),
        fc.constantFrom(0.5, 0.95, 0.99),
        (values, share) => {
          assert.deepEqual(runInSlices(quantileOf(values, share)).result, bySorting(values, share))
        }
      ),
      { numRuns: 1_000 }
    )
  })

  for (const [name, values] of shapes) {
    it(`of many values, ${name}, is found in slices`, () => {
      for (const share of [0.5, 0.99]) {
        const { result, slices } = runInSlices(quantileOf(values, share))
        assert.equal(result, bySorting(values, share))
        assert.ok(slices > 1)
      }
    })
  }
})
