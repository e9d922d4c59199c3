import { describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Fiber } from "effect"
import * as assert from "node:assert/strict"
import { nextTurn } from "../../../src/domain/nextTurn.js"
import { makeSeries } from "../../../src/domain/Series.js"
import { listLatest, listSeries } from "../../../src/store/series/listSeries.js"
import { SeriesIndex } from "../../../src/store/series/SeriesIndex.js"
import { sortInTurns } from "../../../src/store/series/sortInTurns.js"

const count = 25_000

const filled = (): SeriesIndex => {
  const index = new SeriesIndex()
  for (let id = 1; id <= count; id++) {
    // Not in the order of their keys.
    const series = makeSeries("o", "m", { host: `${(id * 7_919) % count}`, rack: `${id % 3}` })
    index.define(id, series, { points: 1, first: id, last: id, newest: { time: id, value: id, fields: undefined } })
  }
  return index
}

const knowing = () => Effect.void

/** How often others had their turn while an effect ran. */
const turnsDuring = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    let turns = 0
    const counting = yield* Effect.fork(Effect.forever(Effect.zipRight(nextTurn, Effect.sync(() => turns++))))
    const answer = yield* effect
    yield* Fiber.interrupt(counting)
    return { answer, turns }
  })

describe("a list of many series", () => {
  it.effect("is in the order of their keys, and lets others have their turn", () =>
    Effect.gen(function*() {
      const index = filled()
      const { answer, turns } = yield* turnsDuring(listSeries(index, { tags: { rack: "1" } }, knowing))
      const keys = Array.from(index.candidates({}), ({ series }) => series)
        .filter(({ tags }) => tags["rack"] === "1")
        .map(({ key }) => key)
        .toSorted()
      assert.deepEqual(answer.map(({ key }) => key), keys)
      assert.ok(turns > 10, `${turns} turns`)
    }))

  it.effect("leaves out what is freed meanwhile, and names nothing twice", () =>
    Effect.gen(function*() {
      const index = filled()
      const listing = yield* Effect.fork(listLatest(index, {}, knowing, count))
      for (let id = 1; id <= count; id += 50) {
        index.free([id])
        const series = makeSeries("o", "m", { host: `new-${id}` })
        index.define(count + id, series, { points: 1, first: 0, last: 0, newest: undefined })
        if (id % 500 === 1) yield* nextTurn
      }
      const listed = (yield* Fiber.join(listing)).map(({ series }) => series.key)
      assert.equal(new Set(listed).size, listed.length)
      assert.deepEqual(listed, listed.toSorted())
      const kept = Array.from(index.candidates({}), ({ id, series }) => id <= count ? series.key : "").filter(Boolean)
      const all = new Set(listed)
      assert.deepEqual(kept.filter((key) => !all.has(key)), [])
      assert.ok(listed.length <= count)
    }))

  it.effect.prop(
    "is sorted as a list is that is sorted at once",
    [fc.nat(12_000), fc.integer({ min: 1, max: 1_000_000 }), fc.nat()],
    ([length, distinct, seed]) =>
      Effect.gen(function*() {
        const list = Array.from({ length }, (_, place) => ({ place, value: (seed + place * 48_271) % distinct }))
        const compare = (a: { readonly value: number }, b: { readonly value: number }) => a.value - b.value
        assert.deepEqual(yield* sortInTurns(Array.from(list), compare), list.toSorted(compare))
      }),
    { fastCheck: { numRuns: 30 } }
  )
})
