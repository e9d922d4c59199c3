import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import type { Outbox, OutboxError, OutboxLimits } from "../../src/sender/Outbox.js"
import { SqliteOutbox } from "../../src/sender/SqliteOutbox.js"
import { outboxSuite } from "../../src/testing/OutboxSuite.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

const inTemporaryDirectory = (limits: Partial<OutboxLimits>): Layer.Layer<Outbox, OutboxError> =>
  Layer.unwrapScoped(Effect.map(temporaryDirectory, (dataDir) => SqliteOutbox.layer({ dataDir, ...limits })))

const outboxes = [
  ["in memory", MemoryOutbox.layer],
  ["in SQLite", inTemporaryDirectory]
] as const

describe.each(outboxes)("an outbox %s", (_, layer) => {
  for (const { name, run } of outboxSuite(layer)) it.effect(name, () => run)
})
