import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Stream } from "effect"
import { liveEvents } from "../../src/server/Live.js"
import { ServerCounters } from "../../src/server/ServerCounters.js"
import { MetricStore } from "../../src/store/MetricStore.js"
import { memoryStore } from "./TestServer.js"

describe("live events", () => {
  it.scopedLive("are written as they are read: a reader that stands still costs an event or two, not a commit", () =>
    Effect.gen(function*() {
      const series = { origin: "o", metricType: "m", tags: {}, key: "k" }
      const many = 100_000
      const points = {
        series: Array.from({ length: many }, () => series),
        time: Array.from({ length: many }, (_, i) => i),
        value: Array.from({ length: many }, () => 1),
        fields: Array.from({ length: many }, () => undefined)
      }
      const store = {
        ...(yield* MetricStore),
        live: () => Stream.make({ sequence: 1, points }, { sequence: 2, points })
      }
      let written = 0
      const matches = (): boolean => {
        written++
        return true
      }
      const events = liveEvents(
        store,
        new ServerCounters(),
        { matches, prepare: () => Effect.void },
        yield* Deferred.make<void>()
      )
      const pull = yield* Stream.toPull(Stream.filter(events, (text) => text.startsWith("event: metrics")))
      let read = 0
      const readOne = Effect.map(pull, (texts) => {
        for (const text of Chunk.toReadonlyArray(texts)) read += text.match(/"timestamp"/g)?.length ?? 0
      })
      yield* Effect.repeat(readOne, { until: () => read > 0 })
      yield* Effect.sleep("50 millis")
      expect(written).toBeGreaterThanOrEqual(1_000)
      expect(written).toBeLessThanOrEqual(4_000)
      yield* Effect.repeat(readOne, { until: () => read >= 2 * many })
      expect([read, written]).toEqual([2 * many, 2 * many])
    }).pipe(Effect.provide(memoryStore)))
})
