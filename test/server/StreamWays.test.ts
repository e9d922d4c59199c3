import { describe, expect, it } from "@effect/vitest"
import { StreamWays } from "../../src/server/StreamWays.js"

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

  it("remembers the 10,000 streams that came last by HTTP", () => {
    const ways = new StreamWays()
    for (let i = 0; i < 10_000; i++) ways.cameByHttp(`s${i}`)
    ways.cameByHttp("s0")
    ways.cameByHttp("new")
    expect([ways.of("s0"), ways.of("s1"), ways.of("s2")]).toEqual(["http", undefined, "http"])
  })
})
