import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { DayRollup, MINUTE, MINUTES_A_DAY } from "../../../src/store/chunk/DayRollup.js"
import { decodeRollup, encodeRollup } from "../../../src/store/chunk/RollupBlob.js"
import { DAY, sortByTime } from "../../../src/store/chunk/SeriesColumns.js"
import { anyValue, values } from "./arbitraries.js"
import { columnsOf } from "./columnsOf.js"

const day = 20_415

const names = ["minute", "count", "sum", "min", "max", "last", "firstAt", "lastAt", "rising"] as const

const rowsOf = (rollup: DayRollup) =>
  Array.from({ length: rollup.rows }, (_, row) => Object.fromEntries(names.map((name) => [name, rollup[name][row]])))

/** Points of the day in order of arrival: ticks, bursts in one minute, late ones. */
const arrivals = fc.array(
  fc.record({
    time: fc.oneof(
      fc.nat({ max: DAY - 1 }),
      fc.nat({ max: 3 * MINUTE }),
      fc.constantFrom(0, MINUTE - 1, MINUTE, DAY - 1)
    ),
    value: fc.oneof(fc.integer({ min: -100_000, max: 100_000 }).map((n) => n / 100), anyValue)
  }),
  { minLength: 1, maxLength: 80 }
)

interface Arrival {
  readonly time: number
  readonly value: number
}

const minutesOf = (all: ReadonlyArray<Arrival>): ReadonlyMap<number, ReadonlyArray<Arrival>> => {
  const minutes = new Map<number, Array<Arrival>>()
  for (const one of all.slice().sort((a, b) => a.time - b.time)) {
    const minute = Math.floor(one.time / MINUTE)
    minutes.set(minute, [...minutes.get(minute) ?? [], one])
  }
  return minutes
}

const add = (rollup: DayRollup, all: ReadonlyArray<Arrival>): void => {
  const points = sortByTime(columnsOf(all.map(({ time }) => day * DAY + time), all.map(({ value }) => value)))
  rollup.add(points.time, points.value)
}

describe("DayRollup", () => {
  it("knows of every minute what its points say, however late they came and in however many parts", () => {
    fc.assert(
      fc.property(fc.array(arrivals, { minLength: 1, maxLength: 4 }), (parts) => {
        let rollup = new DayRollup(day)
        for (const part of parts) {
          add(rollup, part)
          rollup = Either.getOrThrow(decodeRollup(encodeRollup(rollup)))
        }
        const minutes = minutesOf(parts.flat())
        expect(Array.from(rollup.minute.subarray(0, rollup.rows))).toEqual([...minutes.keys()])
        let row = 0
        for (const own of minutes.values()) {
          const list = own.map(({ value }) => value)
          expect(rollup.count[row]).toBe(own.length)
          expect(rollup.min[row]).toBe(Math.min(...list))
          expect(rollup.max[row]).toBe(Math.max(...list))
          expect(rollup.last[row]).toBe(list.at(-1))
          expect(rollup.firstAt[row]).toBe(own[0].time % MINUTE)
          expect(rollup.lastAt[row]).toBe((own.at(-1)?.time ?? 0) % MINUTE)
          if (rollup.rising[row] === 1) {
            expect(list).toEqual(list.slice().sort((a, b) => a - b))
          }
          const size = list.reduce((sum, value) => sum + Math.abs(value), 0)
          const sum = list.reduce((sum, value) => sum + value, 0)
          if (Number.isFinite(size)) expect(Math.abs(rollup.sum[row] - sum)).toBeLessThanOrEqual(size * 1e-13)
          row++
        }
      }),
      { numRuns: 300 }
    )
  })

  it("knows that values rise when points come in order, and across parts", () => {
    const rollup = new DayRollup(day)
    add(rollup, [{ time: 0, value: 1 }, { time: 10, value: 1 }, { time: MINUTE, value: 5 }])
    add(rollup, [{ time: 20, value: 7 }, { time: MINUTE + 1, value: 4 }])
    expect(Array.from(rollup.rising.subarray(0, 2))).toEqual([1, 0])
    add(rollup, [{ time: 5, value: 1 }])
    expect(rollup.rising[0]).toBe(0)
    const late = new DayRollup(day)
    add(late, [{ time: 50, value: 7 }])
    add(late, [{ time: 40, value: 6 }])
    expect(late.rising[0]).toBe(1)
    add(late, [{ time: 30, value: 6.5 }])
    expect(late.rising[0]).toBe(0)
  })

  it("comes back from its bytes bit by bit, sums beyond a double included", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }).chain((count) =>
          fc.tuple(values(count), fc.integer({ min: 1, max: 200_000 }))
        ),
        ([value, step]) => {
          const rollup = new DayRollup(day)
          add(rollup, value.map((own, i) => ({ time: (i * step) % DAY, value: own })))
          const back = Either.getOrThrow(decodeRollup(encodeRollup(rollup)))
          expect(back.day).toBe(day)
          expect(rowsOf(back)).toEqual(rowsOf(rollup))
        }
      ),
      { numRuns: 200 }
    )
    const rollup = new DayRollup(day)
    add(rollup, [1, 2, 3].map((time) => ({ time, value: Number.MAX_VALUE })))
    expect(Either.getOrThrow(decodeRollup(encodeRollup(rollup))).sum[0]).toBe(Infinity)
  })

  it("keeps sums that rounding left beside a decimal", () => {
    for (const list of [[0.1, 0.2], [0.1, 0.2, -0.3], [1e-18, -1e-18, 0], [33.33, 66.67, 0.01, 99.99]]) {
      const rollup = new DayRollup(day)
      add(rollup, list.map((value, time) => ({ time, value })))
      const sum = list.reduce((total, value) => total + value, 0)
      expect(Either.getOrThrow(decodeRollup(encodeRollup(rollup))).sum[0]).toBe(sum)
    }
  })

  it("holds a full day of seconds in a fraction of a byte a point", () => {
    const rollup = new DayRollup(day)
    const seconds = Array.from({ length: 86_400 }, (_, i) => i)
    add(rollup, seconds.map((i) => ({ time: i * 1000, value: Math.round(5_000 + 3_000 * Math.sin(i * 17)) / 100 })))
    expect(rollup.rows).toBe(MINUTES_A_DAY)
    expect(encodeRollup(rollup).length / 86_400).toBeLessThan(0.15)
  })

  it("is decoded into another that is used again", () => {
    const into = new DayRollup()
    const long = new DayRollup(day)
    add(long, Array.from({ length: 900 }, (_, i) => ({ time: i * MINUTE, value: i })))
    const short = new DayRollup(-5)
    short.add(Float64Array.of(-5 * DAY + 7), Float64Array.of(3))
    expect(Either.getOrThrow(decodeRollup(encodeRollup(long), into))).toBe(into)
    expect(into.rowAt(899)).toBe(899)
    expect(into.rowAt(900)).toBe(900)
    Either.getOrThrow(decodeRollup(encodeRollup(short), into))
    expect(rowsOf(into)).toEqual(rowsOf(short))
    expect(into.day).toBe(-5)
    add(long, [{ time: 7, value: 5 }])
    expect(long.rows).toBe(900)
    expect(long.count[0]).toBe(2)
    expect(Either.isLeft(decodeRollup(new Uint8Array(30), into))).toBe(true)
    expect(into.rows).toBe(0)
  })

  it("refuses to be written without rows", () => {
    expect(() => encodeRollup(new DayRollup(day))).toThrow(RangeError)
  })
})
