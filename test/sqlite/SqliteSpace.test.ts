import { describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import * as path from "node:path"
import { fileBytes, freeBytes, numberPragma, returnPages, usedBytes } from "../../src/sqlite/SqliteSpace.js"
import { directory } from "../e2e/Program.js"

/** A database of which most was deleted: some 1,600 pages are free. */
const emptied = Effect.gen(function*() {
  const file = path.join(yield* directory, "some.db")
  const db = yield* Effect.acquireRelease(Effect.sync(() => new Sqlite(file)), (db) => Effect.sync(() => db.close()))
  db.pragma("auto_vacuum = INCREMENTAL")
  db.pragma("journal_mode = WAL")
  db.exec("CREATE TABLE blobs (id INTEGER PRIMARY KEY, data BLOB)")
  const insert = db.prepare("INSERT INTO blobs (data) VALUES (zeroblob(65536))")
  db.transaction(() => {
    for (let i = 0; i < 110; i++) insert.run()
  })()
  db.exec("DELETE FROM blobs WHERE id > 10")
  return { db, file }
})

describe("the space of a SQLite file", () => {
  it.scoped("is told by what holds something and what is free", () =>
    Effect.gen(function*() {
      const { db, file } = yield* emptied
      assert.equal(usedBytes(db) + freeBytes(db), numberPragma(db, "page_count") * numberPragma(db, "page_size"))
      assert.ok(usedBytes(db) > 10 * 65_536 && usedBytes(db) < 12 * 65_536)
      assert.ok(freeBytes(db) > 98 * 65_536)
      const { wal } = fileBytes(file)
      assert.ok(wal > 0)
      db.pragma("wal_checkpoint(TRUNCATE)")
      assert.deepEqual(fileBytes(file), { file: usedBytes(db) + freeBytes(db), wal: 0 })
      assert.deepEqual(fileBytes(`${file}.none`), { file: 0, wal: 0 })
    }))

  it.scoped("is given back but for what is to be kept, some pages at a time", () =>
    Effect.gen(function*() {
      const { db } = yield* emptied
      const used = usedBytes(db)
      const seen: Array<number> = []
      const keep = () => {
        seen.push(numberPragma(db, "freelist_count"))
        return 300
      }
      yield* returnPages(db, keep, (run) => Effect.try(run))
      assert.equal(numberPragma(db, "freelist_count"), 300)
      // Fewer pages need fewer that tell where they belong.
      assert.ok(usedBytes(db) <= used)
      assert.ok(seen.length > 4)
      for (const [i, left] of seen.slice(1).entries()) assert.ok(seen[i] - left <= 256)
      yield* returnPages(db, () => 0, (run) => Effect.try(run))
      assert.equal(freeBytes(db), 0)
    }))

  it.scoped("that cannot be given back fails with the error of whoever asked", () =>
    Effect.gen(function*() {
      const { db } = yield* emptied
      db.close()
      const error = yield* Effect.flip(
        returnPages(db, () => 0, (run) => Effect.try({ try: run, catch: () => "closed" }))
      )
      assert.equal(error, "closed")
    }))
})
