import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Either, Exit, FastCheck as fc, Fiber, Layer, Random, Scope, Stream, TestClock } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { GenericMetricsGenerator } from "../../src/generators/GenericMetricsGenerator.js"

const metric = (value: number): GenericMetric => new GenericMetric({ origin: "app", metricType: "step", value })

const metrics = (from: number, to: number): ReadonlyArray<GenericMetric> =>
  Array.from({ length: to - from }, (_, i) => metric(from + i))

const values = (from: Iterable<GenericMetric>): ReadonlyArray<number> => Array.from(from, ({ value }) => value)

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

/** What the generator gives until it has given `count`. */
const taken = (generator: typeof GenericMetricsGenerator.Service, count: number) =>
  Effect.map(Stream.runCollect(Stream.take(generator.generateMetrics, count)), values)

const layerContext = (capacity: number) => Layer.build(GenericMetricsGenerator.layer({ capacity }))

/** Lets other fibers run until they wait. */
const pause = Effect.yieldNow().pipe(Effect.repeatN(20))

describe("GenericMetricsGenerator", () => {
  it.effect("gives what was added, in order, as chunks rather than singly", () =>
    Effect.gen(function*() {
      const generator = yield* GenericMetricsGenerator
      yield* generator.addMetric(metric(0))
      yield* generator.addMetrics(metrics(1, 50))
      yield* generator.addMetric(metric(50))
      const chunk = yield* Stream.runHead(Stream.chunks(generator.generateMetrics))
      expect(values(yield* chunk)).toEqual(upTo(51))
    }).pipe(Effect.provide(GenericMetricsGenerator.layer())))

  it.effect("stamps a metric with the time of the call, unless it has a time of its own", () =>
    Effect.gen(function*() {
      const generator = yield* GenericMetricsGenerator
      yield* TestClock.setTime(5000)
      yield* generator.addMetrics([metric(0), new GenericMetric({ ...metric(1), timestamp: 7 })])
      yield* TestClock.setTime(9000)
      const got = yield* Stream.runCollect(Stream.take(generator.generateMetrics, 2))
      expect(Array.from(got, ({ timestamp }) => timestamp)).toEqual([5000, 7])
    }).pipe(Effect.provide(GenericMetricsGenerator.layer())))

  it.effect("names the invalid ones by their place and takes their neighbours", () =>
    Effect.gen(function*() {
      const generator = yield* GenericMetricsGenerator
      const broken = new GenericMetric({ ...metric(0), value: Number.NaN }, true)
      const nameless = new GenericMetric({ ...metric(0), origin: "" }, true)
      const error = yield* Effect.flip(generator.addMetrics([metric(0), broken, metric(1), nameless]))
      expect(error).toMatchObject({
        _tag: "InvalidMetricsError",
        accepted: 2,
        rejected: [
          { index: 1, message: "value: expected a finite number" },
          { index: 3, message: "origin: expected 1 to 255 characters" }
        ],
        message: "metric 1: value: expected a finite number (and 1 more)"
      })
      expect(yield* Effect.flip(generator.addMetric(broken))).toMatchObject({ accepted: 0, rejected: [{ index: 0 }] })
      expect(yield* taken(generator, 2)).toEqual([0, 1])
    }).pipe(Effect.provide(GenericMetricsGenerator.layer())))

  it.effect("lets the caller wait while it is full, first come, first served", () =>
    Effect.gen(function*() {
      const generator = yield* GenericMetricsGenerator
      yield* generator.addMetrics(metrics(0, 8))
      const large = yield* Effect.fork(generator.addMetrics(metrics(8, 14)))
      yield* pause
      // It would fit, but must not overtake.
      const small = yield* Effect.fork(generator.addMetrics(metrics(14, 16)))
      yield* pause
      expect([large.unsafePoll(), small.unsafePoll()]).toEqual([null, null])
      expect(yield* taken(generator, 16)).toEqual(upTo(16))
      yield* Fiber.joinAll([large, small])
    }).pipe(Effect.provide(GenericMetricsGenerator.layer({ capacity: 10 }))))

  it.effect("takes more than it can hold once it is empty", () =>
    Effect.gen(function*() {
      const generator = yield* GenericMetricsGenerator
      yield* generator.addMetric(metric(0))
      const adding = yield* Effect.fork(generator.addMetrics(metrics(1, 100)))
      yield* pause
      expect(adding.unsafePoll()).toBeNull()
      expect(yield* taken(generator, 100)).toEqual(upTo(100))
      yield* Fiber.join(adding)
    }).pipe(Effect.provide(GenericMetricsGenerator.layer({ capacity: 10 }))))

  it.effect("adds nothing for a caller that is interrupted while it waits, and lets those behind it in", () =>
    Effect.gen(function*() {
      const generator = yield* GenericMetricsGenerator
      yield* generator.addMetrics(metrics(0, 9))
      const first = yield* Effect.fork(generator.addMetrics(metrics(100, 105)))
      yield* pause
      const second = yield* Effect.fork(generator.addMetric(metric(9)))
      yield* pause
      yield* Fiber.interrupt(first)
      yield* Fiber.join(second)
      expect(yield* taken(generator, 10)).toEqual(upTo(10))
    }).pipe(Effect.provide(GenericMetricsGenerator.layer({ capacity: 10 }))))

  it.effect.prop(
    "with callers interrupted at random, adds each call wholly or not at all, and loses none that returned",
    [fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 5, maxLength: 40 })],
    ([sizes]) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const generator = yield* GenericMetricsGenerator.pipe(
          Effect.provide(yield* Scope.extend(layerContext(10), scope))
        )
        const collecting = yield* Effect.fork(Stream.runCollect(
          Stream.mapChunksEffect(generator.generateMetrics, (chunk) =>
            Effect.as(Effect.repeatN(Effect.yieldNow(), chunk.length % 3), chunk))
        ))
        const outcomes = yield* Effect.forEach(sizes, (size, call) =>
          Effect.gen(function*() {
            const batch = Array.from({ length: size }, (_, i) =>
              metric(call * 100 + i))
            const adding = yield* Effect.fork(generator.addMetrics(batch))
            yield* Effect.repeatN(Effect.yieldNow(), yield* Random.nextIntBetween(0, 6))
            const exit = (yield* Random.nextBoolean) ? yield* Fiber.interrupt(adding) : yield* Fiber.await(adding)
            return { batch: values(batch), returned: Exit.isSuccess(exit) }
          }), { concurrency: 4 })
        yield* Scope.close(scope, Exit.void)
        const got = values(yield* Fiber.join(collecting))
        for (const { batch, returned } of outcomes) {
          const found = got.filter((value) => batch.includes(value))
          expect([[], batch]).toContainEqual(found)
          if (returned) expect(found).toEqual(batch)
        }
      })
  )

  it.effect("emits what was added before its scope closed, then ends; what is added later is refused", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Scope.extend(layerContext(3), scope)
      const generator = yield* Effect.provide(GenericMetricsGenerator, context)
      yield* generator.addMetrics(metrics(0, 3))
      const waiting = yield* Effect.fork(Effect.either(generator.addMetric(metric(3))))
      yield* pause
      yield* Scope.close(scope, Exit.void)
      expect(Either.getLeft(yield* Fiber.join(waiting))).toMatchObject({ value: { _tag: "GeneratorClosedError" } })
      expect(yield* Effect.flip(generator.addMetrics(metrics(4, 6)))).toMatchObject({ _tag: "GeneratorClosedError" })
      expect(values(yield* Stream.runCollect(generator.generateMetrics))).toEqual(upTo(3))
    }))

  it.effect("ends a stream that waits for metrics when the pipeline closes it", () =>
    Effect.gen(function*() {
      const generator = yield* GenericMetricsGenerator
      const collecting = yield* Effect.fork(Stream.runCollect(generator.generateMetrics))
      yield* generator.addMetric(metric(0))
      yield* pause
      yield* generator.close ?? Effect.die("no close")
      expect(values(yield* Fiber.join(collecting))).toEqual([0])
    }).pipe(Effect.provide(GenericMetricsGenerator.layer())))

  it.effect("refuses a capacity that is none", () =>
    Effect.gen(function*() {
      for (const capacity of [0, -1, 1.5, Number.NaN]) {
        const error = yield* Effect.flip(Effect.scoped(layerContext(capacity)))
        expect(error.message).toContain("capacity: expected a whole number of at least 1")
      }
    }))

  it.effect("freezes what it took: a later change by the caller cannot reach it", () =>
    Effect.gen(function*() {
      const generator = yield* GenericMetricsGenerator
      const metadata = { host: "a" }
      yield* generator.addMetric(new GenericMetric({ ...metric(0), metadata }))
      expect(() => {
        metadata.host = "b"
      }).toThrow()
      const [first] = Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.take(generator.generateMetrics, 1)))
      expect(first.metadata).toEqual({ host: "a" })
    }).pipe(Effect.provide(GenericMetricsGenerator.layer())))
})
