import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { transitionNames } from "../../../src/sender/delivery/DeliveryState.js"
import { describeFault, simulate, type SimulationReport } from "../../../src/testing/simulation/Simulation.js"
import { SUITE_SEEDS } from "./Seeds.js"

const inWords = ({ faults, problems, seed }: SimulationReport): string =>
  [
    `seed ${seed} fails; all that happens: npm run simulate -- --seed ${seed} --trace`,
    ...problems.map((problem) => `  ${problem.slice(0, 500)}`),
    ...faults.map((fault) => `  ${describeFault(fault)}`)
  ].join("\n")

// Seeds of one test, so that a run tells how far it is.
const together = 250

describe("the simulation", () => {
  const seen = new Set<string>()

  for (let from = 1; from <= SUITE_SEEDS; from += together) {
    const to = Math.min(SUITE_SEEDS, from + together - 1)
    it.live(
      `stores each metric once or declares its loss, whatever the seeds from ${from} to ${to} break`,
      () =>
        Effect.gen(function*() {
          for (let seed = from; seed <= to; seed++) {
            const report = yield* simulate({ seed })
            assert.deepStrictEqual(report.problems, [], inWords(report))
            for (const name of report.transitions.keys()) seen.add(name)
          }
        }),
      600_000
    )
  }

  it("goes every transition of delivery with those seeds", () => {
    assert.deepStrictEqual(transitionNames.filter((name) => !seen.has(name)), [])
  })

  it.live("runs the same way again for the same seed, and another way for another", () =>
    Effect.gen(function*() {
      const checksums = new Set<string>()
      for (const seed of [3, 7, 38, 95]) {
        const first = yield* simulate({ seed, trace: true })
        const again = yield* simulate({ seed })
        assert.strictEqual(again.checksum, first.checksum, `seed ${seed}`)
        assert.deepStrictEqual(again.points, first.points)
        assert.isNotEmpty(first.trace)
        checksums.add(first.checksum)
      }
      assert.strictEqual(checksums.size, 4)
    }))

  it.live("runs a schedule of faults that is given", () =>
    Effect.gen(function*() {
      const calm = yield* simulate({ seed: 1, faults: [] })
      assert.deepStrictEqual(calm.problems, [])
      assert.isFalse(calm.transitions.has("HttpWaiting → Http (HttpAnswered)"))
      assert.isAbove(calm.points.accepted, 0)
      assert.strictEqual(calm.points.stored, calm.points.accepted)
      const cut = yield* simulate({
        seed: 1,
        faults: [{ at: 5_000, kind: "refuse-sockets", lasts: 60_000, how: "503" }, {
          at: 5_000,
          kind: "cut",
          code: 1006,
          oneSided: false
        }]
      })
      assert.deepStrictEqual(cut.problems, [])
      assert.isTrue(cut.transitions.has("HttpWaiting → Http (HttpAnswered)"))
    }))

  it.live("gives up a connection to a server that died without a word, though the sender's clock is set back by a day", () =>
    Effect.gen(function*() {
      // One connection in four is not told that its server died.
      for (let seed = 1; seed <= 16; seed++) {
        const report = yield* simulate({
          seed,
          faults: [
            { at: 10_000, kind: "server-dies", death: { moment: "now" }, downFor: 2_000 },
            { at: 11_000, kind: "clock-jumps", by: -86_400_000, host: "sender" }
          ]
        })
        assert.deepStrictEqual(report.problems, [], inWords(report))
      }
    }))
})
