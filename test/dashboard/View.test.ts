import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { readView, stepFor, steps, type View, writeView } from "../../src/dashboard/View.js"
import { aggregates } from "../../src/domain/Aggregate.js"

const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 })
const view: fc.Arbitrary<View> = fc.record({
  metrics: fc.array(fc.record({ origin: text, metricType: text }), { maxLength: 3 }),
  tags: fc.dictionary(text.filter((key) => key !== "__proto__"), fc.string({ unit: "grapheme" }), {
    noNullPrototype: true
  }),
  by: fc.option(fc.array(text.filter((key) => !key.includes(",")), { maxLength: 3 }), { nil: undefined }),
  aggregate: fc.constantFrom(...aggregates),
  step: fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: undefined }),
  range: fc.oneof(
    fc.record({ span: fc.integer({ min: 1, max: 1e7 }).map((seconds) => seconds * 1000) }),
    fc.record({ from: fc.integer({ min: 0, max: 1e12 }), to: fc.integer({ min: 1e12 + 1, max: 2e12 }) })
  )
})

describe("View", () => {
  it("comes back from its address as it was", () => {
    fc.assert(fc.property(view, (one) => {
      expect(readView(new URLSearchParams(writeView(one).toString()))).toEqual(one)
    }))
  })

  it("is a new view where the address makes no sense", () => {
    const fresh = readView(new URLSearchParams())
    expect(fresh).toEqual({
      metrics: [],
      tags: {},
      by: undefined,
      aggregate: "avg",
      step: undefined,
      range: { span: 3_600_000 }
    })
    expect(readView(new URLSearchParams("m=nothing&aggregate=median&step=-5&from=9&to=3&range=x"))).toEqual(fresh)
  })

  it("chooses a step that gives some hundreds of values, of those that people count in", () => {
    expect(stepFor(300_000)).toBe(1_000)
    expect(stepFor(3_600_000)).toBe(10_000)
    expect(stepFor(86_400_000)).toBe(300_000)
    for (const days of [1, 30, 365, 3_650]) {
      const step = stepFor(days * 86_400_000)
      expect(days * 86_400_000 / step).toBeLessThanOrEqual(600)
      expect(steps.includes(step) || step % 86_400_000 === 0).toBe(true)
    }
  })
})
