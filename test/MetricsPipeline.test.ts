import { describe, it } from "@effect/vitest"
import {
  Chunk,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Ref,
  Scope,
  Stream,
  TestClock
} from "effect"
import * as assert from "node:assert/strict"
import { GenericMetric } from "../src/domain/GenericMetric.js"
import { nextTurn } from "../src/domain/nextTurn.js"
import { GenericMetricsGenerator } from "../src/generators/GenericMetricsGenerator.js"
import { MetricsGenerator } from "../src/generators/MetricsGenerator.js"
import { MetricsPipeline } from "../src/MetricsPipeline.js"
import { GenericMetricsSender } from "../src/sender/GenericMetricsSender.js"
import { MemoryOutbox } from "../src/sender/MemoryOutbox.js"
import { OutboxError } from "../src/sender/Outbox.js"
import { LossLedger } from "../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../src/telemetry/PipelineStatus.js"
import { makeFakeServer } from "../src/testing/FakeServer.js"
import { SentMetrics } from "../src/testing/SentMetrics.js"

class Counter extends MetricsGenerator.Tag("counter")<Counter>() {}
class Other extends MetricsGenerator.Tag("other")<Other>() {}

const metric = (value: number): GenericMetric =>
  new GenericMetric({ origin: "o", metricType: "m", value, metadata: {} }, true)

const counting = (count: number) => Stream.fromChunk(Chunk.makeBy(count, metric))

const counting20 = Array.from({ length: 20 }, (_, i) => metric(i))

const telemetry = Layer.merge(PipelineStatus.Default, LossLedger.Default)

const silent = Logger.minimumLogLevel(LogLevel.None)

/** A sender of which only `sendMetrics` is called. */
const senderOf = (
  sendMetrics: Context.Tag.Service<GenericMetricsSender>["sendMetrics"]
): Layer.Layer<GenericMetricsSender> =>
  Layer.succeed(GenericMetricsSender, {
    sendMetrics,
    sendMetric: () => Effect.die("not called"),
    flush: Effect.void
  })

describe("a pipeline", () => {
  it.scoped("hands everything that its generators give to the sender, in order, and is done when they are", () =>
    Effect.gen(function*() {
      const pipeline = yield* MetricsPipeline
      yield* pipeline.awaitDone
      const sent = yield* (yield* SentMetrics).all
      const of = (type: string) => sent.filter(({ metricType }) => metricType === type).map(({ value }) => value)
      assert.deepEqual(of("m"), Array.from({ length: 5_000 }, (_, i) => i))
      assert.deepEqual(of("n"), [1, 2, 3])
    }).pipe(Effect.provide(
      MetricsPipeline.layer([Counter, Other]).pipe(
        Layer.provide(Layer.mergeAll(
          MetricsGenerator.layer(Counter, counting(5_000)),
          MetricsGenerator.layer(
            Other,
            Stream.make(1, 2, 3).pipe(Stream.map((value) => new GenericMetric({ origin: "o", metricType: "n", value })))
          )
        )),
        Layer.provideMerge(SentMetrics.layer)
      )
    )))

  it.scoped("one metric that is none costs its neighbours nothing, and is a loss of its generator", () =>
    Effect.gen(function*() {
      yield* (yield* MetricsPipeline).awaitDone
      const sent = yield* (yield* SentMetrics).all
      assert.deepEqual(sent.map(({ value }) => value), [1, 3])
      const { generators } = yield* (yield* PipelineStatus).snapshot
      assert.deepEqual(generators.map(({ invalid, name }) => [name, invalid]), [["counter", 1]])
      const [loss] = yield* (yield* LossLedger).losses
      assert.deepEqual([loss.source, loss.reason, loss.count], ["counter", "invalid", 1])
      assert.match(loss.detail ?? "", /value: expected a finite number/)
    }).pipe(Effect.provide(
      MetricsPipeline.layer([Counter]).pipe(
        Layer.provide(MetricsGenerator.layer(Counter, Stream.make(metric(1), metric(NaN), metric(3)))),
        Layer.provideMerge(SentMetrics.layer),
        Layer.provideMerge(telemetry),
        Layer.provide(silent)
      )
    )))

  it.scoped("a sender that cannot accept is given the same batch again, until it can", () =>
    Effect.gen(function*() {
      const refusals = yield* Ref.make(3)
      const taken: Array<number> = []
      const sender = senderOf((metrics) =>
        Effect.gen(function*() {
          if ((yield* Ref.getAndUpdate(refusals, (left) => left - 1)) > 0) {
            return yield* new OutboxError({ reason: "Failed", message: "the disk does not answer" })
          }
          const values = Array.from(metrics, ({ value }) => value)
          taken.push(...values)
          return { accepted: values.length, rejected: [] }
        })
      )
      const context = yield* Layer.build(
        MetricsPipeline.layer([Counter]).pipe(
          Layer.provide(MetricsGenerator.layer(Counter, counting(20_000))),
          Layer.provide(sender),
          Layer.provide(silent)
        )
      )
      const done = yield* Effect.fork(Context.get(context, MetricsPipeline).awaitDone)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(done)
      assert.deepEqual(taken, Array.from({ length: 20_000 }, (_, i) => i))
    }))

  it.scoped("a sender that makes its callers wait makes the generators wait", () =>
    Effect.gen(function*() {
      const open = Effect.unsafeMakeLatch(false)
      const produced = yield* Ref.make(0)
      const sender = senderOf((metrics) =>
        Effect.as(open.await, { accepted: Array.from(metrics).length, rejected: [] })
      )
      const endless = Stream.iterate(0, (n) => n + 1).pipe(
        Stream.map(metric),
        Stream.rechunk(100),
        Stream.mapChunksEffect((chunk) => Effect.as(Ref.update(produced, (n) => n + chunk.length), chunk)),
        Stream.take(50_000)
      )
      const context = yield* Layer.build(
        MetricsPipeline.layer([Counter], { queueCapacity: 1_000 }).pipe(
          Layer.provide(MetricsGenerator.layer(Counter, endless)),
          Layer.provide(sender)
        )
      )
      yield* TestClock.adjust("1 hour")
      const waiting = yield* Ref.get(produced)
      // One batch is with the sender, the queue is full, one chunk waits for room.
      assert.ok(waiting <= 2_200, `${waiting} were produced while nothing was accepted`)
      yield* open.open
      yield* Context.get(context, MetricsPipeline).awaitDone
      assert.equal(yield* Ref.get(produced), 50_000)
    }))

  it.scoped("closing hands what is collected to the sender", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const more = yield* Deferred.make<void>()
      const given = yield* Deferred.make<void>()
      const context = yield* Layer.buildWithScope(
        MetricsPipeline.layer([Counter], { linger: "1 hour" }).pipe(
          Layer.provide(MetricsGenerator.layer(
            Counter,
            Stream.make(
              counting(1),
              Stream.execute(Deferred.await(more)),
              counting(7),
              Stream.execute(Effect.zipRight(Deferred.succeed(given, undefined), Effect.never))
            ).pipe(Stream.flatten())
          )),
          Layer.provideMerge(SentMetrics.layer)
        ),
        scope
      )
      const { all } = Context.get(context, SentMetrics)
      // The first batch does not linger, those after it do.
      while ((yield* all).length === 0) yield* nextTurn
      yield* Deferred.succeed(more, undefined)
      yield* Deferred.await(given)
      for (let turn = 0; turn < 10; turn++) yield* nextTurn
      assert.equal((yield* all).length, 1)
      yield* Scope.close(scope, Exit.void)
      assert.equal((yield* all).length, 8)
    }))

  it.scoped("closing while the sender never accepts ends within the grace, and writes down what is lost", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        MetricsPipeline.layer([Counter], { shutdownGrace: "5 seconds" }).pipe(
          Layer.provide(MetricsGenerator.layer(Counter, Stream.concat(counting(2_000), Stream.never))),
          Layer.provide(senderOf(() => Effect.never)),
          Layer.provideMerge(telemetry),
          Layer.provide(silent)
        ),
        scope
      )
      yield* TestClock.adjust("1 second")
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      const losses = yield* Context.get(context, LossLedger).losses
      assert.deepEqual(losses.map(({ count, reason, source }) => [source, reason, count]), [
        ["counter", "undelivered", 2_000]
      ])
    }))

  it.scoped("what waits for room in a full outbox when the grace is over is lost or stored, never both", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      server.refuseSocket = 503
      server.refuseHttp = { status: 503, body: "" }
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        MetricsPipeline.layer([Counter], { shutdownGrace: "1 second" }).pipe(
          Layer.provide(MetricsGenerator.layer(Counter, Stream.concat(counting(40_000), Stream.never))),
          Layer.provide(GenericMetricsSender.layerWithOutbox({
            endpointUrl: "ws://fake.test",
            durable: false,
            shutdownGrace: "1 hour"
          })),
          Layer.provide(Layer.merge(server.layer, MemoryOutbox.layer({ maxBytes: 1_000 }))),
          Layer.provideMerge(telemetry),
          Layer.provide(silent)
        ),
        scope
      )
      yield* TestClock.adjust("10 seconds")
      assert.deepEqual((yield* Context.get(context, PipelineStatus).snapshot).sender.accepted, 16_000)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("2 seconds")
      server.refuseHttp = undefined
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(closing)
      const lost = (yield* Context.get(context, LossLedger).totals).reduce((sum, { count }) => sum + count, 0)
      assert.equal(server.points.length, 16_000)
      assert.equal(lost, 24_000)
      // The server is told of them, too.
      assert.deepEqual(server.skips.map(({ loss, reason }) => [reason, loss?.generator, loss?.count]), [
        ["undelivered", "counter", 24_000]
      ])
    }))

  it.scoped("what waits for room in a full queue at the end is written down too, to the last metric", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        MetricsPipeline.layer([Counter, Other], { queueCapacity: 10, shutdownGrace: "1 second" }).pipe(
          Layer.provide(Layer.merge(
            MetricsGenerator.layer(Counter, Stream.concat(counting(100), Stream.never)),
            MetricsGenerator.layer(Other, Stream.concat(counting(30), Stream.never))
          )),
          Layer.provide(senderOf(() => Effect.never)),
          Layer.provideMerge(telemetry),
          Layer.provide(silent)
        ),
        scope
      )
      yield* TestClock.adjust("1 second")
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      const { generators } = yield* Context.get(context, PipelineStatus).snapshot
      const gathered = new Map(generators.map(({ gathered, name }) => [name, gathered]))
      assert.deepEqual(gathered, new Map([["counter", 100], ["other", 30]]))
      const totals = yield* Context.get(context, LossLedger).totals
      assert.deepEqual(new Map(totals.map(({ count, source }) => [source, count])), gathered)
    }))

  it.scoped("what was added by hand and the queue had no room for is written down too at the end", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        MetricsPipeline.layer([GenericMetricsGenerator], { queueCapacity: 10, shutdownGrace: "1 second" }).pipe(
          Layer.provideMerge(GenericMetricsGenerator.layer()),
          Layer.provide(senderOf(() => Effect.never)),
          Layer.provideMerge(telemetry),
          Layer.provide(silent)
        ),
        scope
      )
      const { addMetrics } = Context.get(context, GenericMetricsGenerator)
      for (let i = 0; i < 5; i++) {
        yield* addMetrics(counting20)
        yield* TestClock.adjust("1 second")
      }
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      const totals = yield* Context.get(context, LossLedger).totals
      assert.deepEqual(totals.map(({ count, reason, source }) => [source, reason, count]), [
        ["generic", "undelivered", 100]
      ])
    }))
})
