import { Effect, Fiber, Layer } from "effect"
import * as assert from "node:assert/strict"
import { GenericMetric } from "../domain/GenericMetric.js"
import { BatchBuilder } from "../sender/batch/BatchBuilder.js"
import { SeriesDictionary } from "../sender/batch/SeriesDictionary.js"
import {
  BATCH_OVERHEAD,
  type NewBatch,
  Outbox,
  type OutboxEntry,
  type OutboxError,
  type OutboxLimits
} from "../sender/Outbox.js"
import { type Loss, LossLedger, type LossReason } from "../telemetry/LossLedger.js"
import { PipelineStatus } from "../telemetry/PipelineStatus.js"

/** A check of an outbox; `run` fails when it does not hold. */
export interface OutboxCheck {
  readonly name: string
  readonly run: Effect.Effect<void, unknown>
}

type OutboxService = typeof Outbox.Service

interface Harness {
  readonly outbox: OutboxService
  readonly ledger: LossLedger
  readonly status: PipelineStatus["sender"]
}

const t0 = 1_700_000_000_000

/** Metrics whose value is their number; their time is a second apart. */
export const suiteMetrics = (from: number, to: number): ReadonlyArray<GenericMetric> =>
  Array.from({ length: to - from }, (_, i) =>
    new GenericMetric({
      origin: "suite",
      metricType: (from + i) % 2 === 0 ? "even" : "odd",
      value: from + i,
      timestamp: t0 + (from + i) * 1000,
      metadata: { host: "web-1", ply: from + i }
    }))

/** Metrics with the values `from` ≤ v < `to` as one batch. */
export const suiteBatch = (dictionary: SeriesDictionary, from: number, to: number): NewBatch => {
  const builder = new BatchBuilder(dictionary)
  for (const metric of suiteMetrics(from, to)) builder.add(metric, t0)
  const [batch] = builder.finish()
  builder.committed()
  return batch
}

const append = (outbox: OutboxService, batches: ReadonlyArray<NewBatch>): Effect.Effect<void, OutboxError> =>
  outbox.append(batches, () => {})

/** A loss of a generator. */
const lossOf = (count: Loss["count"], reason: LossReason = "missed-tick"): Loss => ({
  source: "dice",
  reason,
  count,
  from: t0,
  to: t0 + 500
})

const declare = (outbox: OutboxService, ...losses: ReadonlyArray<Loss>): Effect.Effect<void, OutboxError> =>
  outbox.declare(losses, () => {})

/** Bytes that a batch counts. */
const sizeOf = (batch: NewBatch): number => Buffer.byteLength(batch.columns) + String(batch.ids).length + BATCH_OVERHEAD

/**
 * What an entry is: `[first, end]` of a batch, `[from, to, reason]` of a skip,
 * and with source and count where it tells of a loss.
 */
export const shapeOf = (entry: OutboxEntry | undefined): ReadonlyArray<number | string> | undefined =>
  entry === undefined
    ? undefined
    : entry._tag === "Batch"
    ? [entry.batch.first, entry.batch.first + entry.batch.count]
    : entry.range.loss === undefined
    ? [entry.range.from, entry.range.to, entry.range.reason]
    : [entry.range.from, entry.range.to, entry.range.reason, entry.range.loss.source, entry.range.loss.count]

/** Everything of a stream from what is acknowledged on, in the order of delivery. */
export const allEntries = (
  outbox: OutboxService,
  stream: string
): Effect.Effect<ReadonlyArray<OutboxEntry>, OutboxError> =>
  Effect.gen(function*() {
    const entries: Array<OutboxEntry> = []
    const found = (yield* outbox.streams).find((one) => one.stream === stream)
    let at = found?.acked ?? 0
    while (true) {
      const entry = yield* outbox.entry(stream, at)
      if (entry === undefined) return entries
      entries.push(entry)
      at = entry._tag === "Batch" ? entry.batch.first + entry.batch.count : entry.range.to
    }
  })

const shapes = (outbox: OutboxService): Effect.Effect<ReadonlyArray<unknown>, OutboxError> =>
  Effect.map(allEntries(outbox, outbox.stream), (entries) => entries.map(shapeOf))

/** Lets other fibers run until none has anything left to do without a wait. */
const settle: Effect.Effect<void> = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/**
 * The checks that hold for an outbox over any storage. `layer` makes an empty
 * one with the limits that are given.
 */
export const outboxSuite = (
  layer: (limits: Partial<OutboxLimits>) => Layer.Layer<Outbox, OutboxError>
): ReadonlyArray<OutboxCheck> => {
  const check = (
    name: string,
    limits: Partial<OutboxLimits>,
    body: (harness: Harness) => Effect.Effect<void, unknown>
  ): OutboxCheck => ({
    name,
    run: Effect.gen(function*() {
      const { sender: status } = yield* PipelineStatus
      yield* body({ outbox: yield* Outbox, ledger: yield* LossLedger, status })
    }).pipe(
      Effect.provide(Layer.provideMerge(
        Layer.suspend(() => layer(limits)),
        Layer.merge(LossLedger.Default, PipelineStatus.Default)
      )),
      Effect.scoped
    )
  })

  const small = (overflow: OutboxLimits["overflow"], batches: number): Partial<OutboxLimits> => ({
    overflow,
    maxBytes: batches * sizeOf(suiteBatch(new SeriesDictionary(), 100, 110)) + 20
  })
  const ten = (dictionary: SeriesDictionary, n: number): NewBatch => suiteBatch(dictionary, 100 + n * 10, 110 + n * 10)

  return [
    check(
      "accepted points get consecutive offsets, and come out as they went in",
      {},
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          const batches = [suiteBatch(dictionary, 0, 10), suiteBatch(dictionary, 10, 13)]
          const third = suiteBatch(dictionary, 13, 14)
          yield* append(outbox, batches)
          yield* append(outbox, [third])
          const entries = yield* allEntries(outbox, outbox.stream)
          assert.deepEqual(entries.map(shapeOf), [[0, 10], [10, 13], [13, 14]])
          assert.deepEqual(
            entries.map((entry) =>
              entry._tag === "Batch" ? [entry.batch.stream, entry.batch.columns, entry.batch.ids] : []
            ),
            [...batches, third].map(({ columns, ids }) => [outbox.stream, columns, ids])
          )
          assert.deepEqual(yield* outbox.streams, [{ stream: outbox.stream, acked: 0, next: 14 }])
          const stats = yield* outbox.stats
          assert.deepEqual([stats.batches, stats.metrics, stats.deadLetters], [3, 14, 0])
          assert.equal(stats.bytes, [...batches, third].reduce((sum, batch) => sum + sizeOf(batch), 0))
        })
    ),
    check("an offset inside a batch finds the batch that covers it", {}, ({ outbox }) =>
      Effect.gen(function*() {
        yield* append(outbox, [suiteBatch(new SeriesDictionary(), 0, 10)])
        assert.deepEqual(shapeOf(yield* outbox.entry(outbox.stream, 7)), [0, 10])
        assert.equal(yield* outbox.entry(outbox.stream, 10), undefined)
        assert.equal(yield* outbox.entry("a stream that is not ours", 0), undefined)
      })),
    check("definitions are found by id, in the order that was asked", {}, ({ outbox }) =>
      Effect.gen(function*() {
        const batch = suiteBatch(new SeriesDictionary(), 0, 2)
        yield* append(outbox, [batch])
        assert.deepEqual(
          yield* outbox.definitions(outbox.stream, [1, 0]),
          [batch.define[1][1], batch.define[0][1]]
        )
      })),
    check("names itself by a UUID and its stream by 128 random bits", {}, ({ outbox }) =>
      Effect.sync(() => {
        assert.match(outbox.sender, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        assert.match(outbox.stream, /^[0-9a-f]{32}$/)
      })),
    check(
      "an acknowledgement frees what it covers; one inside a batch keeps the whole batch",
      {},
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          yield* append(outbox, [suiteBatch(dictionary, 0, 10), suiteBatch(dictionary, 10, 20)])
          assert.deepEqual(yield* outbox.acknowledge(outbox.stream, 13, []), { acknowledged: 13, rejected: 0 })
          assert.deepEqual(yield* outbox.streams, [{ stream: outbox.stream, acked: 13, next: 20 }])
          assert.deepEqual(yield* shapes(outbox), [[10, 20]])
          const stats = yield* outbox.stats
          assert.deepEqual([stats.batches, stats.metrics], [1, 7])
          assert.deepEqual(yield* outbox.acknowledge(outbox.stream, 5, []), { acknowledged: 0, rejected: 0 })
          assert.deepEqual(yield* outbox.acknowledge(outbox.stream, 99, []), { acknowledged: 7, rejected: 0 })
          const { batches, bytes, metrics } = yield* outbox.stats
          assert.deepEqual([batches, bytes, metrics], [0, 0, 0])
          assert.deepEqual(yield* outbox.acknowledge("a stream that is not ours", 5, []), {
            acknowledged: 0,
            rejected: 0
          })
        })
    ),
    check(
      "what the server refused is a dead letter with its metric, once, however often it is told",
      {},
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          yield* append(outbox, [suiteBatch(dictionary, 0, 10), suiteBatch(dictionary, 10, 20)])
          yield* outbox.acknowledge(outbox.stream, 10, [[3, "too odd"]])
          const again = yield* outbox.acknowledge(outbox.stream, 20, [[3, "too odd"], [14, "too even"], [
            99,
            "not sent"
          ]])
          assert.deepEqual(again, { acknowledged: 10, rejected: 1 })
          const letters = yield* outbox.deadLetters
          assert.deepEqual(letters.map(({ offset, reason, stream }) => [stream, offset, reason]), [
            [outbox.stream, 3, "too odd"],
            [outbox.stream, 14, "too even"]
          ])
          assert.deepEqual(JSON.parse(letters[0].metric ?? "{}"), {
            origin: "suite",
            metric_type: "odd",
            value: 3,
            timestamp: new Date(t0 + 3000).toISOString(),
            metadata: { host: "web-1", ply: 3 }
          })
          assert.equal((yield* outbox.stats).deadLetters, 2)
        })
    ),
    check(
      "keeps the newest dead letters up to its limit",
      { maxDeadLetters: 3 },
      ({ outbox }) =>
        Effect.gen(function*() {
          yield* append(outbox, [suiteBatch(new SeriesDictionary(), 0, 10)])
          const rejected = Array.from({ length: 5 }, (_, i) => [i, "no"] as const)
          yield* outbox.acknowledge(outbox.stream, 10, rejected)
          assert.deepEqual((yield* outbox.deadLetters).map(({ offset }) => offset), [2, 3, 4])
          assert.equal((yield* outbox.stats).deadLetters, 3)
        })
    ),
    check(
      "a full outbox that blocks makes the caller wait until there is room",
      small("block", 2),
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          yield* append(outbox, [ten(dictionary, 0), ten(dictionary, 1)])
          const waiting = yield* Effect.fork(append(outbox, [ten(dictionary, 2)]))
          yield* settle
          assert.equal((yield* outbox.stats).metrics, 20)
          yield* outbox.acknowledge(outbox.stream, 10, [])
          yield* Fiber.join(waiting)
          assert.deepEqual(yield* shapes(outbox), [[10, 20], [20, 30]])
        })
    ),
    check("a caller that waits for room can be interrupted, and nothing of it was accepted", small("block", 1), (
      { outbox }
    ) =>
      Effect.gen(function*() {
        const dictionary = new SeriesDictionary()
        yield* append(outbox, [ten(dictionary, 0)])
        let committed = false
        const waiting = yield* Effect.fork(outbox.append([ten(dictionary, 1)], () => {
          committed = true
        }))
        yield* settle
        yield* Fiber.interrupt(waiting)
        yield* outbox.acknowledge(outbox.stream, 10, [])
        yield* settle
        assert.equal(committed, false)
        assert.equal((yield* outbox.stats).metrics, 0)
        yield* append(outbox, [ten(dictionary, 2)])
        assert.deepEqual(yield* shapes(outbox), [[10, 20]])
      })),
    check(
      "callers that wait for room get it in their order",
      small("block", 1),
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          yield* append(outbox, [ten(dictionary, 0)])
          const order: Array<number> = []
          const waiting = yield* Effect.forEach(
            [1, 2, 3],
            (n) => Effect.tap(Effect.fork(outbox.append([ten(dictionary, n)], () => order.push(n))), settle)
          )
          for (const next of [10, 20, 30]) {
            yield* outbox.acknowledge(outbox.stream, next, [])
            yield* settle
          }
          yield* Fiber.joinAll(waiting)
          assert.deepEqual(order, [1, 2, 3])
        })
    ),
    check(
      "a commit larger than the whole limit goes into an empty outbox",
      { maxBytes: 10 },
      ({ outbox }) =>
        Effect.gen(function*() {
          yield* append(outbox, [suiteBatch(new SeriesDictionary(), 0, 10)])
          assert.equal((yield* outbox.stats).metrics, 10)
        })
    ),
    check(
      "a full outbox that drops takes its oldest, and declares them to the server and in the ledger",
      small("drop-oldest", 3),
      ({ ledger, outbox, status }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          for (let n = 0; n < 5; n++) yield* append(outbox, [ten(dictionary, n)])
          assert.deepEqual(yield* shapes(outbox), [[0, 20, "drop-oldest"], [20, 30], [30, 40], [40, 50]])
          assert.equal((yield* outbox.stats).metrics, 30)
          assert.equal(status.dropped, 20)
          const losses = yield* ledger.losses
          assert.deepEqual(losses.map(({ count, from, reason, to }) => [reason, count, from, to]), [
            ["outbox-overflow", 20, t0 + 100_000, t0 + 119_000]
          ])
          assert.deepEqual(yield* outbox.acknowledge(outbox.stream, 30, []), { acknowledged: 10, rejected: 0 })
          assert.deepEqual(yield* shapes(outbox), [[30, 40], [40, 50]])
        })
    ),
    check("never drops what is in flight", small("drop-oldest", 3), ({ outbox }) =>
      Effect.gen(function*() {
        const dictionary = new SeriesDictionary()
        for (let n = 0; n < 3; n++) yield* append(outbox, [ten(dictionary, n)])
        yield* outbox.entry(outbox.stream, 0)
        yield* append(outbox, [ten(dictionary, 3)])
        assert.deepEqual(yield* shapes(outbox), [[0, 10], [10, 20, "drop-oldest"], [20, 30], [30, 40]])
        // Now all is in flight: the caller waits, until the connection is lost.
        const waiting = yield* Effect.fork(append(outbox, [ten(dictionary, 4)]))
        yield* settle
        assert.equal((yield* outbox.streams)[0].next, 40)
        yield* outbox.releaseInFlight
        yield* Fiber.join(waiting)
        assert.deepEqual(yield* shapes(outbox), [[0, 20, "drop-oldest"], [20, 30], [30, 40], [40, 50]])
      })),
    check(
      "drops what the server cannot have before what was on its way to it",
      small("drop-oldest", 3),
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          for (let n = 0; n < 3; n++) yield* append(outbox, [ten(dictionary, n)])
          yield* outbox.entry(outbox.stream, 0)
          yield* outbox.releaseInFlight
          yield* append(outbox, [ten(dictionary, 3)])
          assert.deepEqual(yield* shapes(outbox), [[0, 10], [10, 20, "drop-oldest"], [20, 30], [30, 40]])
        })
    ),
    check(
      "a server that went back: what neither side has is declared before the rest",
      {},
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          yield* append(outbox, [suiteBatch(dictionary, 0, 30), suiteBatch(dictionary, 30, 40)])
          yield* outbox.acknowledge(outbox.stream, 30, [])
          const range = yield* outbox.declareRollback(outbox.stream, 12)
          assert.deepEqual([range.from, range.to, range.reason], [12, 30, "server-rollback"])
          assert.deepEqual(yield* outbox.streams, [{ stream: outbox.stream, acked: 12, next: 40 }])
          assert.deepEqual(yield* shapes(outbox), [[12, 30, "server-rollback"], [30, 40]])
          assert.equal((yield* outbox.stats).metrics, 10)
          assert.deepEqual(yield* outbox.acknowledge(outbox.stream, 30, []), { acknowledged: 0, rejected: 0 })
          assert.deepEqual(yield* shapes(outbox), [[30, 40]])
        })
    ),
    check(
      "a loss takes an offset in its place among the metrics, and is no metric",
      {},
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          yield* append(outbox, [suiteBatch(dictionary, 0, 10)])
          yield* declare(outbox, lossOf(17), lossOf("unknown", "feed-gap"))
          yield* append(outbox, [suiteBatch(dictionary, 10, 20)])
          assert.deepEqual(yield* shapes(outbox), [
            [0, 10],
            [10, 11, "missed-tick", "dice", 17],
            [11, 12, "feed-gap", "dice", "unknown"],
            [12, 22]
          ])
          const entry = yield* outbox.entry(outbox.stream, 10)
          assert.deepEqual(entry?._tag === "Skip" ? entry.range.loss : undefined, lossOf(17))
          const before = yield* outbox.stats
          assert.deepEqual([before.metrics, before.losses], [20, 2])
          assert.deepEqual(yield* outbox.acknowledge(outbox.stream, 11, []), { acknowledged: 10, rejected: 0 })
          assert.deepEqual(yield* outbox.acknowledge(outbox.stream, 22, []), { acknowledged: 10, rejected: 0 })
          const after = yield* outbox.stats
          assert.deepEqual([after.metrics, after.losses], [0, 0])
          assert.deepEqual(yield* shapes(outbox), [])
        })
    ),
    check(
      "a loss is written down though the outbox is full and makes metrics wait",
      small("block", 1),
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          yield* append(outbox, [ten(dictionary, 0)])
          const waiting = yield* Effect.fork(append(outbox, [ten(dictionary, 1)]))
          yield* settle
          yield* declare(outbox, lossOf(3))
          assert.deepEqual(yield* shapes(outbox), [[0, 10], [10, 11, "missed-tick", "dice", 3]])
          yield* outbox.acknowledge(outbox.stream, 10, [])
          yield* Fiber.join(waiting)
          assert.deepEqual(yield* shapes(outbox), [[10, 11, "missed-tick", "dice", 3], [11, 21]])
        })
    ),
    check(
      "a full outbox that drops takes metrics and no losses",
      small("drop-oldest", 2),
      ({ ledger, outbox, status }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          yield* append(outbox, [ten(dictionary, 0)])
          yield* declare(outbox, lossOf(3))
          yield* append(outbox, [ten(dictionary, 1)])
          yield* append(outbox, [ten(dictionary, 2), ten(dictionary, 3)])
          assert.deepEqual(yield* shapes(outbox), [
            [0, 10, "drop-oldest"],
            [10, 11, "missed-tick", "dice", 3],
            [11, 21, "drop-oldest"],
            [21, 31],
            [31, 41]
          ])
          assert.equal(status.dropped, 20)
          assert.deepEqual((yield* ledger.losses).map(({ count }) => count), [20])
          assert.equal((yield* outbox.stats).metrics, 20)
          assert.deepEqual(yield* outbox.acknowledge(outbox.stream, 31, []), { acknowledged: 10, rejected: 0 })
        })
    ),
    check(
      "a server that went back is told its losses again, and they are no metrics that it lost",
      {},
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          yield* append(outbox, [suiteBatch(dictionary, 0, 10)])
          yield* declare(outbox, lossOf(3))
          yield* append(outbox, [suiteBatch(dictionary, 10, 20)])
          yield* outbox.acknowledge(outbox.stream, 21, [])
          const { from, metrics, to } = yield* outbox.declareRollback(outbox.stream, 5)
          assert.deepEqual([from, to, metrics], [5, 21, 15])
          assert.deepEqual(yield* shapes(outbox), [
            [5, 10, "server-rollback"],
            [10, 11, "missed-tick", "dice", 3],
            [11, 21, "server-rollback"]
          ])
          const stats = yield* outbox.stats
          assert.deepEqual([stats.metrics, stats.losses], [0, 1])
          assert.deepEqual(yield* outbox.acknowledge(outbox.stream, 21, []), { acknowledged: 0, rejected: 0 })
        })
    ),
    check(
      "what plain mode delivered is declared as unverified, its losses are told, and what may have arrived is written down",
      {},
      ({ ledger, outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          yield* append(outbox, [suiteBatch(dictionary, 0, 10)])
          yield* outbox.acknowledge(outbox.stream, 10, [])
          yield* append(outbox, [suiteBatch(dictionary, 10, 20)])
          yield* declare(outbox, lossOf(3))
          yield* append(outbox, [suiteBatch(dictionary, 20, 30)])
          assert.equal(yield* outbox.notePlain(outbox.stream, 20), 10)
          assert.equal(yield* outbox.notePlain(outbox.stream, 31), 20)
          yield* outbox.acknowledge(outbox.stream, 25, [])
          assert.equal(yield* outbox.notePlain(outbox.stream, 31), 31)
          yield* outbox.declarePlain
          yield* outbox.declarePlain
          assert.deepEqual(yield* shapes(outbox), [
            [10, 20, "unverified"],
            [20, 21, "missed-tick", "dice", 3],
            [21, 25, "unverified"],
            [21, 31]
          ])
          assert.deepEqual((yield* ledger.losses).map(({ count, reason }) => [count, reason]), [[6, "unverified"]])
          assert.equal((yield* outbox.stats).metrics, 6)
          assert.deepEqual(yield* outbox.acknowledge(outbox.stream, 31, []), { acknowledged: 6, rejected: 0 })
        })
    ),
    check(
      "what surely did not arrive in plain mode is in no doubt",
      {},
      ({ ledger, outbox }) =>
        Effect.gen(function*() {
          yield* append(outbox, [suiteBatch(new SeriesDictionary(), 0, 10)])
          assert.equal(yield* outbox.notePlain(outbox.stream, 10), 0)
          yield* outbox.takeBackPlain(outbox.stream, 0)
          assert.equal(yield* outbox.notePlain(outbox.stream, 10), 0)
          yield* outbox.takeBackPlain(outbox.stream, 0)
          yield* outbox.declarePlain
          assert.deepEqual(yield* shapes(outbox), [[0, 10]])
          assert.deepEqual(yield* ledger.losses, [])
        })
    ),
    check(
      "losses have room until as many as the limit wait, and again when the server has taken some",
      { maxLosses: 2 },
      ({ outbox }) =>
        Effect.gen(function*() {
          yield* declare(outbox, lossOf(1))
          yield* outbox.awaitLossRoom
          yield* declare(outbox, lossOf(2))
          const waiting = yield* Effect.fork(outbox.awaitLossRoom)
          yield* settle
          assert.equal((yield* Fiber.poll(waiting))._tag, "None")
          // What must not wait, as at the end of a process, is taken all the same.
          yield* declare(outbox, lossOf(3))
          yield* outbox.acknowledge(outbox.stream, 2, [])
          yield* Fiber.join(waiting)
          assert.deepEqual(yield* shapes(outbox), [[2, 3, "missed-tick", "dice", 3]])
        })
    ),
    check("a loss wakes who waits for something to deliver", {}, ({ outbox }) =>
      Effect.gen(function*() {
        const waiting = yield* Effect.fork(outbox.awaitAppend)
        yield* settle
        yield* declare(outbox, lossOf(1))
        yield* Fiber.join(waiting)
      })),
    check("what no frame could hold of a loss is made fit", {}, ({ outbox }) =>
      Effect.gen(function*() {
        yield* declare(outbox, { ...lossOf(1.5), source: "x".repeat(300), from: t0 + 0.7, to: NaN }, lossOf(-1))
        const entries = yield* allEntries(outbox, outbox.stream)
        assert.deepEqual(entries.map((entry) => entry._tag === "Skip" ? entry.range.loss : undefined), [
          { source: "x".repeat(255), reason: "missed-tick", count: 1, from: t0, to: 0 },
          lossOf("unknown")
        ])
      })),
    check(
      "an append wakes who waits for it, and one before the wait is not missed",
      {},
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          const waiting = yield* Effect.fork(outbox.awaitAppend)
          yield* settle
          yield* append(outbox, [suiteBatch(dictionary, 0, 1)])
          yield* Fiber.join(waiting)
          yield* append(outbox, [suiteBatch(dictionary, 1, 2)])
          yield* outbox.awaitAppend
          const second = yield* Effect.fork(outbox.awaitAppend)
          yield* settle
          assert.equal((yield* Fiber.poll(second))._tag, "None")
          yield* Fiber.interrupt(second)
        })
    ),
    check(
      "a caller that was interrupted in its commit was told that it was committed",
      {},
      ({ outbox }) =>
        Effect.gen(function*() {
          const dictionary = new SeriesDictionary()
          let told = 0
          for (let n = 0; n < 200; n++) {
            const caller = yield* Effect.fork(outbox.append([suiteBatch(dictionary, n, n + 1)], () => told++))
            for (let turn = 0; turn < n % 5; turn++) yield* Effect.yieldNow()
            yield* Fiber.interrupt(caller)
          }
          assert.equal((yield* outbox.stats).metrics, told)
        })
    )
  ]
}
