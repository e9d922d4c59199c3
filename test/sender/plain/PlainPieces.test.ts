import { describe, it } from "@effect/vitest"
import { Effect, Either, FastCheck, Layer } from "effect"
import * as assert from "node:assert/strict"
import { GenericMetric, toWire } from "../../../src/domain/GenericMetric.js"
import { decodeMetricOrPoint } from "../../../src/domain/TimeseriesPoint.js"
import { BatchBuilder } from "../../../src/sender/batch/BatchBuilder.js"
import { SeriesDictionary } from "../../../src/sender/batch/SeriesDictionary.js"
import { MemoryOutbox } from "../../../src/sender/MemoryOutbox.js"
import { Outbox } from "../../../src/sender/Outbox.js"
import { MAX_PLAIN_BYTES, readPieces } from "../../../src/sender/plain/PlainPieces.js"

const metrics = FastCheck.array(
  FastCheck.record({
    value: FastCheck.double({ noNaN: true, noDefaultInfinity: true }),
    timestamp: FastCheck.integer({ min: 0, max: 2_000_000_000_000 }),
    host: FastCheck.oneof(FastCheck.constantFrom("web-1", "ä\"\\", "h".repeat(7_000))),
    ply: FastCheck.option(FastCheck.integer(), { nil: undefined })
  }),
  { minLength: 1, maxLength: 200 }
)

describe("the pieces of plain mode", () => {
  for (const format of ["generic", "timeseries"] as const) {
    it.effect.prop(
      `hold every metric of a batch once, from an offset on, in bodies of bounded size: ${format}`,
      [metrics, FastCheck.nat(250)],
      ([values, from]) =>
        Effect.gen(function*() {
          const outbox = yield* Outbox
          const builder = new BatchBuilder(new SeriesDictionary())
          const given = values.map(({ host, ply, timestamp, value }) =>
            new GenericMetric({
              origin: "o",
              metricType: "m",
              value,
              timestamp,
              metadata: ply === undefined ? { host } : { host, ply }
            })
          )
          for (const metric of given) builder.add(metric, 0)
          yield* outbox.append(builder.finish(), () => builder.committed())
          const found: Array<readonly [number, unknown]> = []
          let at = 0
          while (at < given.length) {
            const entry = yield* outbox.entry(outbox.stream, at)
            if (entry?._tag !== "Batch") return yield* Effect.dieMessage("no batch")
            const end = entry.batch.first + entry.batch.count
            const outgoing = { stream: outbox.stream, entry, end }
            const pieces = yield* readPieces(outbox, outgoing, from, format)
            assert.equal(pieces.at(-1)?.end, end)
            for (const { body, offsets, unreadable } of pieces) {
              assert.deepEqual(unreadable, [])
              if (offsets.length === 0) continue
              assert.ok(Buffer.byteLength(body) <= MAX_PLAIN_BYTES)
              const items: ReadonlyArray<unknown> = JSON.parse(body)
              assert.equal(items.length, offsets.length)
              for (const [index, item] of items.entries()) {
                found.push([offsets[index], Either.map(decodeMetricOrPoint(item), toWire)])
              }
            }
            at = end
          }
          const expected = given.map((metric, offset) => [offset, Either.right(toWire(metric))] as const)
          assert.deepEqual(found, expected.slice(from))
        }).pipe(Effect.provide(Layer.fresh(MemoryOutbox.layer()))),
      { fastCheck: { numRuns: 30 } }
    )
  }
})
