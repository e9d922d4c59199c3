import Sqlite from "better-sqlite3"
import { Effect, type Scope } from "effect"
import * as path from "node:path"
import type { Points } from "../../src/domain/Series.js"
import { GROUP } from "./BenchData.js"
import { answerOf, type Contender } from "./Contender.js"

const schema = `
CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS points (
  series INTEGER NOT NULL,
  time INTEGER NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (series, time)
) STRICT, WITHOUT ROWID;
`

/** One row a point in SQLite, the way most programs do it: the fastest form of it, called without anything around. */
export const openRows = (dataDir: string): Effect.Effect<Contender, never, Scope.Scope> =>
  Effect.gen(function*() {
    const db = yield* Effect.acquireRelease(
      Effect.sync(() => new Sqlite(path.join(dataDir, "store.db"))),
      (open) => Effect.sync(() => open.close())
    )
    db.pragma("journal_mode = WAL")
    // As the other store has it: what was acknowledged is on disk.
    db.pragma("synchronous = FULL")
    db.pragma("cache_size = -16000")
    db.exec(schema)
    const ids = new Map<string, number>()
    for (
      const { id, key } of db.prepare<[], { readonly id: number; readonly key: string }>("SELECT * FROM series").all()
    ) {
      ids.set(key, id)
    }
    const define = db.prepare<[string]>("INSERT INTO series (key) VALUES (?)")
    const insert = db.prepare<[number, number, number]>("INSERT INTO points VALUES (?, ?, ?)")
    const newest = db.prepare<[number], number>(
      "SELECT value FROM points WHERE series = ? ORDER BY time DESC LIMIT 1"
    ).pluck()
    const between = db.prepare<[number, number, number], { readonly time: number; readonly value: number }>(
      "SELECT time, value FROM points WHERE series = ? AND time >= ? AND time < ?"
    )
    const byMinute = db.prepare<[number, number, number], { readonly minute: number; readonly mean: number }>(
      "SELECT time / 60000 AS minute, avg(value) AS mean FROM points WHERE series = ? AND time >= ? AND time < ? " +
        "GROUP BY minute"
    )
    const remove = db.prepare<[number, number]>("DELETE FROM points WHERE series = ? AND time < ?")

    const write = db.transaction((points: Points) => {
      for (let i = 0; i < points.time.length; i++) {
        const { key } = points.series[i]
        let id = ids.get(key)
        if (id === undefined) {
          id = Number(define.run(key).lastInsertRowid)
          ids.set(key, id)
        }
        insert.run(id, points.time[i], points.value[i])
      }
    })
    const expire = db.transaction((before: number) => {
      let removed = 0
      for (const id of ids.values()) removed += remove.run(id, before).changes
      return removed
    })
    const all = () => Array.from(ids.values())

    return {
      commit: (points) => Effect.sync(() => write(points)),
      latest: Effect.sync(() => answerOf([all().map((id) => newest.get(id) ?? 0)])),
      raw: (from, to) => Effect.sync(() => answerOf([between.all(all()[0], from, to).map(({ value }) => value)])),
      minutes: (of, from, to) =>
        Effect.sync(() => {
          const chosen = all().slice(0, of === "series" ? 1 : GROUP)
          return answerOf(chosen.map((id) => byMinute.all(id, from, to).map(({ mean }) => mean)))
        }),
      minutesText: (from, to) =>
        Effect.sync(() => {
          JSON.stringify(all().slice(0, GROUP).map((id) => byMinute.all(id, from, to)))
        }),
      expire: (before) => Effect.sync(() => expire(before)),
      settle: Effect.void
    }
  })
