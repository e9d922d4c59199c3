import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import { LatestPoints } from "../../../src/store/series/LatestPoints.js"

const hour = 3_600_000
const now = Date.UTC(2026, 0, 2)

describe("the newest point of a series", () => {
  it("is one that came after the clock was set back, and not one of the time before", () => {
    const latest = new LatestPoints()
    latest.add(now + 24 * hour, 1, undefined, now + 24 * hour)
    assert.equal(latest.at(now + 24 * hour)?.value, 1)
    // From here on it is a day earlier.
    latest.add(now, 2, { n: 2 }, now)
    assert.deepEqual(latest.at(now), { time: now, value: 2, fields: { n: 2 } })
    latest.add(now + 1_000, 3, undefined, now + 1_000)
    latest.add(now + 500, 4, undefined, now + 1_000)
    assert.equal(latest.at(now + 1_000)?.value, 3)
    // Its time comes again.
    assert.equal(latest.at(now + 24 * hour)?.value, 1)
    latest.add(now + 25 * hour, 5, undefined, now + 25 * hour)
    assert.equal(latest.at(now + 25 * hour)?.value, 5)
  })
})
