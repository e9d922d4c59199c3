import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { takePlain } from "../../../src/server/ingest/PlainMode.js"
import { PlainReader } from "../../../src/server/ingest/PlainReader.js"
import { ServerCounters } from "../../../src/server/ServerCounters.js"
import { MetricStore } from "../../../src/store/MetricStore.js"
import { memoryStore } from "../TestServer.js"

describe("many metrics at once", () => {
  /** Turns that the event loop gave to others while they were taken. */
  const turnsWhileTaking = (items: ReadonlyArray<unknown>) =>
    Effect.gen(function*() {
      const parts = { store: yield* MetricStore, counters: new ServerCounters(), reader: new PlainReader() }
      let turns = 0
      let taking = true
      const count = (): void => {
        turns++
        if (taking) setImmediate(count)
      }
      setImmediate(count)
      const answer = yield* Effect.ensuring(
        takePlain(parts, items),
        Effect.sync(() => {
          taking = false
        })
      )
      return { answer, turns }
    })

  it.effect("give others their turn in between, more often when they are bad, which takes longer", () =>
    Effect.gen(function*() {
      const good = { origin: "app", metric_type: "m", value: 1 }
      const ofGood = yield* turnsWhileTaking(Array.from({ length: 20_000 }, () => good))
      expect(ofGood.answer).toEqual({ accepted: 20_000, rejected: [] })
      expect(ofGood.turns).toBeGreaterThanOrEqual(19)
      const ofBad = yield* turnsWhileTaking([...Array.from({ length: 1_000 }, () => ({})), good])
      expect(ofBad.answer.accepted).toBe(1)
      expect(ofBad.answer.rejected).toHaveLength(1_000)
      expect(ofBad.turns).toBeGreaterThanOrEqual(19)
      const ofManyBad = yield* turnsWhileTaking(Array.from({ length: 20_000 }, () => ({})))
      expect(ofManyBad.turns).toBeGreaterThanOrEqual(19)
    }).pipe(Effect.provide(memoryStore)))

  it.effect("are refused one by one, the first thousand in full and the others for the first of their problems", () =>
    Effect.gen(function*() {
      const parts = { store: yield* MetricStore, counters: new ServerCounters(), reader: new PlainReader() }
      const good = { origin: "app", metric_type: "m", value: 1 }
      const point = { tags: { origin: "app", metric_type: "m" }, fields: { value: "1" }, timestamp: "never" }
      const items = Array.from(
        { length: 3_000 },
        (_, i) => i % 3 === 0 ? good : i % 3 === 1 ? { origin: "app" } : point
      )
      const { accepted, rejected } = yield* takePlain(parts, items)
      expect(accepted).toBe(1_000)
      expect(rejected.map(({ index }) => index)).toEqual(items.flatMap((item, i) => item === good ? [] : [i]))
      const messages = (some: typeof rejected) => Array.from(new Set(some.map(({ message }) => message)))
      expect(messages(rejected.slice(0, 1_000))).toEqual([
        "metric_type: is missing; value: is missing",
        expect.stringMatching(/^value: expected a finite number; timestamp: expected ISO 8601/)
      ])
      expect(messages(rejected.slice(1_000))).toEqual([
        "metric_type: expected 1 to 255 characters",
        "value: expected a finite number"
      ])
      expect(parts.counters).toMatchObject({ points: 1_000, rejected: 2_000 })
    }).pipe(Effect.provide(memoryStore)))
})
