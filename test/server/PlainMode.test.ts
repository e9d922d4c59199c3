import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { takePlain } from "../../src/server/PlainMode.js"
import { PlainReader } from "../../src/server/PlainReader.js"
import { ServerCounters } from "../../src/server/ServerCounters.js"
import { MetricStore } from "../../src/store/MetricStore.js"
import { memoryStore } from "./TestServer.js"

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
      const ofBad = yield* turnsWhileTaking([...Array.from({ length: 10_000 }, () => ({})), good])
      expect(ofBad.answer.accepted).toBe(1)
      expect(ofBad.answer.rejected).toHaveLength(10_000)
      expect(ofBad.turns).toBeGreaterThanOrEqual(199)
    }).pipe(Effect.provide(memoryStore)))
})
