import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as fs from "node:fs"
import { decodeChunk, encodeChunk } from "../../../src/store/chunk/Chunk.js"
import { DayRollup } from "../../../src/store/chunk/DayRollup.js"
import { decodeFields, encodeFields } from "../../../src/store/chunk/FieldsBlob.js"
import { decodeRollup, encodeRollup } from "../../../src/store/chunk/RollupBlob.js"

const page = fs.readFileSync(new URL("../../../docs/chunk-format.md", import.meta.url), "utf8")

/** The bytes of an example: what stands before two spaces in each line of its block. */
const example = (name: string): Buffer => {
  const block = page.split(`\`\`\`hex ${name}\n`)[1]?.split("```")[0] ?? ""
  const lines = block.split("\n").filter((line) => line !== "")
  expect(lines.length).toBeGreaterThan(0)
  return Buffer.from(lines.map((line) => line.split("  ")[0].trim()).join(""), "hex")
}

const value = Float64Array.of(12.5, 12.75, 12.25, 13)

describe("the examples of the chunk format", () => {
  it("show a chunk of decimals", () => {
    const time = Float64Array.of(1763900000000, 1763900001000, 1763900002003, 1763900003000)
    expect(Either.getOrThrow(decodeChunk(example("chunk")))).toEqual({ time, value })
    expect(encodeChunk(time, value).data).toEqual(example("chunk"))
  })

  it("show a chunk of raw doubles", () => {
    const time = Float64Array.of(0, 0)
    const thirds = Float64Array.of(1 / 3, 2 / 3)
    expect(Either.getOrThrow(decodeChunk(example("raw")))).toEqual({ time, value: thirds })
    expect(encodeChunk(time, thirds).data).toEqual(example("raw"))
  })

  it("show fields", () => {
    const fields = [undefined, { ply: 31 }, undefined, { ply: 32 }]
    expect(Either.getOrThrow(decodeFields(example("fields")))).toEqual(fields)
    const encoded = encodeFields(fields) ?? Buffer.alloc(0)
    // What deflate makes of the JSON depends on the zlib of the Node at hand; all before it does not.
    expect(encoded.subarray(0, 6)).toEqual(example("fields").subarray(0, 6))
    expect(Either.getOrThrow(decodeFields(encoded))).toEqual(fields)
  })

  it("show a rollup", () => {
    const time = Float64Array.of(1763900000000, 1763900020000, 1763900040000, 1763900060000)
    const rollup = new DayRollup(20_415)
    rollup.add(time, value)
    const back = Either.getOrThrow(decodeRollup(example("rollup")))
    expect(back.rows).toBe(2)
    expect(Array.from(back.sum.subarray(0, 2))).toEqual([25.25, 25.25])
    expect(encodeRollup(back)).toEqual(encodeRollup(rollup))
    expect(encodeRollup(rollup)).toEqual(example("rollup"))
  })
})
