import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { type CpuTimes, CpuUsage } from "../../../src/generators/system/CpuUsage.js"

const usage = new CpuUsage(["user", "idle", "iowait"], ["idle", "iowait"])

const times = (
  total: ReadonlyArray<number>,
  cores: { readonly [core: string]: ReadonlyArray<number> } = {}
): CpuTimes => ({
  total,
  cores: Object.entries(cores).map(([core, own]) => ({ core, times: own }))
})

describe("CpuUsage", () => {
  it("counts every mode as busy but those in which a core does nothing", () => {
    const shares = usage.between(times([100, 100, 0]), times([125, 150, 25]))
    expect(shares.percent).toBe(25)
    expect(shares.modes).toEqual([
      { mode: "user", percent: 25 },
      { mode: "idle", percent: 50 },
      { mode: "iowait", percent: 25 }
    ])
  })

  it("knows nothing when no time passed that the counters could see", () => {
    expect(usage.between(times([1, 1, 1]), times([1, 1, 1]))).toEqual({ percent: undefined, cores: [], modes: [] })
  })

  it("finds a core again when others went off-line, and waits for one that came", () => {
    const before = times([0, 0, 0], { "0": [0, 0, 0], "1": [50, 50, 0], "2": [10, 90, 0] })
    const now = times([100, 100, 0], { "0": [100, 0, 0], "2": [20, 120, 0], "5": [9999, 1, 0] })
    expect(usage.between(before, now).cores).toEqual([{ core: "0", percent: 100 }, { core: "2", percent: 25 }])
  })

  it("takes a counter that steps back for one that stood still", () => {
    const shares = usage.between(times([100, 100, 10]), times([150, 150, 3]))
    expect(shares.percent).toBe(50)
    expect(shares.modes[2]).toEqual({ mode: "iowait", percent: 0 })
  })

  it("gives shares of 0 to 100 that together make 100, whatever the counters do", () => {
    const counters = FastCheck.tuple(...[0, 1, 2].map(() => FastCheck.nat(2 ** 40)))
    FastCheck.assert(FastCheck.property(counters, counters, (before, now) => {
      const { modes, percent } = usage.between(times(before), times(now))
      if (percent === undefined) return
      expect(percent).toBeGreaterThanOrEqual(0)
      expect(percent).toBeLessThanOrEqual(100)
      expect(modes.reduce((sum, mode) => sum + mode.percent, 0)).toBeCloseTo(100, 6)
    }))
  })
})
