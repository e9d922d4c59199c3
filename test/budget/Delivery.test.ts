import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { GenericMetric } from "../../src/domain/GenericMetric.js"
import { atMost } from "./atMost.js"
import { type Costs, type Delivering, delivering } from "./Delivering.js"
import { gaugeBatches, systemTicks } from "./FixedMetrics.js"

type Batches = ReadonlyArray<ReadonlyArray<GenericMetric>>

/** What it costs to send batches one after the other, each when the one before is acknowledged. */
const costOfEach = ({ costOf, flush, sendMetrics }: Delivering, batches: Batches): Effect.Effect<Costs, unknown> =>
  costOf(Effect.forEach(batches, (batch) => Effect.zipRight(sendMetrics(batch), flush), { discard: true }))

const metricsIn = (batches: Batches): number => batches.reduce((count, { length }) => count + length, 0)

const bytesOfMetric = ({ bytes }: Costs, batches: Batches): number => bytes / metricsIn(batches)

const together = { concurrency: "unbounded", discard: true } as const

describe("what delivery costs over a socket", () => {
  it.scopedLive("a metric takes few bytes, and a series its names once", () =>
    Effect.gen(function*() {
      const own = yield* delivering("socket")
      yield* own.connect
      const [firstTick, ...ticks] = yield* systemTicks(60)
      const [firstGauges, ...gauges] = gaugeBatches(20)

      const named = yield* own.costOf(own.sendMetrics(firstTick))
      const system = yield* costOfEach(own, ticks)
      atMost("bytes of a metric of --system", bytesOfMetric(system, ticks), 12.5)
      atMost("bytes of the names of a series of --system", (named.bytes - system.bytes / 59) / firstTick.length, 126)

      const defined = yield* own.costOf(own.sendMetrics(firstGauges))
      const batches = yield* costOfEach(own, gauges)
      atMost("bytes of a gauge, 1,000 at a time", bytesOfMetric(batches, gauges), 17.5)
      atMost("bytes of the names of a gauge's series", (defined.bytes - batches.bytes / 19) / 200, 97)
    }))

  it.scopedLive("a call takes two commits of the outbox, one of the store, a frame and its answer", () =>
    Effect.gen(function*() {
      const own = yield* delivering("socket")
      yield* own.connect
      const [first, ...batches] = gaugeBatches(21)
      yield* own.costOf(own.sendMetrics(first))
      const costs = yield* costOfEach(own, batches)
      expect(costs.framesSent).toBe(batches.length)
      atMost("answers to 20 frames", costs.framesReceived, batches.length)
      atMost("commits of the outbox for 20 calls", costs.outboxCommits, 2 * batches.length)
      atMost("commits of the store for 20 calls", costs.storeCommits, batches.length)
    }))

  it.scopedLive("calls of one turn share them, be they of one metric or of a thousand", () =>
    Effect.gen(function*() {
      const own = yield* delivering("socket")
      yield* own.connect
      const [first, one, ...many] = gaugeBatches(12)
      yield* own.costOf(own.sendMetrics(first))
      for (
        const [what, work] of [
          ["1,000 calls of one metric", Effect.forEach(one, own.sendMetric, together)],
          ["10 calls of 1,000 metrics", Effect.forEach(many, own.sendMetrics, together)]
        ] as const
      ) {
        const costs = yield* own.costOf(work)
        atMost(`frames for ${what}`, costs.framesSent, 1)
        atMost(`commits of the outbox for ${what}`, costs.outboxCommits, 2)
        atMost(`commits of the store for ${what}`, costs.storeCommits, 1)
      }
    }))

  it.scopedLive("what has waited for the network is joined: 50 calls need no more than four frames", () =>
    Effect.gen(function*() {
      const own = yield* delivering("socket")
      const batches = gaugeBatches(50)
      yield* Effect.forEach(batches, own.sendMetrics, { discard: true })
      const costs = yield* own.costOf(own.connect)
      // Beside hello.
      atMost("frames for 50 calls that waited", costs.framesSent - 1, 4)
      atMost("commits of the store for 50 calls that waited", costs.storeCommits, 4)
      atMost("bytes of a metric that waited, names included", bytesOfMetric(costs, batches), 17)
    }))
})

describe("what delivery costs over HTTP", () => {
  it.scopedLive("a request brings its names along, and takes no more commits than a frame", () =>
    Effect.gen(function*() {
      const own = yield* delivering("http")
      yield* own.connect
      const gauges = gaugeBatches(20)
      const ticks = yield* systemTicks(20)
      yield* own.costOf(own.sendMetrics(gauges[0]))
      const costs = yield* costOfEach(own, gauges)
      expect(costs.framesSent).toBe(0)
      atMost("bytes of a gauge, 1,000 at a time", bytesOfMetric(costs, gauges), 36)
      atMost("commits of the outbox for 20 calls", costs.outboxCommits, 2 * gauges.length)
      atMost("commits of the store for 20 calls", costs.storeCommits, gauges.length)
      atMost("bytes of a metric of --system", bytesOfMetric(yield* costOfEach(own, ticks), ticks), 144)
    }))
})
