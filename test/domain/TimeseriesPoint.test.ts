import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { identity, metadataOf } from "../../src/domain/Identity.js"
import { makeSeries, pointsOf } from "../../src/domain/Series.js"
import { decodeMetricOrPoint, decodePoint, toTimeseriesFormat } from "../../src/domain/TimeseriesPoint.js"

const metrics = Arbitrary.make(GenericMetric)

const metric = new GenericMetric({
  origin: "game",
  metricType: "move",
  value: 31,
  timestamp: Date.UTC(2026, 0, 31, 12),
  metadata: {
    channel: "blitz",
    ply: 31,
    note: { value: "sharp" },
    position: { fen: "8/8", lastMove: "e2e4" },
    value: "v",
    _origin: 1
  }
})

describe("identity", () => {
  it("takes top-level strings as tags, sorted, and everything else as fields", () => {
    expect(
      identity(
        new GenericMetric({
          origin: "o",
          metricType: "m",
          value: 1,
          metadata: { z: "1", a: "2", n: 1, b: true, x: null, l: [1] }
        })
      )
    )
      .toEqual({ tags: { a: "2", z: "1" }, fields: { n: 1, b: true, x: null, l: [1] } })
    expect(Object.keys(identity({ metadata: { z: "1", a: "2" } }).tags)).toEqual(["a", "z"])
  })

  it("writes a text that must not identify as a string field", () => {
    expect(identity({ metadata: { note: { value: "x" } } })).toEqual({ tags: {}, fields: { note: "x" } })
    expect(identity({ metadata: { note: { value: "x", more: 1 } } }).fields).toEqual({ note: { value: "x", more: 1 } })
  })

  it("is undone by metadataOf", () => {
    fc.assert(fc.property(metrics, (one) => {
      const { fields, tags } = identity(one)
      expect(metadataOf(tags, fields)).toEqual(one.metadata)
    }))
  })

  it("gives two metrics one series exactly when origin, type and tags are equal", () => {
    const key = (metadata: { readonly [key: string]: string }) => makeSeries("o", "m", metadata).key
    expect(key({ a: "1", b: "2" })).toBe(key({ b: "2", a: "1" }))
    expect(key({ a: "1" })).not.toBe(key({ a: "2" }))
    expect(makeSeries("o", "m", {}).key).not.toBe(makeSeries("om", "", {}).key)
  })

  it("stamps points without a timestamp with the given instant", () => {
    const points = pointsOf([metric, new GenericMetric({ origin: "o", metricType: "m", value: -0 })], 1234)
    expect(points.time).toEqual([Date.UTC(2026, 0, 31, 12), 1234])
    expect(Object.is(points.value[1], 0)).toBe(true)
  })
})

describe("toTimeseriesFormat", () => {
  it("writes measurement, tags, fields and time, and escapes names that collide", () => {
    expect(toTimeseriesFormat(metric)).toEqual({
      measurement: "game_metrics",
      tags: { origin: "game", metric_type: "move", channel: "blitz", _value: "v" },
      fields: { value: 31, ply: 31, note: "sharp", position: { fen: "8/8", lastMove: "e2e4" }, __origin: 1 },
      timestamp: "2026-01-31T12:00:00.000Z"
    })
  })

  it("comes back exactly, through JSON", () => {
    fc.assert(
      fc.property(metrics, (one) => {
        const point: unknown = JSON.parse(JSON.stringify(toTimeseriesFormat(one)))
        expect(Either.getOrThrow(decodeMetricOrPoint(point)))
          .toEqual(new GenericMetric({ ...one, value: one.value === 0 ? 0 : one.value }))
      }),
      { numRuns: 1000 }
    )
  })
})

describe("a foreign point", () => {
  it("has its origin from the tag, else from the measurement", () => {
    const origin = (point: object) => Either.getOrThrow(decodePoint({ fields: { value: 1 }, ...point })).origin
    expect(origin({ measurement: "cpu_metrics", tags: { metric_type: "load" } })).toBe("cpu")
    expect(origin({ measurement: "cpu", tags: { metric_type: "load" } })).toBe("cpu")
    expect(origin({ measurement: "x_metrics", tags: { metric_type: "load", origin: "cpu" } })).toBe("cpu")
  })

  it("keeps string fields as context, out of the identity", () => {
    const read = Either.getOrThrow(
      decodePoint({ measurement: "a", tags: { metric_type: "m" }, fields: { value: 1, note: "x" } })
    )
    expect(read.metadata).toEqual({ note: { value: "x" } })
    expect(identity(read).tags).toEqual({})
  })

  it.each<[object, string]>([
    [{ measurement: "a", tags: {}, fields: { value: 1 } }, "tags.metric_type: is missing"],
    [{ measurement: "a", tags: { metric_type: "m" }, fields: {} }, "fields.value: is missing"],
    [{ measurement: "a", tags: { metric_type: "m" }, fields: { value: "1" } }, "value: expected a finite number"],
    [
      { measurement: "a", tags: { metric_type: "m", n: 1 }, fields: { value: 1 } },
      "tags: expected an object of strings"
    ],
    [{ tags: { metric_type: "m" }, fields: { value: 1 } }, "origin: "],
    [{ measurement: "a", tags: { metric_type: "m" } }, "fields: expected an object"],
    [
      JSON.parse(
        "{\"measurement\":\"a\",\"tags\":{\"metric_type\":\"m\",\"__proto__\":\"x\"},\"fields\":{\"value\":1}}"
      ),
      "__proto__"
    ]
  ])("is refused with the reason: %j", (point, message) => {
    const result = decodeMetricOrPoint(point)
    expect(Either.isLeft(result) ? result.left : "taken").toContain(message)
  })
})
