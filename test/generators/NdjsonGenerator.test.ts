import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Chunk, Effect, FastCheck as fc, HashMap, Layer, Logger, Stream, TestClock } from "effect"
import { GenericMetric, toWire } from "../../src/domain/GenericMetric.js"
import { toTimeseriesFormat } from "../../src/domain/TimeseriesPoint.js"
import { NdjsonGenerator } from "../../src/generators/NdjsonGenerator.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const telemetry = Layer.merge(LossLedger.Default, PipelineStatus.Default)

/** Reads the parts, one a read, and gives the chunks that came, what was logged, and what was counted. */
const read = <E = never>(parts: ReadonlyArray<string | Uint8Array>, end: Stream.Stream<never, E> = Stream.empty) =>
  Effect.gen(function*() {
    const logged: Array<string> = []
    const log = Logger.make<unknown, void>(({ annotations, message }) => {
      logged.push([message, ...HashMap.values(annotations)].flat().join(" "))
    })
    const bytes = Stream.fromIterable(parts).pipe(
      Stream.map((part) => typeof part === "string" ? encode(part) : part),
      Stream.rechunk(1),
      Stream.concat(end)
    )
    const { generateMetrics } = yield* Effect.provide(NdjsonGenerator, NdjsonGenerator.layer(bytes))
    const chunks: Array<ReadonlyArray<GenericMetric>> = []
    const exit = yield* Stream.runForEachChunk(
      generateMetrics,
      (chunk) => Effect.sync(() => chunks.push(Chunk.toReadonlyArray(chunk)))
    ).pipe(Effect.exit, Effect.provide(Logger.replace(Logger.defaultLogger, log)))
    const { invalid } = (yield* PipelineStatus).generator("stdin")
    const losses = yield* (yield* LossLedger).losses
    return { chunks, exit, invalid, logged, losses, metrics: chunks.flat() }
  }).pipe(Effect.provide(telemetry))

const line = (value: number): string => JSON.stringify({ origin: "a", metric_type: "b", value, timestamp: 0 })

describe("NdjsonGenerator", () => {
  it.effect.prop(
    "gives every metric back exactly, in either form, however its bytes are cut",
    {
      from: fc.array(Arbitrary.make(GenericMetric), { maxLength: 8 }),
      cuts: fc.array(fc.nat(900)),
      points: fc.boolean()
    },
    ({ cuts, from, points }) =>
      Effect.gen(function*() {
        const stamped = from.map((metric) => new GenericMetric({ ...metric, timestamp: metric.timestamp ?? 1 }, true))
        const bytes = encode(
          stamped.map((metric) => `${JSON.stringify(points ? toTimeseriesFormat(metric) : toWire(metric))}\r\n`).join(
            ""
          )
        )
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
        const parts = places.slice(1).map((place, i) => bytes.slice(places[i], place))
        const { invalid, metrics } = yield* read(parts)
        expect(metrics.map(toWire)).toEqual(stamped.map(toWire))
        expect(invalid).toBe(0)
      })
  )

  it.effect("takes a last line without a newline, and gives a chunk a read", () =>
    Effect.gen(function*() {
      const { chunks } = yield* read([
        `${line(1)}\n${line(2)}\n\n${line(3).slice(0, 9)}`,
        `${line(3).slice(9)}\n`,
        line(4)
      ])
      expect(chunks.filter(({ length }) => length > 0).map((chunk) => chunk.map(({ value }) => value))).toEqual([
        [1, 2],
        [3],
        [4]
      ])
    }))

  it.effect("stamps what has no time with the time of its reading", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1234)
      const { metrics } = yield* read(["{\"origin\":\"a\",\"metric_type\":\"b\",\"value\":1}\n", line(2)])
      expect(metrics.map(({ timestamp }) => timestamp)).toEqual([1234, 0])
    }))

  it.effect("a bad line costs only itself: counted, written down, logged with its number and the reason", () =>
    Effect.gen(function*() {
      const { invalid, logged, losses, metrics } = yield* read([
        `${line(1)}\n\n{"origin":"a","metric_type":"b","value":"two"}\nnot json\n`,
        `[${line(2)}]\n${"x".repeat(1_048_577)}\n${line(3)}\n`,
        Uint8Array.of(0xc3, 0x28, 0x0a)
      ])
      expect(metrics.map(({ value }) => value)).toEqual([1, 3])
      expect(invalid).toBe(5)
      expect(losses).toMatchObject([{
        source: "stdin",
        reason: "invalid",
        count: 5,
        detail: "line 3: value: expected a finite number (and 1 more)"
      }])
      expect(logged).toEqual([
        "stdin: line 3 is left out: value: expected a finite number",
        "stdin: line 4 is left out: no JSON: \"not json\"",
        "stdin: line 5 is left out: expected a JSON object",
        "stdin: line 6 is left out: longer than 1048576 bytes",
        "stdin: line 8 is left out: no UTF-8"
      ])
    }))

  it.effect("of many bad lines of a kind logs the first, and then how many there are", () =>
    Effect.gen(function*() {
      const { invalid, logged } = yield* read([Array.from({ length: 1200 }, (_, i) => `no ${i}\n`).join("")])
      expect(invalid).toBe(1200)
      expect(logged.map((text) => /line (\d+)/.exec(text)?.[1])).toEqual(["1", "2", "3", "4", "5", "10", "100", "1000"])
      expect(logged.at(-1)).toContain("1000 lines so far: no JSON")
    }))

  it.effect("never takes what is no metric, and never fails, whatever the bytes are", () =>
    Effect.gen(function*() {
      const inputs = fc.sample(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), 100)
      for (const parts of inputs) expect((yield* read(parts)).metrics).toEqual([])
    }))

  it.effect("reads no faster than the metrics are taken", () =>
    Effect.gen(function*() {
      let asked = 0
      const endless = Stream.repeatEffect(Effect.sync(() => encode(`${line(asked++)}\n`))).pipe(Stream.rechunk(1))
      const { generateMetrics } = yield* Effect.provide(NdjsonGenerator, NdjsonGenerator.layer(endless))
      yield* Stream.runDrain(Stream.take(generateMetrics, 5))
      expect(asked).toBe(5)
    }).pipe(Effect.provide(telemetry)))

  it.effect("fails with a typed error when the bytes break off", () =>
    Effect.gen(function*() {
      const { exit, metrics } = yield* read([`${line(1)}\n`], Stream.fail("EIO"))
      expect(metrics).toHaveLength(1)
      expect(exit).toMatchObject({
        _tag: "Failure",
        cause: { error: { _tag: "GeneratorError", generator: "stdin", message: "EIO" } }
      })
    }))
})
