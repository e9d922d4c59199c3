import { describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Exit, Fiber, Layer, Logger, type Scope, Stream, TestClock } from "effect"
import * as assert from "node:assert/strict"
import { type CollectorOptions, MetricsCollector, type MetricsSource } from "../../src/collector/MetricsCollector.js"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"

const metric = (value: number): GenericMetric => new GenericMetric({ origin: "o", metricType: "m", value })

const ticks = (from: number): MetricsSource["generateMetrics"] =>
  Stream.iterate(from, (n) => n + 1).pipe(
    Stream.mapEffect((n) => Effect.as(Effect.sleep("1 second"), metric(n)))
  )

class Boom extends Error {}

interface Harness {
  readonly collector: typeof MetricsCollector.Service
  readonly status: PipelineStatus
  readonly ledger: LossLedger
  /** Values that were accepted, by generator. */
  readonly got: (generator: string) => ReadonlyArray<number>
  readonly consuming: Fiber.RuntimeFiber<void>
  readonly logged: ReadonlyArray<string>
}

const collect = (
  sources: ReadonlyArray<MetricsSource>,
  options?: CollectorOptions
): Effect.Effect<Harness, never, Scope.Scope> =>
  Effect.gen(function*() {
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => void logged.push(String(message)))
    const context = yield* Layer.build(
      MetricsCollector.layer(sources, options).pipe(
        Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default)),
        Layer.provide(Logger.replace(Logger.defaultLogger, logger))
      )
    )
    const collector = Context.get(context, MetricsCollector)
    const values = new Map<string, Array<number>>()
    const consuming = yield* Effect.forkScoped(
      collector.consume((batch) =>
        Effect.sync(() => {
          for (const { generator, metrics } of batch) {
            const own = values.get(generator) ?? []
            values.set(generator, own)
            for (const { value } of metrics) own.push(value)
          }
        })
      )
    )
    return {
      collector,
      status: Context.get(context, PipelineStatus),
      ledger: Context.get(context, LossLedger),
      got: (generator) => values.get(generator) ?? [],
      consuming,
      logged
    }
  })

const steady: MetricsSource = { name: "steady", generateMetrics: ticks(0) }

const untroubled = (harness: Harness, seconds: number): void =>
  assert.deepEqual(harness.got("steady"), Array.from({ length: seconds }, (_, i) => i))

describe("isolation", () => {
  const troubles: ReadonlyArray<readonly [what: string, stream: MetricsSource["generateMetrics"], failures: boolean]> =
    [
      ["fails", Stream.fail({ message: "no such file" }), true],
      ["fails after a metric", Stream.concat(Stream.make(metric(7)), Stream.fail({ message: "cut off" })), true],
      ["dies", Stream.die(new Boom("defect")), true],
      [
        "throws",
        Stream.map(Stream.make(metric(1)), (): GenericMetric => {
          throw new Boom("thrown")
        }),
        true
      ],
      ["interrupts itself by a cause", Stream.fromEffect(Effect.interrupt), true],
      [
        "interrupts its own fiber",
        Stream.fromEffect(
          Effect.withFiberRuntime<GenericMetric>((fiber) => Effect.zipRight(Fiber.interruptFork(fiber), Effect.never))
        ),
        true
      ],
      ["never gives anything", Stream.never, false],
      ["ends at once", Stream.empty, false],
      [
        "cannot even be built",
        Stream.suspend((): Stream.Stream<GenericMetric> => {
          throw new Boom("no stream")
        }),
        true
      ]
    ]
  for (const [what, generateMetrics, fails] of troubles) {
    it.scoped(`a generator that ${what} harms no other`, () =>
      Effect.gen(function*() {
        const harness = yield* collect([{ name: "trouble", generateMetrics }, steady])
        yield* TestClock.adjust("20500 millis")
        untroubled(harness, 20)
        assert.equal(harness.status.generator("trouble").failures > 0, fails)
      }))
  }

  it.scoped("a failing generator is counted, logged once, and started again after growing delays", () =>
    Effect.gen(function*() {
      let starts = 0
      const source: MetricsSource = {
        name: "trouble",
        generateMetrics: Stream.suspend(() => {
          starts++
          return Stream.fail({ message: "no such file" })
        })
      }
      const { logged, status } = yield* collect([source])
      yield* TestClock.adjust("10 minutes")
      // 1 + 2 + 4 + … + 60, and then every 60 s: 15 to 17 starts with the jitter.
      assert.ok(starts >= 12 && starts <= 20, `${starts} starts`)
      assert.equal(status.generator("trouble").failures, starts)
      assert.equal(status.generator("trouble").state, "waiting")
      assert.equal(status.generator("trouble").lastError, "no such file")
      assert.deepEqual(logged.filter((line) => line.includes("no such file")).length, 1)
    }))

  it.scoped("what a generator gave before it failed is kept", () =>
    Effect.gen(function*() {
      let life = 0
      const source: MetricsSource = {
        name: "trouble",
        generateMetrics: Stream.suspend(() =>
          Stream.concat(Stream.make(metric(++life)), Stream.fail({ message: "cut off" }))
        )
      }
      const { got } = yield* collect([source])
      yield* TestClock.adjust("5 seconds")
      assert.deepEqual(got("trouble").slice(0, 3), [1, 2, 3])
    }))
})

describe("the end", () => {
  it.scoped("when all generators have ended and all is accepted, consuming ends", () =>
    Effect.gen(function*() {
      const sources = ["a", "b"].map((name): MetricsSource => ({
        name,
        generateMetrics: Stream.fromChunk(Chunk.makeBy(2_500, metric))
      }))
      const { consuming, got, status } = yield* collect(sources)
      yield* Fiber.join(consuming)
      assert.equal(got("a").length, 2_500)
      assert.equal(got("b").length, 2_500)
      assert.equal(status.generator("a").state, "done")
      assert.equal(status.generator("a").gathered, 2_500)
    }))

  it.scoped("a generator that ended is not started again, while others go on", () =>
    Effect.gen(function*() {
      let starts = 0
      const once: MetricsSource = {
        name: "once",
        generateMetrics: Stream.suspend(() => {
          starts++
          return Stream.make(metric(1))
        })
      }
      const harness = yield* collect([once, steady])
      yield* TestClock.adjust("120500 millis")
      assert.equal(starts, 1)
      untroubled(harness, 120)
    }))

  it.scoped("stop ends the generators; what they gave is still accepted", () =>
    Effect.gen(function*() {
      const harness = yield* collect([steady, { name: "never", generateMetrics: Stream.never }])
      yield* TestClock.adjust("3100 millis")
      yield* harness.collector.stop
      yield* Fiber.join(harness.consuming)
      untroubled(harness, 3)
      assert.equal(harness.status.generator("never").state, "done")
    }))

  it.scoped("stop asks a generator that can close to end, and takes what it still holds", () =>
    Effect.gen(function*() {
      const latch = Effect.unsafeMakeLatch(false)
      const closing: MetricsSource = {
        name: "closing",
        generateMetrics: Stream.concat(Stream.execute(latch.await), Stream.make(metric(1), metric(2))),
        close: latch.open
      }
      const { collector, consuming, got } = yield* collect([closing])
      yield* Effect.yieldNow()
      yield* collector.stop
      yield* Fiber.join(consuming)
      assert.deepEqual(got("closing"), [1, 2])
    }))

  it.scoped("stop during a delay does not start the generator again", () =>
    Effect.gen(function*() {
      const { collector, consuming, status } = yield* collect([
        { name: "trouble", generateMetrics: Stream.fail({ message: "no" }) }
      ])
      yield* TestClock.adjust("100 millis")
      yield* collector.stop
      yield* Fiber.join(consuming)
      assert.equal(status.generator("trouble").failures, 1)
    }))
})

describe("consuming", () => {
  it.scoped("a batch that was not accepted is left, and nothing comes twice", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(
        MetricsCollector.layer([{ name: "a", generateMetrics: Stream.fromChunk(Chunk.makeBy(40_000, metric)) }]).pipe(
          Layer.provide(Layer.merge(PipelineStatus.Default, LossLedger.Default))
        )
      )
      const collector = Context.get(context, MetricsCollector)
      const accepted: Array<number> = []
      const exit = yield* Effect.exit(collector.consume((batch) =>
        Effect.suspend(() => {
          if (accepted.length > 0) return Effect.fail("closed")
          for (const { metrics } of batch) accepted.push(...metrics.map(({ value }) => value))
          return Effect.void
        })
      ))
      assert.ok(Exit.isFailure(exit))
      const left = (yield* collector.takeLeft).flatMap(({ metrics }) => metrics.map(({ value }) => value))
      assert.deepEqual([...accepted, ...left], Array.from({ length: 40_000 }, (_, i) => i))
    }))

  it.scoped("drops of a full queue are counted by generator and written down", () =>
    Effect.gen(function*() {
      const blocked = Effect.unsafeMakeLatch(false)
      const context = yield* Layer.build(
        MetricsCollector.layer(
          [
            { name: "loud", generateMetrics: Stream.fromChunk(Chunk.makeBy(500, metric)) },
            { name: "quiet", generateMetrics: Stream.fromChunk(Chunk.makeBy(10, metric)) }
          ],
          { queueCapacity: 100, overflow: "drop-oldest" }
        ).pipe(Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default)))
      )
      yield* Effect.forkScoped(Context.get(context, MetricsCollector).consume(() => blocked.await))
      yield* TestClock.adjust("1 second")
      const status = Context.get(context, PipelineStatus)
      const dropped = status.generator("loud").dropped + status.generator("quiet").dropped
      assert.ok(status.generator("loud").dropped >= 400)
      const totals = yield* Context.get(context, LossLedger).totals
      assert.equal(totals.reduce((sum, { count }) => sum + count, 0), dropped)
      assert.ok(totals.every(({ reason }) => reason === "queue-overflow"))
    }))
})
