import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { RecentMap } from "../../../src/server/door/RecentMap.js"

describe("RecentMap", () => {
  it("knows the newest value of the keys that were set last, whatever else was set, and no deleted one", () => {
    const key = FastCheck.integer({ min: 0, max: 20 })
    const step = FastCheck.record({ key, deletes: FastCheck.boolean() })
    FastCheck.assert(
      FastCheck.property(FastCheck.integer({ min: 1, max: 6 }), FastCheck.array(step), (atLeast, steps) => {
        const map = new RecentMap<number, number>(atLeast)
        // The last set comes first.
        let recent: Array<{ readonly key: number; readonly value: number | undefined }> = []
        steps.forEach(({ deletes, key }, value) => {
          recent = recent.filter((one) => one.key !== key)
          if (deletes) map.delete(key)
          else map.set(key, value)
          recent.unshift({ key, value: deletes ? undefined : value })
          const sets = recent.filter((one) => one.value !== undefined)
          for (const one of sets.slice(0, atLeast)) expect(map.get(one.key)).toBe(one.value)
          for (const one of sets) expect([one.value, undefined]).toContain(map.get(one.key))
          for (const one of recent) if (one.value === undefined) expect(map.get(one.key)).toBeUndefined()
          expect(map.size).toBeLessThanOrEqual(2 * atLeast)
        })
      })
    )
  })
})
