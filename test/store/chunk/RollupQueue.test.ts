import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import { RollupQueue, type SeriesDay } from "../../../src/store/chunk/RollupQueue.js"

const slices = (queue: RollupQueue): ReadonlyArray<ReadonlyArray<SeriesDay>> => {
  const all: Array<ReadonlyArray<SeriesDay>> = []
  for (let slice = queue.take(); slice.length > 0; slice = queue.take()) all.push(slice)
  return all
}

describe("days whose rollups are due", () => {
  it("come one at a time when each is much to read", () => {
    const queue = new RollupQueue(16_384)
    // That nobody knows the day before of makes it due, and nothing of it is known to be missing.
    for (let series = 1; series <= 10; series++) queue.note(series, [7], 256)
    slices(queue)
    for (let chunk = 0; chunk < 63; chunk++) for (let series = 1; series <= 10; series++) queue.note(series, [7], 256)
    assert.deepEqual(slices(queue), Array.from({ length: 10 }, (_, i) => [{ series: i + 1, day: 7, points: 16_384 }]))
  })

  it("come together when each is little", () => {
    const queue = new RollupQueue(16_384)
    for (let series = 1; series <= 10; series++) queue.note(series, [7], 100)
    for (let series = 1; series <= 10; series++) queue.note(series, [8], 100)
    const found = slices(queue)
    assert.deepEqual(found.map((slice) => slice.length), [6, 6, 6, 2])
    assert.deepEqual(
      found.flat().filter(({ day }) => day === 7),
      Array.from({ length: 10 }, (_, i) => ({ series: i + 1, day: 7, points: 100 }))
    )
  })

  it("are due once, with all that came late", () => {
    const queue = new RollupQueue(16_384)
    queue.note(1, [7], 100)
    queue.take()
    queue.note(1, [5, 7], 30)
    queue.note(1, [5, 6, 7], 20)
    assert.deepEqual(slices(queue), [[{ series: 1, day: 5, points: 50 }, { series: 1, day: 6, points: 20 }]])
  })
})
