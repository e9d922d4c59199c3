import { describe, expect, it } from "@effect/vitest"
import type { Point } from "../../src/dashboard/Points.js"
import { Rates, sendersOf } from "../../src/dashboard/Senders.js"

const point = (
  metric_type: string,
  value: number,
  tags: { readonly [key: string]: string },
  timestamp = 1_000
): Point => ({
  origin: "collector",
  metric_type,
  tags,
  timestamp,
  value
})

describe("sendersOf", () => {
  it("puts together what each collector tells of itself", () => {
    const [a, b] = sendersOf([
      point("transport_state", 4, { host: "a" }),
      point("outbox_pending_count", 7, { host: "a" }),
      point("gathered_total", 100, { host: "a", generator: "system" }),
      point("lost_total", 3, { host: "a", source: "system", reason: "queue-overflow" }),
      point("lost_total", 9, { host: "a", source: "sender", reason: "unverified" }),
      point("unverified_total", 9, { host: "a" }),
      point("lost_total", 0, { host: "a", source: "lichess", reason: "feed-gap" }),
      point("transport_state", 1, { host: "b" }),
      { ...point("cpu_percent", 50, { host: "c" }), origin: "system" }
    ], 5_000)
    expect(a).toMatchObject({ host: "a", transport: "socket", health: "good", silent: false })
    expect(a?.values.get("outbox_pending_count")).toBe(7)
    expect(a?.values.get("unverified_total")).toBe(9)
    expect(a?.generators.get("system")?.get("gathered_total")).toBe(100)
    expect(a?.losses).toEqual([{ source: "system", reason: "queue-overflow", count: 3 }])
    expect(b).toMatchObject({ host: "b", transport: "waiting", health: "warn" })
  })

  it("calls a collector silent that has not spoken for a while, whatever it said last", () => {
    const [silent] = sendersOf([point("transport_state", 4, { host: "a" })], 60_000)
    expect(silent).toMatchObject({ silent: true, health: "bad", seen: 1_000 })
  })
})

describe("Rates", () => {
  it("tells how fast a counter grows between two readings that differ", () => {
    const rates = new Rates()
    expect(rates.of("a", 100, 0)).toBeUndefined()
    expect(rates.of("a", 150, 5_000)).toBe(10)
    expect(rates.of("a", 150, 6_000)).toBe(10)
    expect(rates.of("a", 150, 25_000)).toBe(0)
    expect(rates.of("a", 5, 30_000)).toBe(0)
    expect(rates.of("b", 1, 30_000)).toBeUndefined()
  })
})
