import { describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as assert from "node:assert/strict"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { directory, type Ended, eventually, ProgramError, run, serve, start } from "./Program.js"

const began = 1_769_860_800_000

const lines = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) =>
    `${
      JSON.stringify({
        origin: "walk",
        metric_type: `step\u001b[2J${(from + i) % 3}`,
        value: from + i,
        timestamp: began + from + i,
        metadata: { host: `web-${i % 4}`, n: i }
      })
    }\n`).join("")

const shown = ({ code, stderr, stdout }: Ended): string => `exit ${code}\n${stdout}${stderr}`

const ok = (ended: Ended): Ended => {
  assert.equal(ended.code, 0, shown(ended))
  return ended
}

const fails = (ended: Ended, code: number, message: RegExp): void => {
  assert.equal(ended.code, code, shown(ended))
  assert.match(ended.stderr, message)
}

const Report = Schema.parseJson(Schema.Struct({
  bytes: Schema.Struct({ file: Schema.Number, wal: Schema.Number, free: Schema.Number }),
  series: Schema.Number,
  points: Schema.Number,
  oldest: Schema.NullOr(Schema.Number),
  newest: Schema.NullOr(Schema.Number),
  streams: Schema.Number,
  tables: Schema.Record({ key: Schema.String, value: Schema.Number }),
  metricTypes: Schema.Array(Schema.Struct({ metricType: Schema.String, series: Schema.Number, points: Schema.Number }))
}))

const reportOf = (cwd: string, dataDir: string) =>
  Effect.flatMap(
    run(["store", "stats", "--format", "json", "--data-dir", dataDir], { cwd }),
    (ended) => Effect.mapError(Schema.decode(Report)(ended.stdout), () => new ProgramError({ message: shown(ended) }))
  )

const valuesOf = (cwd: string, url: string) =>
  Effect.map(run(["export", "--server", url], { cwd }), (ended) =>
    ok(ended).stdout.trim().split("\n").map((line) => {
      const { value }: { readonly value: number } = JSON.parse(line)
      return value
    }).sort((a, b) => a - b))

describe("backup", () => {
  it.scopedLive(
    "of a store that takes metrics meanwhile: all that was acknowledged before it is in it, and opens",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const { url } = yield* serve(cwd)
        const acknowledged = { count: 0 }
        const batch = 200
        const post = Effect.tryPromise({
          try: async () => {
            const body = `[${lines(acknowledged.count, batch).trim().replaceAll("\n", ",")}]`
            const headers = { "content-type": "application/json" }
            const response = await fetch(`${url}/api/metrics`, { method: "POST", headers, body })
            await response.text()
            assert.equal(response.status, 200)
            acknowledged.count += batch
          },
          catch: (cause) => new ProgramError({ message: String(cause) })
        })
        yield* Effect.repeatN(post, 20)
        yield* Effect.forkScoped(Effect.forever(post))
        const before = acknowledged.count
        const file = path.join(cwd, "copy.db")
        const said = ok(yield* run(["backup", file, "--data-dir", path.join(cwd, "server")], { cwd }))
        assert.match(said.stdout, /copy\.db: .*B, \d+ points of 12 series, checked/)
        assert.ok(acknowledged.count > before, "nothing was acknowledged during the backup")
        assert.deepEqual((yield* Effect.promise(() => fs.readdir(cwd))).filter((name) => /copy/.test(name)), [
          "copy.db"
        ])

        const restored = yield* directory
        yield* Effect.promise(async () => {
          await fs.mkdir(path.join(restored, "server"))
          await fs.rename(file, path.join(restored, "server", "store.db"))
        })
        const report = yield* reportOf(cwd, path.join(restored, "server"))
        assert.ok(report.points >= before, `${report.points} of ${before}`)
        const second = yield* serve(restored)
        const values = yield* valuesOf(cwd, second.url)
        assert.equal(report.points, values.length)
        // One state of the store: whole commits, in their order, up to one of them.
        assert.deepEqual(values, Array.from({ length: values.length }, (_, i) => i))
        assert.equal(values.length % batch, 0)
      })
  )

  it.scopedLive("overwrites nothing unasked, and says what is missing", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd)
      const dataDir = path.join(cwd, "server")
      const backup = (...words: ReadonlyArray<string>) => run(["backup", ...words], { cwd })
      ok(yield* run(["import", "-", "--server", url], { cwd }, lines(0, 100)))
      const file = path.join(cwd, "copy.db")
      yield* Effect.promise(() => fs.writeFile(file, "mine"))
      fails(yield* backup(file, "--data-dir", dataDir), 2, /copy\.db is there already.*--force/)
      assert.equal(yield* Effect.promise(() => fs.readFile(file, "utf8")), "mine")
      assert.match(ok(yield* backup(file, "--force", "--data-dir", dataDir)).stdout, /100 points/)
      const own = path.join(dataDir, "store.db")
      fails(yield* backup(own, "--force", "--data-dir", dataDir), 2, /is the database itself/)
      fails(yield* backup(path.join(cwd, "none", "copy.db"), "--data-dir", dataDir), 2, /none is no directory/)
      fails(yield* backup(cwd, "--data-dir", dataDir), 2, /is a directory/)
      fails(yield* backup("x.db", "--data-dir", path.join(cwd, "empty")), 1, /no store in .*empty; --data-dir/)
      fails(yield* backup("x.db", "--outbox", "--data-dir", dataDir), 1, /no outbox in/)
    }))

  it.scopedLive("of an outbox holds what a running collector could not deliver", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "agent")
      const agent = yield* start(
        ["run", "--stdin", "--no-self-metrics", "--endpoint", "ws://127.0.0.1:9/ws/metrics", "--data-dir", dataDir],
        { cwd }
      )
      yield* agent.write(lines(0, 500))
      const statusOf = (dir: string) => run(["outbox", "status", "--data-dir", dir], { cwd })
      yield* eventually(Effect.filterOrFail(
        statusOf(dataDir),
        ({ stdout }) => /Pending +500 metrics/.test(stdout),
        (ended) => new ProgramError({ message: shown(ended) })
      ))
      const restored = path.join(cwd, "restored")
      yield* Effect.promise(() => fs.mkdir(restored))
      ok(yield* run(["backup", path.join(restored, "outbox.db"), "--outbox", "--data-dir", dataDir], { cwd }))
      yield* agent.kill("SIGKILL")
      yield* agent.ended
      const { port, url } = yield* serve(cwd)
      const endpoint = ["--endpoint", `ws://127.0.0.1:${port}/ws/metrics`]
      ok(yield* run(["outbox", "drain", ...endpoint, "--data-dir", restored], { cwd }))
      ok(yield* run(["outbox", "drain", ...endpoint, "--data-dir", dataDir], { cwd }))
      assert.deepEqual(yield* valuesOf(cwd, url), Array.from({ length: 500 }, (_, i) => i))
    }))
})

describe("store", () => {
  it.scopedLive(
    "stats counts what a running server holds; vacuum waits for it to be stopped, and loses nothing",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const dataDir = path.join(cwd, "server")
        const { program, url } = yield* serve(cwd)
        ok(yield* run(["import", "-", "--server", url], { cwd }, lines(0, 20_000)))
        const running = yield* reportOf(cwd, dataDir)
        assert.deepEqual(
          [running.points, running.series, running.oldest, running.newest, running.streams],
          [20_000, 12, began, began + 19_999, 1]
        )
        assert.deepEqual(
          running.metricTypes.map(({ points, series }) => `${points} of ${series}`).sort(),
          ["6666 of 4", "6667 of 4", "6667 of 4"]
        )
        assert.ok((running.tables["chunks"] ?? 0) > 0)
        const table = ok(yield* run(["store", "stats", "--top", "2", "--data-dir", dataDir], { cwd }))
        assert.match(table.stdout, /Points +20000/)
        assert.match(table.stdout, /and 1 more metric types/)
        assert.doesNotMatch(table.stdout, /\u001b/)
        fails(
          yield* run(["store", "vacuum", "--data-dir", dataDir], { cwd }),
          1,
          /a server is running with it; stop it/
        )

        yield* program.kill("SIGTERM")
        yield* program.ended
        for (const words of [[], ["--full"]]) {
          const vacuumed = ok(yield* run(["store", "vacuum", ...words, "--data-dir", dataDir], { cwd }))
          assert.match(vacuumed.stdout, /store\.db: .*B before, .*B now/)
          const after = yield* reportOf(cwd, dataDir)
          assert.deepEqual([after.points, after.bytes.free, after.bytes.wal], [20_000, 0, 0])
        }
        const again = yield* serve(cwd)
        assert.deepEqual(yield* valuesOf(cwd, again.url), Array.from({ length: 20_000 }, (_, i) => i))
      })
  )

  it.scopedLive("says that there is none, and makes none", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      for (const part of ["stats", "vacuum"]) {
        fails(yield* run(["store", part, "--data-dir", cwd], { cwd }), 1, /no store in .*--data-dir/)
      }
      assert.deepEqual(yield* Effect.promise(() => fs.readdir(cwd)), [])
      assert.equal((yield* run(["store"], { cwd })).code, 2)
      fails(yield* run(["store", "stats", "--top=-1"], { cwd }), 2, /--top/)
    }))
})
