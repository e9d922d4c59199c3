import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { SqliteOutbox } from "../../src/sender/SqliteOutbox.js"
import { deliverySuite, type Ways } from "../../src/testing/DeliverySuite.js"
import { driveClock } from "./driveClock.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

const ways: ReadonlyArray<Ways> = ["socket", "http", "both"]

const inTemporaryDirectory = Layer.unwrapScoped(
  Effect.map(temporaryDirectory, (dataDir) => SqliteOutbox.layer({ dataDir }))
)

describe.each(ways)("delivery over %s from an outbox in memory", (way) => {
  for (const { name, run } of deliverySuite(way, MemoryOutbox.layer())) {
    it.scoped(name, () => Effect.zipRight(Effect.forkScoped(driveClock), run))
  }
})

describe.each(ways)("delivery over %s from an outbox in SQLite", (way) => {
  for (const { name, run } of deliverySuite(way, inTemporaryDirectory)) {
    it.scoped(name, () => Effect.zipRight(Effect.forkScoped(driveClock), run))
  }
})
