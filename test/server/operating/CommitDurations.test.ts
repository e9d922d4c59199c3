import { describe, expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { CommitDurations, DURATION_BOUNDS } from "../../../src/server/operating/CommitDurations.js"

describe("CommitDurations", () => {
  it.effect("measures what succeeds", () =>
    Effect.gen(function*() {
      const durations = new CommitDurations()
      expect(durations.quantile(0.5)).toBe(0)
      for (const time of ["2 millis", "20 millis", "8 seconds"] as const) {
        yield* durations.measure(TestClock.adjust(time))
      }
      yield* Effect.ignore(durations.measure(Effect.zipRight(TestClock.adjust("1 hour"), Effect.fail("broken"))))
      expect(durations.count).toBe(3)
      expect(durations.sum).toBeCloseTo(8.022)
      expect(durations.quantile(0.5)).toBeCloseTo(0.02)
      expect(durations.quantile(1)).toBeCloseTo(8)
      const at = (bound: number) => durations.cumulative[DURATION_BOUNDS.indexOf(bound)]
      expect([at(0.001), at(0.0025), at(0.01), at(0.025), at(5)]).toEqual([0, 1, 1, 2, 2])
    }))

  it("forgets the oldest in its quantiles, not in its histogram", () => {
    const durations = new CommitDurations()
    for (let i = 0; i < 1_024; i++) durations.note(1)
    for (let i = 0; i < 1_024; i++) durations.note(0.002)
    expect(durations.quantile(1)).toBe(0.002)
    expect(durations.cumulative.at(-1)).toBe(2_048)
  })
})
