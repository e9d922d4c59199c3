import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { loadMutant, type Mutant, mutate } from "./Mutant.js"
import { MUTANT_SEEDS } from "./Seeds.js"

const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a server that acknowledges before COMMIT",
    edits: [
      {
        file: "store/log/GroupCommit.ts",
        line: "commit.run()",
        by: "for (const one of written) one.succeed(); commit.run()"
      },
      { file: "store/log/GroupCommit.ts", line: "for (const one of written) one.succeed()", by: "" }
    ]
  },
  {
    name: "a store that does not save `next` with the batch",
    edits: [{ file: "store/SqliteMetricStore.ts", line: "next: admission.next,", by: "next: state.next," }]
  },
  {
    name: "a server that keeps `next` for each connection",
    edits: [
      { file: "server/Ingest.ts", line: "...writer,", by: "...writer, connection: dictionary," },
      {
        file: "store/SqliteMetricStore.ts",
        line: "const state = owned(batch, now)",
        by: "const known = (batch.connection.next ??= new Map()); const state = owned(batch, now); " +
          "if (!(state instanceof StreamOwnedError)) { const next = known.get(batch.stream) ?? state.next; " +
          "state.next = next; if (batch.first <= next) known.set(batch.stream, " +
          "Math.max(next, batch.first + batch.count)) }"
      }
    ]
  },
  {
    name: "a sender that resends from the newest",
    edits: [{
      file: "sender/delivery/Positions.ts",
      line: "position.cursor = position.confirmed",
      by: "position.cursor = Math.max(position.sent, position.confirmed)"
    }]
  },
  {
    name: "a server that tells a rejection once",
    edits: [
      {
        file: "store/SqliteMetricStore.ts",
        line:
          "for (const [offset, reason] of admission.rejected) statements.addRejection.run(batch.stream, offset, reason)",
        by: ""
      },
      {
        file: "store/SqliteMetricStore.ts",
        line: "const rejected = forget(batch)",
        by: "const rejected = admission.rejected"
      }
    ]
  },
  {
    name: "an outbox that uses its stream again after it was closed",
    edits: [{
      file: "sender/SqliteOutbox.ts",
      line: "const stream = yield* randomId",
      by: "const stream = `the stream of ${path}`; void randomId"
    }]
  },
  {
    name: "a server that forgets the definitions of a refused frame",
    edits: [{
      file: "server/socket/BatchSession.ts",
      line: "return Effect.map(commitBatch(store, counters, prepared.right), (result) => answer(frame.stream, result))",
      by: "const drop = () => { for (const { id } of frame.define) dictionary.delete(id) }; " +
        "return commitBatch(store, counters, prepared.right).pipe(Effect.tapError(() => Effect.sync(drop)), " +
        "Effect.map((result) => { if (result._tag === \"Gap\") drop(); return answer(frame.stream, result) }))"
    }]
  },
  {
    name: "a store that shows points before COMMIT",
    edits: [
      { file: "store/log/GroupCommit.ts", line: "result.push(run())", by: "result.push(committed(run()))" },
      {
        file: "store/log/GroupCommit.ts",
        line: "for (const value of result) resume(Effect.succeed(committed(value)))",
        by: "for (const value of result) resume(Effect.succeed(value))"
      }
    ]
  },
  {
    name: "a store that deletes rows of the log with points that are in no chunk",
    edits: [{
      file: "store/chunk/Flush.ts",
      line: "const oldest = head.oldestRowWithout(ids)",
      by: "const oldest = head.lastRow + 1"
    }]
  },
  {
    name: "an outbox that drops its oldest and tells no ledger",
    edits: [{
      file: "sender/outbox/StoredOutbox.ts",
      line: "yield* Effect.forEach(dropped, recordDropped, { discard: true })",
      by: ""
    }]
  },
  {
    name: "a sender that says the next hello and delivers nothing of it",
    edits: [{
      file: "sender/delivery/BatchTransports.ts",
      line: "part = yield* openPart(options)",
      by: "part = yield* Effect.zipRight(openPart(options), Effect.never)"
    }]
  },
  {
    name: "a sender that names the newest of many streams, which is never delivered to its end",
    edits: [{
      file: "sender/SocketTransport.ts",
      line: "const offered = held.slice(0, mostOffered)",
      by: "const offered = held.slice(-mostOffered)"
    }]
  },
  {
    name: "a sender that stays on a socket whose hello left streams out",
    edits: [{
      file: "sender/SocketTransport.ts",
      line: "while (!isPart || !positions.isDelivered()) {",
      by: "while (isPart || !positions.isDelivered()) {"
    }]
  }
]

describe("the simulation catches", () => {
  for (const mutant of mutants) {
    it.scopedLive(mutant.name, () =>
      Effect.gen(function*() {
        const { simulate } = yield* loadMutant(mutant)
        for (let seed = 1; seed <= MUTANT_SEEDS; seed++) {
          const { problems } = yield* simulate({ seed })
          if (problems.length > 0) return
        }
        assert.fail(`${MUTANT_SEEDS} seeds and no problem`)
      }))
  }
})

describe("a mutant", () => {
  it("cannot be of a line that is gone, or that stands twice", () => {
    const edit = { file: "a.ts", line: "b()", by: "c()" }
    assert.strictEqual(mutate("a()\n  b()\n", [edit]), "a()\nc()\n")
    assert.throws(() => mutate("a()", [edit]), /never/)
    assert.throws(() => mutate("b()\nb()", [edit]), /more often/)
  })
})
