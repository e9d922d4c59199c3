import { describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as assert from "node:assert/strict"
import { makeSeries } from "../../../src/domain/Series.js"
import { Head } from "../../../src/store/log/Head.js"
import type { SeriesFilter, TagCondition } from "../../../src/store/MetricStore.js"
import { overflowSeries } from "../../../src/store/series/Overflow.js"
import { SeriesIndex } from "../../../src/store/series/SeriesIndex.js"

const key = fc.constantFrom("host", "core", "__proto__")
const value = fc.constantFrom("", "a", "b", "constructor")
const type = fc.constantFrom("x", "y")
const tags = fc.dictionary(key, value, { maxKeys: 3, noNullPrototype: false })

const series = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constantFrom("o", "p"), type, tags).map((own) => makeSeries(...own)) },
  { weight: 1, arbitrary: type.map(overflowSeries) }
)

const condition: fc.Arbitrary<TagCondition> = fc.record({
  _tag: fc.constantFrom("AnyOf", "NoneOf"),
  key,
  values: fc.array(value, { maxLength: 3 })
})

const filter: fc.Arbitrary<SeriesFilter> = fc.record({
  metricType: fc.option(type, { nil: undefined }),
  tags: fc.option(tags, { nil: undefined }),
  where: fc.array(condition, { maxLength: 2 })
})

const matcher =
  ({ metricType, tags = {}, where = [] }: SeriesFilter) => (own: ReturnType<typeof makeSeries>): boolean => {
    const valueOf = (name: string) => Object.hasOwn(own.tags, name) ? own.tags[name] : undefined
    return (metricType === undefined || own.metricType === metricType) &&
      Object.entries(tags).every(([name, wanted]) => valueOf(name) === wanted) &&
      where.every((one) => {
        if (one._tag !== "AnyOf" && one._tag !== "NoneOf") return false
        const own = valueOf(one.key)
        return (own !== undefined && one.values.includes(own)) === (one._tag === "AnyOf")
      })
  }

// Some come, some are asked for, some go.
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant("define" as const), series }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("ask" as const), filter }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("free" as const), nth: fc.nat(20) }) }
)

describe("SeriesIndex", () => {
  it("finds by its tag index the series that a look at each would find, in the same order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const indexed = new SeriesIndex(0)
        const scanned = new SeriesIndex(Infinity)
        let id = 0
        const ids: Array<number> = []
        for (const one of steps) {
          if (one._tag === "define") {
            if (indexed.idOf(one.series.key) !== undefined) continue
            ids.push(++id)
            // Every fifth has no points.
            const known = { points: id % 5 === 0 ? 0 : 1, first: id, last: id, newest: undefined }
            for (const index of [indexed, scanned]) index.define(id, one.series, known)
          } else if (one._tag === "free") {
            const gone = ids.splice(one.nth, 2)
            for (const index of [indexed, scanned]) index.free(gone)
          } else {
            const matches = matcher(one.filter)
            assert.deepEqual(indexed.select(one.filter, matches), scanned.select(one.filter, matches))
            assert.equal(indexed.size, Array.from(indexed.candidates({})).length)
            const candidates = new Set(Array.from(indexed.candidates(one.filter), (own) => own.id))
            for (const own of scanned.candidates(one.filter)) {
              if (matches(own.series)) assert.ok(candidates.has(own.id))
            }
          }
        }
      }),
      { numRuns: 500 }
    )
  })

  it("tells the series with points that are too old for their metric type, a part after the other", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 40 }), fc.integer({ min: 1, max: 50 }), (oldest, size) => {
        const index = new SeriesIndex()
        for (const [i, first] of oldest.entries()) {
          const own = makeSeries("o", i % 3 === 0 ? "x" : "y", { id: String(i) })
          index.define(i, own, { points: 1, first, last: 20, newest: undefined })
        }
        const before = (metricType: string) => metricType === "x" ? 15 : 5
        const told: Array<number> = []
        for (const part of index.olderThan(before, size)) {
          assert.ok(part.length <= size)
          told.push(...part.map(({ id }) => id))
          // As whoever deletes their points does.
          index.free(part.map(({ id }) => id))
        }
        assert.deepEqual(told, Array.from(oldest.keys()).filter((i) => oldest[i] < (i % 3 === 0 ? 15 : 5)))
      })
    )
  })

  it("knows after a start of the points in the log what it knew when they came, also of a clock that ran ahead", () => {
    const horizon = 5 * 60_000
    // Around the horizon, so that some wait for their time, and few enough that some are equal.
    const point = fc.record({
      time: fc.integer({ min: horizon - 3, max: horizon + 3 }),
      fields: fc.option(fc.record({ n: fc.nat(9) }), { nil: undefined })
    })
    fc.assert(
      fc.property(fc.option(fc.integer({ min: horizon - 3, max: horizon }), { nil: undefined }), fc.array(point), (
        known,
        points
      ) => {
        const newest = known === undefined ? undefined : { time: known, value: -1, fields: undefined }
        const before = newest === undefined ? undefined : { points: 1, first: newest.time, last: newest.time, newest }
        const columns = {
          series: points.map(() => 1),
          time: points.map(({ time }) => time),
          value: points.map((_, i) => i),
          fields: points.map(({ fields }) => fields)
        }
        const [live, started] = [new SeriesIndex(), new SeriesIndex()]
        for (const index of [live, started]) index.define(1, makeSeries("o", "x", {}), before)
        live.add(columns, 0)
        const head = new Head(1_000)
        head.add(1, 1, columns, 0)
        for (const own of head.all) started.addSeries(own, 0)
        for (const now of [0, 2, 10]) {
          assert.deepEqual(started.newestOf(1, now), live.newestOf(1, now))
          assert.deepEqual(started.entryOf(1), live.entryOf(1))
        }
        assert.equal(started.size, live.size)
      })
    )
  })
})
