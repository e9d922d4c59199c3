import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { pointsOf } from "../../src/domain/Series.js"
import {
  applyDefinitions,
  decodeBatchFrame,
  type Dictionary,
  encodeBatch,
  encodeColumns,
  encodeDefinition,
  readPoints
} from "../../src/wire/BatchCodec.js"

const metrics = fc.array(Arbitrary.make(GenericMetric), { minLength: 1, maxLength: 30 })

const read = (text: string, dictionary: Dictionary = new Map()) => {
  const frame = Either.getOrThrow(decodeBatchFrame(JSON.parse(text)))
  Either.getOrThrow(applyDefinitions(dictionary, frame.define))
  return readPoints(frame, dictionary)
}

const define = "\"define\":[{\"id\":1,\"origin\":\"o\",\"metric_type\":\"m\",\"tags\":{}}]"

describe("BatchCodec", () => {
  it("brings every point back exactly", () => {
    fc.assert(fc.property(metrics, (batch) => {
      const points = pointsOf(batch, 1_700_000_000_000)
      const ids = new Map<string, number>()
      const definitions: Array<string> = []
      const series = points.series.map((one) => {
        const known = ids.get(one.key)
        if (known !== undefined) return known
        ids.set(one.key, ids.size)
        definitions.push(encodeDefinition(ids.size - 1, one))
        return ids.size - 1
      })
      const columns = encodeColumns({ series, time: points.time, value: points.value, fields: points.fields })
      const back = Either.getOrThrow(read(encodeBatch({ stream: "s", first: 41, define: definitions, columns })))
      expect(back.rejected).toEqual([])
      expect(back.offset).toEqual(batch.map((_, i) => 41 + i))
      expect(back.time).toEqual(points.time)
      expect(back.value).toEqual(points.value)
      expect(back.fields).toEqual(points.fields)
      expect(back.series.map((one) => one.key)).toEqual(points.series.map((one) => one.key))
    }))
  })

  it("reads the frame of the documentation", () => {
    const back = Either.getOrThrow(read(`{"type":"batch","stream":"s","first":41000,
      "define":[{"id":7,"origin":"system","metric_type":"cpu_percent","tags":{"host":"web-1"},"kind":"gauge","unit":"percent"}],
      "series":[7,7],"time":[1763900000000,250],"value":[12.5,13],"fields":[[0,{"ply":31}]],"later":"ignored"}`))
    expect(back.time).toEqual([1763900000000, 1763900000250])
    expect(back.fields).toEqual([{ ply: 31 }, undefined])
    expect(back.series[0]).toMatchObject({ kind: "gauge", unit: "percent", tags: { host: "web-1" } })
  })

  it("rejects a bad point with its offset and takes its neighbours", () => {
    const back = Either.getOrThrow(read(
      `{"type":"batch","stream":"s","first":10,${define},"series":[1,1,1,1,1],"time":[0,1,1,253402300800000,-253402300800000],` +
        `"value":[1,null,"3",4,5],"fields":[[4,{"a":{"__proto__":1}}]]}`
    ))
    expect(back.offset).toEqual([10])
    expect(back.rejected).toEqual([
      [11, "value: expected a finite number"],
      [12, "value: expected a finite number"],
      [13, "time: outside the years 0 to 9999"],
      [14, "fields.a: the key __proto__ is not allowed"]
    ])
  })

  it("rejects the points of a bad definition, not the frame", () => {
    const back = Either.getOrThrow(read(
      `{"type":"batch","stream":"s","first":0,"define":[{"id":1,"origin":"o","metric_type":"m"},{"id":2,"origin":"","metric_type":"m"},` +
        `{"id":3,"origin":"o","metric_type":"m","tags":{"n":1}}],"series":[1,2,3],"time":[0,0,0],"value":[1,2,3]}`
    ))
    expect(back.offset).toEqual([0])
    expect(back.rejected).toEqual([[1, "origin: expected 1 to 255 characters"], [2, "tags: expected strings only"]])
  })

  it("applies the definitions with a usable id, and tells of these alone", () => {
    const dictionary: Dictionary = new Map()
    const applied: Array<readonly [id: number, definition: object]> = []
    const good = { id: 1, origin: "o", metric_type: "m" }
    const nameless = { id: 2, origin: "", metric_type: "m" }
    const result = applyDefinitions(
      dictionary,
      [null, 7, good, { origin: "o" }, { ...good, id: -1 }, { ...good, id: 0.5 }, { ...good, id: "1" }, nameless, good],
      (id, definition) => applied.push([id, definition])
    )
    expect(Either.isLeft(result) ? result.left : "").toContain("every entry needs an id")
    expect(applied).toEqual([[1, good], [2, nameless], [1, good]])
    expect(Array.from(dictionary.keys())).toEqual([1, 2])
  })

  it("names series ids that were never defined", () => {
    expect(read(`{"type":"batch","stream":"s","first":0,${define},"series":[1,9],"time":[0,0],"value":[1,2]}`))
      .toEqual(Either.left({ unknown: [9] }))
  })

  it("counts time in the given unit", () => {
    const back = Either.getOrThrow(
      read(
        `{"type":"batch","stream":"s","first":0,"timeUnit":"us",${define},"series":[1,1],"time":[1763900000000999,1],"value":[1,2]}`
      )
    )
    expect(back.time).toEqual([1763900000000, 1763900000001])
  })

  it.each([
    ["[]", "stream"],
    ["{\"stream\":\"\",\"first\":0}", "stream"],
    ["{\"stream\":\"s\",\"first\":-1}", "first"],
    ["{\"stream\":\"s\",\"first\":0,\"series\":[],\"time\":[],\"value\":[]}", "at least one point"],
    ["{\"stream\":\"s\",\"first\":0,\"series\":[1],\"time\":[],\"value\":[1]}", "differ in length"],
    ["{\"stream\":\"s\",\"first\":0,\"series\":[1],\"time\":[1],\"value\":[1],\"fields\":[[1.5,{}]]}", "fields"],
    ["{\"stream\":\"s\",\"first\":0,\"series\":[1],\"time\":[1],\"value\":[1],\"timeUnit\":\"days\"}", "timeUnit"],
    ["{\"stream\":\"s\",\"first\":9007199254740991,\"series\":[1],\"time\":[1],\"value\":[1]}", "largest offset"]
  ])("refuses a frame of the wrong shape: %s", (text, message) => {
    const result = decodeBatchFrame(JSON.parse(text))
    expect(Either.isLeft(result) ? result.left : "taken").toContain(message)
  })
})
