import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { type NdjsonLine, NdjsonLines } from "../../src/generators/NdjsonLines.js"

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

/** Reads through one buffer that is overwritten each time, as a socket may do. */
const readAll = (reader: NdjsonLines, parts: ReadonlyArray<Uint8Array>): ReadonlyArray<NdjsonLine> =>
  parts.flatMap((part) => {
    const buffer = part.slice()
    const lines = reader.push(buffer)
    buffer.fill(0x78)
    return lines
  })

describe("NdjsonLines", () => {
  it("gives the same lines under the same numbers, however the bytes are cut", () => {
    const line = fc.string({ unit: "grapheme", maxLength: 12 }).filter((text) => !/[\r\n\ufeff]/.test(text))
    fc.assert(fc.property(
      fc.array(line),
      fc.constantFrom("\n", "\r\n"),
      fc.array(fc.nat(5), { maxLength: 60 }),
      (lines, end, sizes) => {
        const all = bytes(lines.map((text) => text + end).join(""))
        const expected = lines.map((text, i) => ({ number: i + 1, text })).filter(({ text }) => text.trim() !== "")
        expect(readAll(new NdjsonLines(), cut(all, sizes))).toEqual(expected)
      }
    ))
  })

  it("throws a line that is too long away, names it once, and goes on after it", () => {
    const reader = new NdjsonLines(8)
    expect(reader.push(bytes("12345678\n123456"))).toEqual([{ number: 1, text: "12345678" }])
    expect(reader.push(bytes("789"))).toEqual([])
    expect(reader.push(bytes("xxxxxxxxxxxxxxxxxxxxxxxx"))).toEqual([])
    expect(reader.push(bytes("x\nnext\n123456789\n"))).toEqual([
      { number: 2, problem: "longer than 8 bytes" },
      { number: 3, text: "next" },
      { number: 4, problem: "longer than 8 bytes" }
    ])
  })

  it("keeps no more of an endless line than the limit", () => {
    const reader = new NdjsonLines(1000)
    const part = new Uint8Array(600).fill(0x61)
    for (let i = 0; i < 1000; i++) expect(reader.push(part)).toEqual([])
    expect(reader.end()).toEqual({ number: 1, problem: "longer than 1000 bytes" })
  })

  it("names a line that is no UTF-8 rather than change it", () => {
    const reader = new NdjsonLines()
    expect(reader.push(Uint8Array.of(0x61, 0xff, 0x0a, 0x62, 0x0a))).toEqual([
      { number: 1, problem: "no UTF-8" },
      { number: 2, text: "b" }
    ])
  })

  it("gives what has no newline only when it is asked for", () => {
    const reader = new NdjsonLines()
    expect(reader.push(bytes("\ufeffa\r\n\n{\"t\":"))).toEqual([{ number: 1, text: "a" }])
    expect(reader.push(bytes("1}\r"))).toEqual([])
    expect(reader.end()).toEqual({ number: 3, text: "{\"t\":1}" })
    expect(reader.end()).toBeUndefined()
  })
})
