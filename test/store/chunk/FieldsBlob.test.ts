import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import type { JsonObject } from "../../../src/domain/Json.js"
import { decodeFields, encodeFields } from "../../../src/store/chunk/FieldsBlob.js"
import { fields } from "./arbitraries.js"

const roundTrip = (own: ReadonlyArray<JsonObject | undefined>) => {
  const data = encodeFields(own)
  if (data === undefined) {
    expect(own.every((one) => one === undefined)).toBe(true)
    return 0
  }
  expect(Either.getOrThrow(decodeFields(data))).toEqual(own)
  return data.length
}

describe("FieldsBlob", () => {
  it("brings all fields back to their points", () => {
    fc.assert(fc.property(fc.nat({ max: 40 }).chain(fields), (own) => void roundTrip(own)))
  })

  it("is absent when no point has fields", () => {
    expect(encodeFields(undefined)).toBeUndefined()
    expect(encodeFields([undefined, undefined])).toBeUndefined()
    expect(encodeFields([])).toBeUndefined()
  })

  it("tells an empty object from no fields and keeps the order of keys", () => {
    roundTrip([undefined, {}, undefined])
    const data = encodeFields([{ b: 1, a: [null, "ü\n\u0000", 1e-7, { "": false }] }]) ?? new Uint8Array(0)
    expect(JSON.stringify(Either.getOrThrow(decodeFields(data))))
      .toBe("[{\"b\":1,\"a\":[null,\"ü\\n\\u0000\",1e-7,{\"\":false}]}]")
  })

  it("takes the place of one for fields that repeat", () => {
    const game = { id: "q7ZvsdUF", white: { name: "DrNykterstein", rating: 3200 }, speed: "blitz", plies: 57 }
    const size = roundTrip(Array.from({ length: 256 }, (_, ply) => ({ ply, game })))
    expect(size / 256).toBeLessThan(15)
  })
})
