import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from "../../../src/domain/Timestamp.js"
import { decodeLogRow, encodeLogRow, logRowCrc } from "../../../src/store/log/LogRow.js"

const point = FastCheck.record({
  series: FastCheck.oneof(FastCheck.nat(127), FastCheck.nat(2 ** 31 - 1)),
  time: FastCheck.integer({ min: MIN_TIMESTAMP, max: MAX_TIMESTAMP }),
  value: FastCheck.double({ noNaN: true, noDefaultInfinity: true }),
  fields: FastCheck.option(FastCheck.dictionary(FastCheck.string({ unit: "grapheme" }), FastCheck.integer()), {
    nil: undefined
  })
})

describe("LogRow", () => {
  it("gives back every point that was written", () => {
    FastCheck.assert(FastCheck.property(FastCheck.array(point), (points) => {
      const columns = {
        series: points.map(({ series }) => series),
        time: points.map(({ time }) => time),
        value: points.map(({ value }) => value),
        fields: points.map(({ fields }) => fields === undefined ? undefined : { ...fields })
      }
      const bytes = encodeLogRow(columns)
      assert.deepStrictEqual(decodeLogRow(bytes, logRowCrc(bytes)), Either.right(columns))
    }))
  })

  it("writes the bytes that its format names, whatever the machine", () => {
    const columns = { series: [7, 300], time: [1_000, 999], value: [1.5, -2], fields: [undefined, { ply: 3 }] }
    const written = ["01", "02", "07", "ac02", "d00f", "01", "000000000000f83f", "00000000000000c0"].join("")
    assert.strictEqual(
      encodeLogRow(columns).toString("hex"),
      written + Buffer.from("[[1,{\"ply\":3}]]").toString("hex")
    )
  })

  it("refuses bytes that are not those that were written", () => {
    const bytes = encodeLogRow({ series: [1], time: [2], value: [3], fields: [undefined] })
    const crc = logRowCrc(bytes)
    for (let i = 0; i < bytes.length; i++) {
      const damaged = Buffer.from(bytes)
      damaged[i] ^= 1
      assert.isTrue(Either.isLeft(decodeLogRow(damaged, crc)), `byte ${i}`)
    }
  })
})
