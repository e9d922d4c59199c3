import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { NdjsonLines } from "../../../src/generators/lichess/NdjsonLines.js"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const cut = (all: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  let at = 0
  for (const size of sizes) {
    parts.push(all.subarray(at, at + size))
    at += size
  }
  return [...parts, all.subarray(at)]
}

describe("NdjsonLines", () => {
  it("gives the same lines however the bytes are cut", () => {
    const line = fc.string({ unit: "grapheme", maxLength: 12 }).filter((text) => !/[\r\n\ufeff]/.test(text))
    fc.assert(fc.property(
      fc.array(line),
      fc.constantFrom("\n", "\r\n"),
      fc.array(fc.nat(5), { maxLength: 60 }),
      (lines, end, sizes) => {
        const all = bytes(lines.map((text) => text + end).join(""))
        const reader = new NdjsonLines()
        const got = cut(all, sizes).flatMap((part) => reader.push(part))
        expect(got).toEqual(lines.filter((text) => text.trim() !== ""))
      }
    ))
  })

  it("throws a line that is too long away, counts it once, and goes on after it", () => {
    const reader = new NdjsonLines(8)
    expect(reader.push(bytes("12345678\n123456"))).toEqual(["12345678"])
    expect(reader.push(bytes("789"))).toEqual([])
    expect(reader.push(bytes("xxxxxxxxxxxxxxxxxxxxxxxx"))).toEqual([])
    expect(reader.push(bytes("x\nnext\n"))).toEqual(["next"])
    expect(reader.overflows).toBe(1)
  })

  it("never gives a line that has no end", () => {
    const reader = new NdjsonLines()
    expect(reader.push(bytes("{\"t\":"))).toEqual([])
  })
})
