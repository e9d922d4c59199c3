import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { encodeColumns } from "../../src/wire/BatchCodec.js"
import { JoinedColumns } from "../../src/wire/JoinedColumns.js"

const point = fc.record({
  series: fc.nat(100_000),
  time: fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }),
  value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value === 0 ? 0 : value)
})

const batches = fc.array(fc.array(point, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 })

const columnsOf = (points: ReadonlyArray<{ series: number; time: number; value: number }>): string =>
  encodeColumns({
    series: points.map(({ series }) => series),
    time: points.map(({ time }) => time),
    value: points.map(({ value }) => value),
    fields: points.map(() => undefined)
  })

describe("columns of batches that follow one another", () => {
  it("joined are those of one batch of all their points", () => {
    fc.assert(fc.property(batches, ([first, ...others]) => {
      const joined = new JoinedColumns(columnsOf(first))
      for (const own of others) expect(joined.add(columnsOf(own))).toBe(true)
      expect(joined.text).toBe(columnsOf([first, ...others].flat()))
    }))
  })

  it("stay apart where points carry fields, which are told by their place", () => {
    const plain = columnsOf([{ series: 1, time: 5, value: 2 }])
    const withFields = encodeColumns({ series: [1], time: [5], value: [2], fields: [{ note: "],\"time\":[" }] })
    const after = new JoinedColumns(plain)
    expect(after.add(withFields)).toBe(false)
    expect(after.text).toBe(plain)
    const before = new JoinedColumns(withFields)
    expect(before.add(plain)).toBe(false)
    expect(before.text).toBe(withFields)
  })
})
