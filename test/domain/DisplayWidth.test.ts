import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { cutToWidth, displayWidth, padToWidth } from "../../src/domain/DisplayWidth.js"
import { printableLine } from "../../src/domain/Printable.js"
import { nodeWidth } from "./NodeWidth.js"

// Node's line editor composes what it counts.
const shown = FastCheck.string({ unit: "binary" }).map((text) =>
  printableLine(text).replaceAll("\t", " ").normalize("NFC")
)

describe("the width of text on a terminal", () => {
  const cases: ReadonlyArray<readonly [text: string, width: number]> = [
    ["", 0],
    ["cpu_percent", 11],
    ["čeština", 7],
    ["e\u0301", 1],
    ["中文", 4],
    ["한국어", 6],
    ["ｆｕｌｌ", 8],
    ["👍", 2],
    ["a · b…", 6]
  ]
  for (const [text, width] of cases) {
    it(`of "${text}" is ${width}`, () => {
      expect(displayWidth(text)).toBe(width)
      expect(nodeWidth(text)).toBe(width)
    })
  }

  it("is never taken for less than Node's line editor takes it for", () => {
    FastCheck.assert(
      FastCheck.property(shown, (text) => {
        expect(displayWidth(text)).toBeGreaterThanOrEqual(nodeWidth(text))
      }),
      { numRuns: 1_000 }
    )
  })

  it("of an emoji is that of its members, because some terminals draw each", () => {
    expect(displayWidth("👩‍👩‍👧")).toBe(6)
    expect(displayWidth("❤️")).toBe(2)
  })
})

describe("text that is cut", () => {
  it("fits, is a beginning of the text with a mark behind it, and is left alone where it fits", () => {
    FastCheck.assert(FastCheck.property(shown, FastCheck.integer({ min: 0, max: 40 }), (text, width) => {
      const cut = cutToWidth(text, width)
      expect(displayWidth(cut)).toBeLessThanOrEqual(width)
      if (displayWidth(text) <= width) expect(cut).toBe(text)
      else if (width > 0) {
        expect(cut.endsWith("…")).toBe(true)
        expect(text.startsWith(cut.slice(0, -1))).toBe(true)
        // One more character of two columns is all that may be missing.
        expect(displayWidth(cut)).toBeGreaterThanOrEqual(width - 1)
      }
    }))
  })

  it("never ends in half of a wide character", () => {
    expect(cutToWidth("中文字", 4)).toBe("中…")
    expect(cutToWidth("中文字", 5, "")).toBe("中文")
  })
})

describe("text that is filled", () => {
  it("has as many columns as it should, whatever its letters", () => {
    expect(padToWidth("中", 4)).toBe("中  ")
    expect(padToWidth("12", 4, true)).toBe("  12")
    expect(padToWidth("longer", 4)).toBe("longer")
  })
})
