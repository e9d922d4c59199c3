import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { printable, printableJson, printableLine } from "../../src/domain/Printable.js"

// Control characters of both sets, and those that turn the direction of text.
const harmful = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

describe("what is shown on a terminal", () => {
  it("holds no control character, and as JSON is still what it was", () => {
    FastCheck.assert(FastCheck.property(FastCheck.string({ unit: "binary" }), (text) => {
      expect(printable(text)).not.toMatch(harmful)
      expect(printableLine(text)).not.toMatch(/\n/)
      const json = printableJson({ [text]: text })
      expect(json).not.toMatch(harmful)
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify({ [text]: text })))
    }))
  })

  it("keeps what people write: tabs, line breaks, letters of every script", () => {
    const text = "a\tb\nčeština, 中文, עברית, 👍🏽"
    expect(printable(text)).toBe(text)
  })
})
