import { describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { deliverySuite, type Ways } from "../../src/testing/DeliverySuite.js"

// Time goes on whenever nobody else has something to do.
const driveClock = Effect.forever(Effect.zipRight(
  Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
  TestClock.adjust("500 millis")
))

const ways: ReadonlyArray<Ways> = ["socket", "http", "both"]

describe.each(ways)("delivery over %s", (way) => {
  for (const { name, run } of deliverySuite(way, MemoryOutbox.layer())) {
    it.scoped(name, () => Effect.zipRight(Effect.forkScoped(driveClock), run))
  }
})
