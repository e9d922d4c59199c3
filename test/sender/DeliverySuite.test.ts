import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { SqliteOutbox } from "../../src/sender/SqliteOutbox.js"
import { deliverySuite, type Ways } from "../../src/testing/DeliverySuite.js"
import { plainDeliverySuite } from "../../src/testing/PlainDeliverySuite.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"
import { withVirtualClock } from "./VirtualClock.js"

const ways: ReadonlyArray<Ways> = ["socket", "http", "both"]

const quiet = Logger.remove(Logger.defaultLogger)

const inTemporaryDirectory = Layer.unwrapScoped(
  Effect.map(temporaryDirectory, (dataDir) => SqliteOutbox.layer({ dataDir }))
)

describe.each(ways)("delivery over %s from an outbox in memory", (way) => {
  for (const { name, run } of deliverySuite(way, MemoryOutbox.layer())) {
    it.scopedLive(name, () => Effect.provide(withVirtualClock(run), quiet))
  }
})

describe.each(ways)("delivery over %s from an outbox in SQLite", (way) => {
  for (const { name, run } of deliverySuite(way, inTemporaryDirectory)) {
    it.scopedLive(name, () => Effect.provide(withVirtualClock(run), quiet))
  }
})

describe.each(ways)("plain delivery over %s to a server that answers", (way) => {
  for (const { name, run } of plainDeliverySuite(way, MemoryOutbox.layer(), true)) {
    it.scopedLive(name, () => Effect.provide(withVirtualClock(run), quiet))
  }
})

describe.each(ways)("plain delivery over %s to a server that answers nothing, from an outbox in SQLite", (way) => {
  for (const { name, run } of plainDeliverySuite(way, inTemporaryDirectory, false, "timeseries")) {
    it.scopedLive(name, () => Effect.provide(withVirtualClock(run), quiet))
  }
})
