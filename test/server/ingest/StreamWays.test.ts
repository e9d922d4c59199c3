import { describe, expect, it } from "@effect/vitest"
import { StreamWays } from "../../../src/server/ingest/StreamWays.js"

describe("StreamWays", () => {
  it("knows the way that a stream comes now", () => {
    const ways = new StreamWays()
    expect(ways.of("s")).toBeUndefined()
    ways.cameByHttp("s")
    expect(ways.of("s")).toBe("http")
    ways.opened("s")
    expect(ways.of("s")).toBe("socket")
    ways.closed("s")
    expect(ways.of("s")).toBeUndefined()
  })

  it("remembers the 10,000 streams that came last by HTTP, and no more than twice as many", () => {
    const ways = new StreamWays()
    const count = (from: number, to: number) => {
      let known = 0
      for (let i = from; i < to; i++) if (ways.of(`s${i}`) === "http") known++
      return known
    }
    for (let i = 0; i < 100_000; i++) {
      ways.cameByHttp(`s${i}`)
      if (i % 997 === 0) ways.cameByHttp("again")
    }
    expect(count(90_000, 100_000)).toBe(10_000)
    expect(ways.of("again")).toBe("http")
    expect(count(0, 100_000)).toBeLessThanOrEqual(20_000)
  })
})
