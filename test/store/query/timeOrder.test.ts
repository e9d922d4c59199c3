import { describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as assert from "node:assert/strict"
import { timeOrder } from "../../../src/store/query/timeOrder.js"
import { runInSlices } from "./runInSlices.js"

const many = 600_000

describe("the order of times", () => {
  it("is that of a stable sort", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 80 }), (time) => {
        const places = time.map((_, i) => i)
        const found = runInSlices(timeOrder(time)).result
        assert.deepEqual(Array.from(found ?? places), places.toSorted((a, b) => time[a] - time[b]))
        assert.equal(found === undefined, time.every((own, i) => i === 0 || own >= time[i - 1]))
      }),
      { numRuns: 1_000 }
    )
  })

  it("of many times is found in slices", () => {
    const time = Array.from({ length: many }, (_, i) => (i * 48_271) % 65_537)
    const { result, slices } = runInSlices(timeOrder(time))
    assert.ok(result !== undefined && slices > 10)
    for (let i = 1; i < many; i++) assert.ok(time[result[i - 1]] <= time[result[i]])
  })
})
