import { describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as assert from "node:assert/strict"
import type { Aggregate } from "../../../src/domain/Aggregate.js"
import { makeSeries } from "../../../src/domain/Series.js"
import { nextScan } from "../../../src/store/query/nextScan.js"
import { startQuery } from "../../../src/store/query/QueryRun.js"

const mebibyte = 1024 * 1024

const scansOf = (...held: ReadonlyArray<readonly [id: number, held: number]>) =>
  new Map(held.map(([id, held]) => [id, { scan: { held } }]))

describe("scans of one thread", () => {
  it("take turns while they hold little together", () => {
    assert.equal(nextScan(new Map()), undefined)
    assert.equal(nextScan(scansOf([7, 3], [5, 4], [6, 100 * mebibyte])), 7)
  })

  it("go on one after the other where all of them together would hold too much", () => {
    assert.equal(nextScan(scansOf([7, 90 * mebibyte], [5, 80 * mebibyte], [6, 100 * mebibyte])), 5)
    assert.equal(nextScan(scansOf([7, 90 * mebibyte], [6, 300 * mebibyte])), 6)
    assert.equal(nextScan(scansOf([7, 900 * mebibyte])), 7)
  })

  const id = 1
  const series = makeSeries("test", "m", {})
  const count = 50_000
  const time = Float64Array.from({ length: count }, (_, i) => i * 1_000)

  for (const aggregate of [undefined, "p99", "rate", "avg"] satisfies ReadonlyArray<Aggregate | undefined>) {
    it(`tell what they hold of ${aggregate ?? "raw points"}, at least eight bytes for each that is kept`, () => {
      const buckets = aggregate === undefined ? undefined : { step: aggregate === "avg" ? 1_000 : 60_000, aggregate }
      const run = Either.getOrThrow(startQuery({ from: 0, to: 1e12, limit: 1_000_000, buckets }, [{ id, series }]))
      assert.equal(run.held(), 0)
      run.addSeries(id, time, time, undefined, count)
      assert.ok(run.held() >= 8 * count)
    })
  }
})
