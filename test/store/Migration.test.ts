import { assert, describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import * as path from "node:path"
import { MetricStore } from "../../src/store/MetricStore.js"
import { SqliteMetricStore } from "../../src/store/SqliteMetricStore.js"
import { STORE_APPLICATION_ID, storeMigrations } from "../../src/store/StoreSchema.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"

describe("a store of the first version", () => {
  it.scoped("keeps its streams and losses, and takes losses of collectors", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* Effect.sync(() => {
        const db = new Sqlite(path.join(dataDir, "store.db"), {})
        db.exec(storeMigrations[0])
        db.pragma(`application_id = ${STORE_APPLICATION_ID}`)
        db.pragma("user_version = 1")
        db.exec(`
          INSERT INTO streams VALUES ('s', 'me', '', 30, 2, 1, 2);
          INSERT INTO streams VALUES ('t', 'me', '', 5, 0, 3, 4);
          INSERT INTO losses (stream, sender, from_offset, to_offset, count, reason, at)
          VALUES ('s', 'me', 0, 10, 10, 'drop-oldest', 5), ('s', 'me', 12, 14, 2, 'rejected: no', 6)
        `)
        db.close()
      })
      yield* Effect.gen(function*() {
        const store = yield* MetricStore
        const writer = { stream: "t", sender: "me", owner: "", acked: 0 }
        yield* store.skip(writer, 5, 6, "unclean-end", { generator: "collector", count: null, from: 7, to: 8 })
        assert.deepStrictEqual(
          (yield* store.losses(9)).map(({ count, fromOffset, generator, reason, toOffset }) => [
            reason,
            fromOffset,
            toOffset,
            count,
            generator
          ]),
          [["unclean-end", 5, 6, null, "collector"], ["rejected: no", 12, 14, 2, null], [
            "drop-oldest",
            0,
            10,
            10,
            null
          ]]
        )
        assert.deepStrictEqual(
          (yield* store.streams).map(({ declarations, firstSeen, lost, next, rejected, stream }) => [
            stream,
            next,
            rejected,
            lost,
            declarations,
            firstSeen
          ]),
          [["s", 30, 2, 10, 0, 1], ["t", 6, 0, 0, 1, 3]]
        )
      }).pipe(Effect.provide(SqliteMetricStore.layer({ dataDir })))
    }))
})
