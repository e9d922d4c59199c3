import { Duration, Either } from "effect"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { parseDuration, parseInstant, parsePairs, parseSize } from "../../../src/cli/options/Values.js"

describe("parseDuration", () => {
  it.each([
    ["500ms", 500],
    ["1s", 1000],
    ["1.5m", 90_000],
    ["24h", 86_400_000],
    ["30d", 2_592_000_000],
    ["2w", 1_209_600_000]
  ])("%s is %d ms", (text, millis) => {
    assert.equal(Duration.toMillis(Either.getOrThrow(parseDuration(text))), millis)
  })

  it.each(["", "5", "s", "-1s", "1 s x", "1y", "NaNs"])("%o is refused with an example", (text) => {
    assert.match(Either.getOrThrow(Either.flip(parseDuration(text))), /500ms, 1s/)
  })
})

describe("parseSize", () => {
  it.each([
    ["500MB", 500_000_000],
    ["10gb", 10_000_000_000],
    ["1.5 GiB", 1_610_612_736],
    ["64kib", 65_536]
  ])("%s is %d bytes", (text, bytes) => {
    assert.equal(Either.getOrThrow(parseSize(text)), bytes)
  })

  it.each(["", "5", "GB", "-1GB", "0MB", "10G"])("%o is refused with an example", (text) => {
    assert.match(Either.getOrThrow(Either.flip(parseSize(text))), /10GB/)
  })
})

describe("parseInstant", () => {
  it("reads ISO 8601 and ms since the epoch", () => {
    const expected = Date.UTC(2026, 0, 31, 12)
    assert.equal(Either.getOrThrow(parseInstant("2026-01-31T12:00:00Z")), expected)
    assert.equal(Either.getOrThrow(parseInstant("2026-01-31T13:00:00+01:00")), expected)
    assert.equal(Either.getOrThrow(parseInstant(String(expected))), expected)
  })

  it.each(["now", "", "2026-13-01", "1e30"])("%o is refused with an example", (text) => {
    assert.match(Either.getOrThrow(Either.flip(parseInstant(text))), /2026-01-31T12:00:00Z/)
  })
})

describe("parsePairs", () => {
  it("cuts at the first =, and the last of equal keys counts", () => {
    assert.deepEqual(Either.getOrThrow(parsePairs(["a=b=c", "d=", "a=e"])), { a: "e", d: "" })
  })

  it.each(["a", "=b", ""])("%o is refused with an example", (text) => {
    assert.match(Either.getOrThrow(Either.flip(parsePairs([text]))), /key=value/)
  })
})
