import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Schedule } from "effect"
import * as path from "node:path"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { BatchBuilder } from "../../src/sender/batch/BatchBuilder.js"
import { SeriesDictionary } from "../../src/sender/batch/SeriesDictionary.js"
import { MostOffered } from "../../src/sender/delivery/MostOffered.js"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { OUTBOX_APPLICATION_ID, outboxMigrations } from "../../src/sender/outbox/OutboxSchema.js"
import { makeSqliteOutboxStorage } from "../../src/sender/outbox/SqliteOutboxStorage.js"
import { bytesOf } from "../../src/sender/outbox/StoredOutbox.js"
import { OUTBOX_FILE } from "../../src/sender/SqliteOutbox.js"
import { MetricsServer } from "../../src/server/MetricsServer.js"
import { SqliteFile } from "../../src/sqlite/SqliteFile.js"
import { MemoryMetricStore } from "../../src/store/MemoryMetricStore.js"
import { MetricStore } from "../../src/store/MetricStore.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { refusableProxy } from "../e2e/RefusableProxy.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

const metric = (value: number): GenericMetric =>
  new GenericMetric({ origin: "many", metricType: "start", value, timestamp: 1_700_000_000_000 + value })

const namesOf = (starts: number): ReadonlyArray<string> =>
  Array.from({ length: starts }, (_, i) => `${i}`.padStart(32, "0"))

/** An outbox as so many starts leave it behind that each accepted one metric, and delivered nothing. */
const leftBehind = (dataDir: string, starts: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { db } = yield* SqliteFile.openDatabase({
      path: path.join(dataDir, OUTBOX_FILE),
      applicationId: OUTBOX_APPLICATION_ID,
      migrations: outboxMigrations,
      onDamaged: "fail"
    })
    const names = namesOf(starts)
    // To begin each stream would take as many looks at all those before it.
    const insert = db.prepare(
      "INSERT INTO streams (stream, acked, next, batches, bytes, committed) VALUES (?, 0, 0, 0, 0, 0)"
    )
    db.transaction(() => {
      for (const name of names) insert.run(name)
    })()
    const storage = makeSqliteOutboxStorage(db, 1)
    db.transaction(() => {
      for (const [i, stream] of names.entries()) {
        const builder = new BatchBuilder(new SeriesDictionary())
        builder.add(metric(i), 0)
        const [batch] = builder.finish()
        const bytes = bytesOf(batch)
        storage.commit({
          batches: [{ ...batch, stream, first: 0, bytes }],
          define: batch.define,
          streams: [{ stream, acked: 0, next: 1, batches: 1, bytes }],
          durable: true
        }, i)
      }
    })()
  }))

/** A server over a store in memory, behind a proxy that may refuse WebSockets. */
const setting = Effect.gen(function*() {
  const server = Context.get(yield* Layer.build(MetricsServer.layer({ port: 0 })), MetricsServer)
  const proxy = yield* refusableProxy
  yield* proxy.forwardTo(server.port)
  return { proxy, endpointUrl: `ws://127.0.0.1:${proxy.port}/ws/metrics` }
})

/** All values that the store has, in the order of time. */
const stored = Effect.gen(function*() {
  const store = yield* MetricStore
  const { series } = yield* store.query({ from: 0, to: 2_000_000_000_000, limit: 1_000_000 })
  return series.flatMap(({ value }) => value)
})

/** A sender with what so many starts left behind; it accepts one metric more. */
const sender = (endpointUrl: string, starts: number) =>
  Effect.gen(function*() {
    const dataDir = yield* temporaryDirectory
    yield* leftBehind(dataDir, starts)
    const context = yield* GenericMetricsSender.layer({ endpointUrl, dataDir }).pipe(
      Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default)),
      Layer.build
    )
    const { flush, sendMetric } = Context.get(context, GenericMetricsSender)
    yield* sendMetric(metric(starts))
    return {
      flush,
      ledger: Context.get(context, LossLedger),
      status: Context.get(context, PipelineStatus).sender
    }
  })

/** Each metric is stored once, none is lost, and the streams came in the order of their age. */
const assertDelivered = ({ ledger, status }: Effect.Effect.Success<ReturnType<typeof sender>>, starts: number) =>
  Effect.gen(function*() {
    assert.deepStrictEqual([status.acknowledged, status.pending, status.pendingBytes], [starts + 1, 0, 0])
    assert.deepStrictEqual(yield* ledger.losses, [])
    assert.deepStrictEqual(yield* stored, Array.from({ length: starts + 1 }, (_, value) => value))
    // In the order in which the store met them.
    const streams = (yield* (yield* MetricStore).streams).map(({ stream }) => stream)
    assert.deepStrictEqual(streams.slice(0, -1), namesOf(starts))
  })

const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(Effect.sleep("5 millis"), { until: holds, schedule: Schedule.forever }))

const provided = Effect.provide(Layer.merge(MemoryMetricStore.layer, Logger.remove(Logger.defaultLogger)))

describe("an outbox with a stream of each of many starts", () => {
  it.scopedLive(
    "is delivered by socket, in as many hellos as it takes, none of which counts as a reconnect",
    () =>
      Effect.gen(function*() {
        const starts = 15_000
        const { endpointUrl, proxy } = yield* setting
        const delivery = yield* sender(endpointUrl, starts)
        yield* delivery.flush
        assert.strictEqual(delivery.status.transport, "socket")
        assert.strictEqual(delivery.status.reconnects, 0)
        assert.strictEqual(proxy.upgrades(), Math.ceil((starts + 1) / (yield* MostOffered)))
        yield* assertDelivered(delivery, starts)
      }).pipe(provided)
  )

  it.scopedLive("is delivered by HTTP", () =>
    Effect.gen(function*() {
      const starts = 2_000
      const { endpointUrl, proxy } = yield* setting
      yield* proxy.refuseUpgrades(true)
      const delivery = yield* sender(endpointUrl, starts)
      yield* delivery.flush
      assert.strictEqual(delivery.status.transport, "http")
      yield* assertDelivered(delivery, starts)
    }).pipe(provided))

  it.scopedLive("is delivered where the next socket is refused between two hellos", () =>
    Effect.gen(function*() {
      const starts = 5 * (yield* MostOffered)
      const { endpointUrl, proxy } = yield* setting
      const delivery = yield* sender(endpointUrl, starts)
      yield* until(() => proxy.upgrades() > 0)
      yield* proxy.refuseUpgrades(true)
      yield* until(() => delivery.status.transport === "http")
      yield* proxy.refuseUpgrades(false)
      yield* until(() => delivery.status.transport === "socket")
      yield* delivery.flush
      yield* assertDelivered(delivery, starts)
    }).pipe(provided))
})
