import { describe, expect, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import { decodeMetric } from "../../src/domain/decodeMetric.js"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { encodeColumns } from "../../src/wire/BatchCodec.js"

const rounds = 40

/** Processor time of this process for some work, µs. */
const cost = (work: () => void): number => {
  const before = process.cpuUsage()
  work()
  const { system, user } = process.cpuUsage(before)
  return system + user
}

/** How many times the processor time of the first the second takes: best of many rounds, in turns. */
const ratio = (one: () => void, other: () => void): number => {
  let best = Infinity
  let otherBest = Infinity
  for (let round = 0; round < rounds; round++) {
    best = Math.min(best, cost(one))
    otherBest = Math.min(otherBest, cost(other))
  }
  return otherBest / best
}

const inputs: ReadonlyArray<unknown> = Array.from({ length: 2_000 }, (_, i) => ({
  origin: "application",
  metric_type: "request_seconds",
  value: Math.round(i * 1_000 / 7) / 1_000,
  timestamp: 1_700_000_000_000 + i,
  metadata: { host: "web-1", route: `/users/${i % 20}`, status: 200 }
}))

const columns = {
  series: inputs.map((_, i) => i % 20),
  time: inputs.map((_, i) => 1_700_000_000_000 + i),
  value: inputs.map((_, i) => Math.round(i * 1_000 / 7) / 1_000),
  fields: inputs.map(() => undefined)
}

describe("what is cheaper, by processor time in turns", () => {
  it("checking a metric by hand, than by its schema", () => {
    const bySchema = Schema.decodeUnknownEither(GenericMetric)
    const all = (decode: (input: unknown) => Either.Either<GenericMetric, unknown>) => () => {
      expect(inputs.every((input) => Either.isRight(decode(input)))).toBe(true)
    }
    const times = ratio(all(decodeMetric), all(bySchema))
    expect(times, `the schema takes ${times.toFixed(1)} times as long`).toBeGreaterThan(2.5)
  })

  it("writing metrics as columns, than as they are", () => {
    const times = ratio(() => void encodeColumns(columns), () => void JSON.stringify(inputs))
    expect(times, `JSON.stringify takes ${times.toFixed(1)} times as long`).toBeGreaterThan(2)
  })
})
