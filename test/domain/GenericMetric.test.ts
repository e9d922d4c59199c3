import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc, Schema } from "effect"
import { decodeMetric } from "../../src/domain/decodeMetric.js"
import { GenericMetric, metricProblem, toWire } from "../../src/domain/GenericMetric.js"
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from "../../src/domain/Timestamp.js"

const metrics = Arbitrary.make(GenericMetric)
const bySchema = Schema.decodeUnknownEither(GenericMetric)

const valid = { origin: "application", metric_type: "event", value: 1 }

const nested = (depth: number): unknown => depth === 0 ? 1 : { a: nested(depth - 1) }

/** Wire values near the border of what is valid, so that both answers come up often. */
const nearlyMetric: fc.Arbitrary<unknown> = fc.oneof(
  metrics.map((metric): unknown => JSON.parse(JSON.stringify(toWire(metric)))),
  fc.record({
    origin: fc.oneof(
      fc.constant("o"),
      fc.string({ unit: "binary", maxLength: 3 }),
      fc.integer(),
      fc.constant("x".repeat(256))
    ),
    metric_type: fc.oneof(fc.constant("m"), fc.constant("x".repeat(255)), fc.constant(""), fc.constant(null)),
    value: fc.oneof(fc.double(), fc.constant("1"), fc.constant(null), fc.constant(-0)),
    timestamp: fc.oneof(
      fc.constantFrom(
        null,
        undefined,
        "2026-01-31T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-01-31",
        "now",
        "",
        "0000-01-01T00:00:00+01:00",
        true
      ),
      fc.integer({ min: MIN_TIMESTAMP - 2, max: MIN_TIMESTAMP + 2 }),
      fc.double({ min: MAX_TIMESTAMP - 2, max: MAX_TIMESTAMP + 2 })
    ),
    metadata: fc.oneof(
      fc.constantFrom(null, undefined, "text", 3, [], {}),
      fc.constant(nested(8)),
      fc.constant(nested(9)),
      fc.constant({ a: "x".repeat(8184) }),
      fc.constant({ a: "x".repeat(8185) }),
      fc.constant({ a: "\ud800" }),
      fc.constant(JSON.parse("{\"__proto__\":1}")),
      fc.constant(JSON.parse("{\"a\":{\"__proto__\":1}}")),
      fc.constant({ a: Infinity }),
      fc.object()
    )
  }, { requiredKeys: [] }),
  fc.anything()
)

describe("GenericMetric on the wire", () => {
  it("comes back from its wire form exactly", () => {
    fc.assert(fc.property(metrics, (metric) => {
      const wire: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(GenericMetric)(metric)))
      const back = Either.getOrThrow(decodeMetric(wire))
      expect(back).toEqual(new GenericMetric({ ...metric, value: metric.value === 0 ? 0 : metric.value }))
    }))
  })

  it("is written alike by toWire and by the schema", () => {
    fc.assert(fc.property(metrics, (metric) => {
      expect(JSON.stringify(toWire(metric))).toEqual(JSON.stringify(Schema.encodeSync(GenericMetric)(metric)))
    }))
  })

  it("is taken by the guard exactly when the schema takes it, with the same result", () => {
    let taken = 0
    let refused = 0
    fc.assert(
      fc.property(nearlyMetric, (input) => {
        const guard = decodeMetric(input)
        const schema = bySchema(input)
        expect(Either.isRight(guard)).toBe(Either.isRight(schema))
        if (Either.isRight(guard) && Either.isRight(schema)) {
          taken++
          expect(guard.right).toEqual(schema.right)
        } else refused++
      }),
      { numRuns: 3000 }
    )
    expect(taken).toBeGreaterThan(300)
    expect(refused).toBeGreaterThan(300)
  })

  it("is refused in short for one of the problems that are told in full", () => {
    let refused = 0
    fc.assert(
      fc.property(nearlyMetric, (input) => {
        const full = decodeMetric(input)
        const short = decodeMetric(input, "short")
        if (Either.isRight(full) || Either.isRight(short)) {
          expect(short).toEqual(full)
          return
        }
        refused++
        const [place] = short.left.split(":")
        expect(full.left.split("; ").map((problem) => problem.slice(0, place.length))).toContain(place)
      }),
      { numRuns: 3000 }
    )
    expect(refused).toBeGreaterThan(300)
  })

  it("accepts ISO 8601 with an offset, without a zone (UTC), and epoch milliseconds", () => {
    const at = (timestamp: unknown) => Either.getOrThrow(decodeMetric({ ...valid, timestamp })).timestamp
    expect(at("2026-01-31T12:00:00Z")).toBe(Date.UTC(2026, 0, 31, 12))
    expect(at("2026-01-31T12:00:00+02:00")).toBe(Date.UTC(2026, 0, 31, 10))
    expect(at("2026-01-31T12:00:00.123456")).toBe(Date.UTC(2026, 0, 31, 12, 0, 0, 123))
    expect(at("2024-02-29")).toBe(Date.UTC(2024, 1, 29))
    expect(at("0050-01-01T00:00:00Z")).toBe(new Date("0050-01-01T00:00:00Z").getTime())
    expect(at(1763900000123.9)).toBe(1763900000123)
    expect(at(null)).toBeUndefined()
  })

  it.each<[string, unknown, string]>([
    ["no object", [1], "expected a JSON object"],
    ["empty origin", { ...valid, origin: "" }, "origin: expected a non-empty string"],
    ["long origin", { ...valid, origin: "x".repeat(256) }, "origin: expected at most 255 characters"],
    ["missing metric_type", { origin: "a", value: 1 }, "metric_type: is missing"],
    ["metric_type of another type", { ...valid, metric_type: 3 }, "metric_type: expected a string"],
    ["value as text", { ...valid, value: "1" }, "value: expected a finite number"],
    ["NaN", { ...valid, value: Number.NaN }, "value: expected a finite number"],
    ["Infinity", { ...valid, value: Infinity }, "value: expected a finite number"],
    ["year 10000", { ...valid, timestamp: MAX_TIMESTAMP + 1 }, "timestamp: expected ISO 8601"],
    ["February 30", { ...valid, timestamp: "2026-02-30T00:00:00Z" }, "timestamp: expected ISO 8601"],
    ["metadata as list", { ...valid, metadata: [] }, "metadata: expected a JSON object"],
    ["metadata too deep", { ...valid, metadata: nested(9) }, "nested deeper than 8 levels"],
    [
      "metadata too large",
      { ...valid, metadata: { a: "x".repeat(9000) } },
      "metadata: 9008 bytes as JSON, at most 8192"
    ],
    ["__proto__", { ...valid, metadata: JSON.parse("{\"__proto__\":{}}") }, "__proto__ is not allowed"],
    ["lone surrogate", { ...valid, metadata: { a: "\udc00" } }, "metadata.a: the string holds a lone surrogate"]
  ])("says what is wrong: %s", (_, input, message) => {
    const result = decodeMetric(input)
    expect(Either.isLeft(result) ? result.left : "taken").toContain(message)
  })
})

describe("GenericMetric in the program", () => {
  it("refuses what is no metric when it is made", () => {
    expect(() => new GenericMetric({ origin: "", metricType: "m", value: 1 })).toThrow(/non-empty/)
    expect(() => new GenericMetric({ origin: "o", metricType: "m", value: Number.NaN })).toThrow(/finite/)
  })

  it("is checked again where it is accepted, when validation was switched off", () => {
    expect(metricProblem(new GenericMetric({ origin: "o", metricType: "m", value: Number.NaN }, true))).toContain(
      "value"
    )
    expect(metricProblem(new GenericMetric({ origin: "o", metricType: "", value: 1 }, true))).toContain("metric_type")
    expect(metricProblem(new GenericMetric({ origin: "o", metricType: "m", value: 1, timestamp: 0.5 }, true)))
      .toContain("timestamp")
    expect(metricProblem(new GenericMetric({ origin: "o", metricType: "m", value: 1 }))).toBeUndefined()
  })

  it("has its metadata frozen on acceptance, through all levels", () => {
    const metadata = { host: "a", position: { fen: "8/8" } }
    expect(metricProblem(new GenericMetric({ origin: "o", metricType: "m", value: 1, metadata }))).toBeUndefined()
    expect(Object.isFrozen(metadata)).toBe(true)
    expect(Object.isFrozen(metadata.position)).toBe(true)
    const outside = Object.freeze({ position: { fen: "8/8" } })
    expect(metricProblem(new GenericMetric({ origin: "o", metricType: "m", value: 1, metadata: outside })))
      .toBeUndefined()
    expect(Object.isFrozen(outside.position)).toBe(true)
  })
})
