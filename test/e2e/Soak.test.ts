import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import { accountFor, type Life } from "../../scripts/soak/Account.js"
import { makePlan, nameOf } from "../../scripts/soak/Plan.js"
import { soak } from "../../scripts/soak/Soak.js"

const life: Life = {
  producer: "agent",
  life: 0,
  begin: 0,
  asked: 12,
  told: 8,
  stream: "s",
  accepted: 10,
  uncleanAt: undefined
}

/** How often each of the numbers came. */
const seenAs = (...counts: ReadonlyArray<number>) => ({ seen: new Map([[0, Uint8Array.from(counts)]]), strange: [] })

const accountOf = (
  seen: ReturnType<typeof seenAs>,
  losses: Parameters<typeof accountFor>[3] = [],
  waiting: Parameters<typeof accountFor>[4] = [],
  lives: ReadonlyArray<Life> = [life]
) => accountFor("dropping", lives, seen, losses, waiting)

const lost = { stream: "s", from: 2, to: 4, count: 2, reason: "drop-oldest" }

describe("the account of a soak", () => {
  it("agrees when all that was accepted is stored, waits, or is declared lost", () => {
    assert.deepEqual(accountOf(seenAs(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0)).differences, [])
    const mixed = accountOf(seenAs(1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0), [lost], [{ stream: "s", acked: 8, next: 10 }])
    assert.deepEqual(mixed.differences, [])
    assert.deepEqual([mixed.stored, mixed.pending, mixed.lost, mixed.missing], [6, 2, 2, 0])
  })

  it("names what is missing, doubled, invented, or both stored and lost", () => {
    const missing = accountOf(seenAs(1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0))
    assert.equal(missing.missing, 2)
    assert.match(missing.differences.join("\n"), /2 are neither stored nor declared lost: 5 to 6/)
    const doubled = accountOf(seenAs(1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 0, 0))
    assert.equal(doubled.doubled, 2)
    assert.match(doubled.differences.join("\n"), /stored more than once: 3/)
    const beyond = accountOf(seenAs(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0))
    assert.match(beyond.differences.join("\n"), /1 are stored and were not accepted: 10/)
    const both = accountOf(seenAs(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0), [lost])
    assert.match(both.differences.join("\n"), /2 are stored and declared lost: 2 to 3/)
    const forgotten = accountOf(seenAs(1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0), [], [], [{ ...life, accepted: 6 }])
    assert.match(forgotten.differences.join("\n"), /8 were told accepted, and its outbox knows 6/)
  })

  it("takes no loss of accepted metrics from who did not choose to drop any, nor for another reason", () => {
    const seen = seenAs(1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0)
    const rollback = accountOf(seen, [{ ...lost, reason: "server-rollback" }])
    assert.match(rollback.differences.join("\n"), /a loss server-rollback of 2 metrics that nothing explains/)
    const agent = accountFor("agent", [{ ...life, producer: "agent" }], seen, [lost], [])
    assert.match(agent.differences.join("\n"), /a loss drop-oldest of 2 metrics that nothing explains/)
  })

  it("wants a loss that tells of every unclean end, and knows that its offset is no metric", () => {
    const unclean = { ...life, accepted: 11, uncleanAt: 5_000 }
    const record = {
      stream: "s",
      from: 0,
      to: 1,
      count: null,
      reason: "unclean-end",
      generator: "collector",
      timeFrom: 4_000,
      timeTo: 6_000
    }
    const all = seenAs(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0)
    assert.deepEqual(accountOf(all, [record], [], [unclean]).differences, [])
    const early = accountOf(all, [{ ...record, timeTo: 4_500 }], [], [unclean])
    assert.match(early.differences.join("\n"), /did not end by itself at .*, and no loss says so/)
    const odd = accountOf(all, [record, { ...record, from: 11, to: 12, reason: "queue-overflow", count: 3 }], [], [
      unclean
    ])
    assert.match(odd.differences.join("\n"), /a loss queue-overflow of 3 metrics that nothing explains/)
  })
})

describe("the plan of a soak", () => {
  it.effect("is the same for the same seed, another for another, and knows every kind of fault", () =>
    Effect.gen(function*() {
      const one = yield* makePlan(7, 600_000)
      assert.deepEqual(yield* makePlan(7, 600_000), one)
      assert.notDeepEqual(yield* makePlan(8, 600_000), one)
      const kinds = new Set(one.map(({ fault }) => nameOf(fault).split(" ")[0]))
      assert.equal(kinds.size, 15)
    }))
})

describe("a short soak", () => {
  it.live(
    "collectors and server are killed behind a bad network: all that was accepted is stored once",
    () =>
      Effect.gen(function*() {
        const { accounts, differences, programs } = yield* soak({ seed: 1, millis: 20_000, rate: 2_000 })
        assert.deepEqual(differences, [])
        // The first, one more for each that was killed or stopped, and the one that is read from.
        assert.ok((programs.find(({ role }) => role === "server")?.starts ?? 0) > 2)
        for (const { producer, stored } of accounts) assert.ok(stored > 0, `nothing of ${producer} is stored`)
      }),
    // Its own patience comes first: it says what was missing.
    900_000
  )
})
