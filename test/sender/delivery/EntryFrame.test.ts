import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { GenericMetric } from "../../../src/domain/GenericMetric.js"
import { BatchBuilder } from "../../../src/sender/batch/BatchBuilder.js"
import { SeriesDictionary } from "../../../src/sender/batch/SeriesDictionary.js"
import { type FrameSource, nextFrame } from "../../../src/sender/delivery/EntryFrame.js"
import { JOINED_BYTES } from "../../../src/sender/delivery/JoinedLimit.js"
import { makePositions } from "../../../src/sender/delivery/Positions.js"
import { MemoryOutbox } from "../../../src/sender/MemoryOutbox.js"
import { Outbox } from "../../../src/sender/Outbox.js"
import { LossLedger } from "../../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../../src/telemetry/PipelineStatus.js"
import { decodeClientFrame } from "../../../src/wire/Frames.js"

const metric = (value: number, host: string, fields: Record<string, number> = {}): GenericMetric =>
  new GenericMetric({
    origin: "test",
    metricType: "count",
    value,
    timestamp: 1_700_000_000_000 + value * 250,
    metadata: { host, ...fields }
  })

/** An outbox with a batch for each list of metrics, and a source of frames from it. */
const harness = (batches: ReadonlyArray<ReadonlyArray<GenericMetric>>, options: Partial<FrameSource> = {}) =>
  Effect.gen(function*() {
    const outbox = yield* Outbox
    const positions = makePositions(outbox, (yield* PipelineStatus).sender, yield* LossLedger)
    const builder = new BatchBuilder(new SeriesDictionary())
    for (const metrics of batches) {
      builder.begin()
      for (const one of metrics) builder.add(one, 0)
      yield* outbox.append(builder.finish(), () => {})
      builder.committed()
    }
    yield* positions.open(yield* outbox.streams)
    return { outbox, source: { outbox, positions, isNeeded: () => true, most: JOINED_BYTES, ...options } }
  })

/** Every frame that comes next: its first offset, the values and times of its points, the ids that it defines. */
const frames = (source: FrameSource) =>
  Effect.gen(function*() {
    const all: Array<
      readonly [first: number, values: ReadonlyArray<unknown>, times: ReadonlyArray<number>, ids: number]
    > = []
    while (true) {
      const next = yield* nextFrame(source)
      if (next === undefined) return all
      const frame = Either.getOrThrow(decodeClientFrame(next.text))
      if (frame.type !== "batch") return assert.fail("no batch")
      let clock = 0
      const times = frame.time.map((delta) => clock += Number(delta))
      assert.strictEqual(next.first, frame.first)
      assert.strictEqual(next.end, frame.first + frame.value.length)
      all.push([frame.first, frame.value, times.map((at) => (at - 1_700_000_000_000) / 250), frame.define.length])
    }
  })

const provided = Effect.provide(Layer.mergeAll(MemoryOutbox.layer(), LossLedger.Default, PipelineStatus.Default))

describe("what goes out next", () => {
  it.effect("is one frame of all batches that wait, each series being defined once", () =>
    Effect.gen(function*() {
      const { source } = yield* harness([[metric(1, "a"), metric(2, "b")], [metric(4, "a")], [metric(3, "c")]])
      assert.deepStrictEqual(yield* frames(source), [[0, [1, 2, 4, 3], [1, 2, 4, 3], 3]])
    }).pipe(provided))

  it.effect("is a batch alone where its points carry fields", () =>
    Effect.gen(function*() {
      const { source } = yield* harness([[metric(1, "a")], [metric(2, "a", { ply: 3 })], [metric(3, "a")], [
        metric(4, "a")
      ]])
      assert.deepStrictEqual(yield* frames(source), [
        [0, [1], [1], 1],
        [1, [2], [2], 1],
        [2, [3, 4], [3, 4], 1]
      ])
    }).pipe(provided))

  it.effect("is no more than the limit, definitions included, and never less than a batch", () =>
    Effect.gen(function*() {
      const batches = [1, 2, 3, 4].map((n) => [metric(n, `host-${n}`)])
      const { outbox, source } = yield* harness(batches, { most: 10 })
      assert.deepStrictEqual((yield* frames(source)).map(([first]) => first), [0, 1, 2, 3])
      const entry = yield* outbox.entry(outbox.stream, 0)
      if (entry?._tag !== "Batch") return assert.fail("no batch")
      const [definition] = yield* outbox.definitions(outbox.stream, entry.batch.ids)
      const most = 2 * (entry.batch.columns.length + definition.length)
      for (const [limit, points] of [[most - 1, 1], [most + 9, 2]] as const) {
        yield* source.positions.open(yield* outbox.streams)
        assert.strictEqual((yield* frames({ ...source, most: limit }))[0][1].length, points)
      }
    }).pipe(provided))

  it.effect("ends before a declaration, which goes alone", () =>
    Effect.gen(function*() {
      const { outbox, source } = yield* harness([[metric(1, "a")], [metric(2, "a")]])
      yield* outbox.declare([{ source: "g", reason: "missed-tick", count: 2, from: 0, to: 1 }], () => {})
      assert.strictEqual((yield* nextFrame(source))?.end, 2)
      const skip = yield* nextFrame(source)
      assert.deepStrictEqual([skip?.first, skip?.end, skip?.batches], [2, 3, 0])
    }).pipe(provided))
})
