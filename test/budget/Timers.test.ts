import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer, TestClock, TestServices } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { GenericMetricsGenerator } from "../../src/generators/GenericMetricsGenerator.js"
import { MetricsPipeline } from "../../src/MetricsPipeline.js"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { MetricsServer } from "../../src/server/MetricsServer.js"
import { SqliteMetricStore } from "../../src/store/SqliteMetricStore.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { makeFakeServer } from "../../src/testing/FakeServer.js"
import { directory } from "../e2e/Program.js"
import { eventually } from "../generators/system/FixtureHost.js"

/** Lets what is under way go on until it waits for the clock or the network. */
const settled = TestServices.provideLive(Effect.sleep("200 millis"))

/** The timers that somebody waits for now, s from now. */
const timers = Effect.gen(function*() {
  const now = yield* Clock.currentTimeMillis
  const sleeps = yield* TestClock.sleeps()
  return Array.from(sleeps, (at) => (at - now) / 1_000).sort((a, b) => a - b)
})

/** Waits until these timers alone are left, and for a while more. */
const areLeft = (wanted: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    for (let tries = 0; tries < 300 && (yield* timers).join() !== wanted.join(); tries++) yield* settled
    yield* settled
    expect(yield* timers).toEqual(wanted)
  })

describe("the timers that are left when there is nothing to do", () => {
  it.scoped("a server: one, that asks its senders for a sign of life", () =>
    Effect.gen(function*() {
      const dataDir = yield* directory
      yield* Layer.build(MetricsServer.layer({ port: 0 }).pipe(Layer.provide(SqliteMetricStore.layer({ dataDir }))))
      yield* areLeft([20])
      yield* TestClock.adjust("5 minutes")
      yield* areLeft([20])
    }))

  it.scoped("a pipeline that has delivered what it was given: one, that asks its server", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      const pipeline = MetricsPipeline.layer([GenericMetricsGenerator]).pipe(
        Layer.provideMerge(GenericMetricsGenerator.layer()),
        Layer.provide(GenericMetricsSender.layerWithOutbox({ endpointUrl: "ws://fake.test", durable: false })),
        Layer.provide([MemoryOutbox.layer(), server.layer]),
        Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default))
      )
      const context = yield* Layer.build(pipeline)
      const { addMetric } = Context.get(context, GenericMetricsGenerator)
      const { sender } = Context.get(context, PipelineStatus)
      yield* addMetric(new GenericMetric({ origin: "budget", metricType: "one", value: 1, timestamp: 0 }))
      yield* eventually(Effect.sync(() => sender.acknowledged), (count) => count === 1)
      yield* settled
      yield* TestClock.adjust("5 minutes")
      yield* areLeft([5])
      expect(server.points).toHaveLength(1)
    }))
})
