import { describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as assert from "node:assert/strict"
import { CsvRecords } from "../../../src/cli/transfer/CsvRecords.js"

const encoder = new TextEncoder()

const read = (bytes: Uint8Array, cuts: ReadonlyArray<number> = []) => {
  const records = new CsvRecords()
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  const parts = [0, ...places].map((from, i) => bytes.slice(from, places[i]))
  return [...parts.flatMap((part) => records.push(part)), ...records.end()]
}

const readText = (text: string) => read(encoder.encode(text))

const cellsOf = (text: string) => readText(text).map(({ cells }) => cells)

const cell = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.array(fc.constantFrom("\"", ",", "\n", "\r", "a", " ", "\ufeff", "é", "🂡", "'"), { maxLength: 8 })
    .map((parts) => parts.join(""))
)

const quoted = (text: string): string => `"${text.replaceAll("\"", "\"\"")}"`

describe("records of CSV", () => {
  it("come back as they were written, wherever the bytes are cut and however lines end", () => {
    fc.assert(fc.property(
      fc.array(fc.array(cell, { minLength: 1, maxLength: 5 }), { maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      fc.constantFrom("\n", "\r\n"),
      fc.boolean(),
      (rows, cuts, end, last) => {
        const text = rows.map((row) => row.map(quoted).join(",")).join(end) + (last ? end : "")
        assert.deepEqual(read(encoder.encode(text), cuts).map(({ cells }) => cells), rows)
      }
    ))
  })

  it("need no quotes where nothing asks for them", () => {
    assert.deepEqual(cellsOf("a,b c,\n,\r\n\"x\"\"y\",1.5\r\n"), [["a", "b c", ""], ["", ""], ["x\"y", "1.5"]])
  })

  it("begin after a byte order mark; blank lines are none", () => {
    assert.deepEqual(readText("\ufeffa,b\n\n  \n1,2"), [
      { line: 1, cells: ["a", "b"], text: "a,b" },
      { line: 4, cells: ["1", "2"], text: "1,2" }
    ])
  })

  it("count lines, not records", () => {
    assert.deepEqual(readText("\"a\nb\nc\",1\nd,2").map(({ line }) => line), [1, 4])
  })

  it("a quote that is never closed costs its own line and no other", () => {
    const records = readText("a,1\nb,\"2\nc,3\nd,\"4\"\ne,5\n")
    assert.deepEqual(records.flatMap(({ cells }) => cells === undefined ? [] : [cells]), [
      ["a", "1"],
      ["c", "3"],
      ["d", "4"],
      ["e", "5"]
    ])
    assert.deepEqual(records.flatMap(({ line, problem }) => problem === undefined ? [] : [line]), [2])
    const alone = readText(`a,"1\n${"b,2\n".repeat(50_000)}`)
    assert.equal(alone.filter(({ cells }) => cells !== undefined).length, 50_000)
  })

  it("text around quotes, a line that is no UTF-8, and one that is too long are told; the others stay", () => {
    assert.deepEqual(
      readText("a\"b,1\n\"c\"d,2\ne,3").map(({ cells, line }) => [line, cells === undefined]),
      [[1, true], [2, true], [3, false]]
    )
    const bytes = Buffer.concat([
      encoder.encode("a,\"open\n"),
      Buffer.from([0x62, 0xff, 0x0a]),
      encoder.encode(`${"x".repeat(1_048_577)}\nc,1\n`)
    ])
    const records = read(bytes, [1_000, 500_000])
    assert.deepEqual(records.map(({ cells, line }) => [line, cells === undefined]), [
      [1, true],
      [2, true],
      [3, true],
      [4, false]
    ])
    assert.match(records[1].problem ?? "", /UTF-8/)
    assert.match(records[2].problem ?? "", /longer/)
  })

  it("no bytes whatever make it fail", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(), { maxLength: 4 }), (bytes, cuts) => {
      const whole = read(bytes)
      assert.deepEqual(read(bytes, cuts), whole)
    }))
  })
})
