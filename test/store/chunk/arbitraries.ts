import { FastCheck as fc } from "effect"
import { isMetadata, type JsonObject } from "../../../src/domain/Json.js"
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from "../../../src/domain/Timestamp.js"

const buffer = new DataView(new ArrayBuffer(8))

/** Any finite double, from its bits: subnormals and extremes come as often as the rest. */
const anyBits = fc.tuple(fc.integer(), fc.integer()).map(([high, low]) => {
  buffer.setInt32(0, high)
  buffer.setInt32(4, low)
  const number = buffer.getFloat64(0)
  return Number.isFinite(number) && number !== 0 ? number : 0
})

const extremes = fc.constantFrom(
  0,
  5e-324,
  -5e-324,
  2.2250738585072014e-308,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  2 ** 50,
  2 ** 50 + 1,
  -(2 ** 50),
  2 ** 53,
  2 ** 63,
  1e-18,
  1e-19,
  0.1,
  1 / 3
)

const decimals = fc.tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.integer({ min: 0, max: 18 }))
  .map(([whole, scale]) => whole / Number(`1e${scale}`))

/** A finite double of any kind. */
export const anyValue = fc.oneof(anyBits, extremes, decimals, fc.integer().map((n) => n * 1024), fc.integer())

/** Values of one series: of one decimal scale, of one power of two, a counter, or anything. */
export const values = (count: number) =>
  fc.oneof(
    fc.array(anyValue, { minLength: count, maxLength: count }),
    fc.array(decimals, { minLength: count, maxLength: count }),
    fc.tuple(fc.integer({ min: 0, max: 6 }), fc.array(fc.integer(), { minLength: count, maxLength: count }))
      .map(([scale, whole]) => whole.map((n) => n / 10 ** scale)),
    fc.array(fc.nat({ max: 2 ** 30 }), { minLength: count, maxLength: count }).map((steps) => {
      let total = 2 ** 40
      return steps.map((step) => total += step)
    }),
    anyValue.map((value) => Array.from({ length: count }, () => value))
  )

/** An instant of the years 0 to 9999, near the bounds or near another now and then. */
export const instant = fc.oneof(
  fc.integer({ min: MIN_TIMESTAMP, max: MAX_TIMESTAMP }),
  fc.constantFrom(MIN_TIMESTAMP, MAX_TIMESTAMP, 0, -1),
  fc.integer({ min: 1_763_942_399_000, max: 1_763_942_401_000 })
)

const sorted = (times: ReadonlyArray<number>): ReadonlyArray<number> => times.slice().sort((a, b) => a - b)

/** Sorted instants: anywhere, or ticks with jitter and gaps, equal ones among them. */
export const instants = (count: number) =>
  fc.oneof(
    fc.array(instant, { minLength: count, maxLength: count }).map(sorted),
    fc.tuple(
      fc.integer({ min: 1, max: 60_000 }),
      fc.array(fc.oneof(fc.nat({ max: 3 }), fc.constant(-1), fc.nat({ max: 10_000_000 })), {
        minLength: count,
        maxLength: count
      })
    ).map(([step, jitter]) => {
      let time = 1_763_900_000_000
      return jitter.map((late) => time += late < 0 ? 0 : step + late)
    })
  )

/** Sorted times and their values, in columns of 1 to `most` points. */
export const points = (most: number) =>
  fc.integer({ min: 1, max: most }).chain((count) =>
    fc.record({
      time: instants(count).map((list) => Float64Array.from(list)),
      value: values(count).map((list) => Float64Array.from(list))
    })
  )

/** Fields of a point as JSON brings them: it writes −0 as 0. */
export const fieldsOfPoint: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme" }),
  { maxKeys: 4 }
).map((object) => JSON.parse(JSON.stringify(object)) as unknown).filter(isMetadata)

/** Fields of so many points; about half have none. */
export const fields = (count: number) =>
  fc.array(fc.option(fieldsOfPoint, { nil: undefined, freq: 2 }), { minLength: count, maxLength: count })
