import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import type { JsonObject } from "../../../src/domain/Json.js"
import {
  DAY,
  dayOf,
  firstAtOrAfter,
  mergeByTime,
  noPoints,
  type SeriesColumns,
  slicePoints,
  sortByTime,
  splitByDay
} from "../../../src/store/chunk/SeriesColumns.js"
import { instant } from "./arbitraries.js"
import { columnsOf } from "./columnsOf.js"

/** Points in order of arrival, which their values and fields tell. */
const arrivals = (from = 0) =>
  fc.tuple(
    fc.array(fc.oneof(instant, fc.integer({ min: -3, max: 3 })), { maxLength: 60 }),
    fc.boolean()
  ).map(([time, withFields]) =>
    columnsOf(
      time,
      time.map((_, i) => from + i),
      withFields ? time.map((_, i) => i % 3 === 0 ? undefined : { i: from + i }) : undefined
    )
  )

const list = (
  { fields, time, value }: SeriesColumns
): ReadonlyArray<readonly [number, number, JsonObject | undefined]> =>
  Array.from(time, (t, i) => [t, value[i], fields?.[i]] as const)

describe("SeriesColumns", () => {
  it("are sorted by time, equal times in order of arrival", () => {
    fc.assert(fc.property(arrivals(), (points) => {
      expect(list(sortByTime(points))).toEqual(list(points).slice().sort((a, b) => a[0] - b[0]))
    }))
  })

  it("are not copied when they are sorted", () => {
    const points = columnsOf([1, 1, 2], [1, 2, 3])
    expect(sortByTime(points)).toBe(points)
  })

  it("are merged with later arrivals as if all had been sorted together", () => {
    fc.assert(fc.property(arrivals(), arrivals(1_000), (older, newer) => {
      const merged = mergeByTime(sortByTime(older), sortByTime(newer))
      expect(list(merged)).toEqual([...list(older), ...list(newer)].sort((a, b) => a[0] - b[0]))
    }))
    expect(mergeByTime(noPoints, noPoints).time.length).toBe(0)
  })

  it("are split at every UTC midnight and lose nothing", () => {
    fc.assert(fc.property(arrivals(), (points) => {
      const sorted = sortByTime(points)
      const days = splitByDay(sorted)
      expect(days.flatMap(({ points: own }) => list(own))).toEqual(list(sorted))
      expect(new Set(days.map(({ day }) => day)).size).toBe(days.length)
      for (const { day, points: own } of days) {
        expect(own.time.length).toBeGreaterThan(0)
        for (const time of own.time) expect(dayOf(time)).toBe(day)
      }
    }))
    const midnight = 20_000 * DAY
    expect(splitByDay(columnsOf([midnight - 1, midnight, midnight + DAY - 1], [1, 2, 3])).map(({ day }) => day))
      .toEqual([19_999, 20_000])
    expect(splitByDay(columnsOf([-1, 0], [1, 2])).map(({ day }) => day)).toEqual([-1, 0])
  })

  it("are found by time", () => {
    const time = Float64Array.of(1, 3, 3, 5, 9)
    expect([0, 1, 2, 3, 4, 9, 10].map((instant) => firstAtOrAfter(time, instant))).toEqual([0, 0, 1, 1, 3, 4, 5])
    expect(firstAtOrAfter(time, 9, 3)).toBe(3)
  })

  it("drop the list of fields where a part has none", () => {
    const points = columnsOf([1, 2, 3], [1, 2, 3], [{ a: 1 }, undefined, undefined])
    expect(slicePoints(points, 0, 2).fields).toEqual([{ a: 1 }, undefined])
    expect(slicePoints(points, 1, 3).fields).toBeUndefined()
    expect(slicePoints(points, 0, 3)).toBe(points)
  })
})
