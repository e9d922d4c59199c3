import { describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as assert from "node:assert/strict"
import { makeSeries } from "../../../src/domain/Series.js"
import { ColumnRoom } from "../../../src/store/query/ColumnRoom.js"
import { RateFold } from "../../../src/store/query/RateFold.js"
import { runInSlices } from "./runInSlices.js"

describe("rates", () => {
  it("of many counters are put together in slices, however few points each of them has", () => {
    const counters = 600
    const points = 1_000
    const wanted = new Map(Array.from({ length: counters }, (_, id) => [id, makeSeries("o", "c", { n: String(id) })]))
    const buckets = { step: points * 1_000, aggregate: "rate", by: [] } as const
    const fold = new RateFold(10, buckets, wanted, undefined, new ColumnRoom())
    for (let id = 0; id < counters; id++) {
      for (let second = 0; second < points; second++) fold.add(id, second * 1_000, second * id)
    }
    const { result, slices } = runInSlices(fold.answer())
    assert.ok(slices > 5, `${slices} slices`)
    const { series } = Either.getOrThrow(result)
    const growth = (points - 1) * (counters * (counters - 1)) / 2
    assert.deepEqual(series.map(({ value }) => value), [[growth / points]])
  })
})
