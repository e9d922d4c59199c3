import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc } from "effect"
import { GenericMetric, toWire } from "../../../src/domain/GenericMetric.js"
import { pointsOf } from "../../../src/domain/Series.js"
import { decodeMetricOrPoint, toTimeseriesFormat } from "../../../src/domain/TimeseriesPoint.js"
import { noPoints, PlainReader } from "../../../src/server/ingest/PlainReader.js"

const now = 1_700_000_000_000

const names = fc.constantFrom("a", "b", "0", "1", "", "__proto__", "constructor")

/** Few names, so that many items look like others that they are not. */
const alike = fc.record({
  origin: fc.oneof(names, fc.integer()),
  metric_type: fc.oneof(names, fc.constant(null)),
  value: fc.oneof(fc.double(), fc.constant(-0), fc.constant("1"), fc.constant(null)),
  timestamp: fc.oneof(
    fc.integer(),
    fc.double(),
    fc.constantFrom(null, "2026-01-31T12:00:00Z", "2026-01-31 12:00:00.5", "yesterday", true)
  ),
  metadata: fc.oneof(
    fc.dictionary(names, fc.oneof(names, fc.integer(), fc.constant(null), fc.constant({ value: "a" }))),
    fc.array(names, { maxLength: 3 }),
    names,
    fc.constant(null)
  )
}, { requiredKeys: [] })

const metric = Arbitrary.make(GenericMetric)

const item = fc.oneof(
  alike,
  metric.map((one) => JSON.parse(JSON.stringify(toWire(one))) as unknown),
  metric.map((one) => JSON.parse(JSON.stringify(toTimeseriesFormat(one))) as unknown),
  fc.jsonValue()
)

const expected = (items: ReadonlyArray<unknown>) => {
  const points = noPoints()
  items.forEach((one, index) => {
    const decoded = decodeMetricOrPoint(one)
    if (Either.isLeft(decoded)) return points.rejected.push({ index, message: decoded.left })
    const { fields, series, time, value } = pointsOf([decoded.right], now)
    points.series.push(series[0])
    points.time.push(time[0])
    points.value.push(value[0])
    points.fields.push(fields[0])
    return points.place.push(index)
  })
  return points
}

const read = (reader: PlainReader, items: ReadonlyArray<unknown>) => {
  const points = noPoints()
  items.forEach((one, index) => reader.read(one, index, now, points))
  return points
}

describe("PlainReader", () => {
  it("reads whatever comes as if it had seen nothing like it before", () => {
    const reader = new PlainReader()
    fc.assert(
      fc.property(fc.array(item, { maxLength: 8 }), (items) => {
        const wanted = expected(items)
        expect(read(reader, items)).toEqual(wanted)
        expect(read(reader, items)).toEqual(wanted)
      }),
      { numRuns: 1_000 }
    )
  })

  it("gives the points of a series one and the same series, so that a store finds it at once", () => {
    const reader = new PlainReader()
    const one = { origin: "a", metric_type: "b", value: 1, metadata: { host: "x", core: "1" } }
    const { series } = read(reader, [one, { ...one, value: 2 }, { ...one, timestamp: 5 }])
    expect(series[1]).toBe(series[0])
    expect(series[2]).toBe(series[0])
  })

  it("remembers no more series than its limit, and reads on", () => {
    const reader = new PlainReader()
    const items = Array.from({ length: 45_000 }, (_, i) => ({
      origin: "a",
      metric_type: "b",
      value: i,
      metadata: { n: String(i) }
    }))
    expect(read(reader, items).series.map(({ tags }) => tags["n"])).toEqual(items.map(({ metadata }) => metadata.n))
  })
})
