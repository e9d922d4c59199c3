import { describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as assert from "node:assert/strict"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { gzipSync } from "node:zlib"
import { holdingProxy } from "./HoldingProxy.js"
import { ask, directory, type Ended, ProgramError, run, serve, start } from "./Program.js"
import { steadyPort } from "./SteadyPort.js"

const began = 1_769_860_800_000

const line = (metric: object): string => `${JSON.stringify(metric)}\n`

/** Metrics of several types and series, some with what a spreadsheet or a terminal would obey. */
const metric = (i: number) => ({
  origin: i % 3 === 0 ? "=HYPERLINK(\"x\")" : i % 3 === 1 ? "app" : "\u001b]0;gone\u0007\u009b",
  metric_type: `type ${i % 4}`,
  value: i % 2 === 0 ? i : -i / 7,
  timestamp: new Date(began + Math.floor(i / 2)).toISOString(),
  metadata: {
    host: `web-${i % 5}`,
    ...(i % 3 === 0 ? { n: i, note: { value: "a, \"b\"\nc" }, deep: { list: [1, null, true] } } : {})
  }
})

const lines = (count: number): string => Array.from({ length: count }, (_, i) => line(metric(i))).join("")

const sorted = (text: string): ReadonlyArray<string> =>
  text.trim().split("\n").map((own) => JSON.stringify(sortKeys(JSON.parse(own)))).sort()

const sortKeys = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sortKeys)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(
      Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, own]: [string, unknown]) => [
        key,
        sortKeys(own)
      ])
    )
    : value

const Status = Schema.Struct({ store: Schema.Struct({ points: Schema.Number }) })

const pointsOf = (url: string) => Effect.map(ask(`${url}/api/status`, Status), ({ store }) => store.points)

const write = (file: string, text: string | Uint8Array) => Effect.promise(() => fs.writeFile(file, text))
const read = (file: string) => Effect.promise(() => fs.readFile(file, "utf8"))
const exists = (file: string) => Effect.promise(() => fs.access(file).then(() => true, () => false))

const ok = (ended: Ended): Ended => {
  assert.equal(ended.code, 0, ended.stdout + ended.stderr)
  return ended
}

const fails = (ended: Ended, code: number, message: RegExp): void => {
  assert.equal(ended.code, code, ended.stdout + ended.stderr)
  assert.match(ended.stderr, message)
  assert.doesNotMatch(ended.stderr, /\n\s+at .*:\d+:\d+/, "a stack trace reached the user")
}

describe("export and import", () => {
  for (const format of ["ndjson", "csv"]) {
    it.scopedLive(`carry everything to another server as ${format}, exactly`, () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const [from, to] = [yield* serve(cwd), yield* serve(yield* directory)]
        const given = lines(2_000)
        ok(yield* run(["import", "-", "--server", from.url], { cwd }, given))
        const file = path.join(cwd, `all.${format}`)
        const said = ok(yield* run(["export", "--format", format, "--output", file, "--server", from.url], { cwd }))
        assert.match(said.stdout, /2000 points/)
        ok(yield* run(["import", file, "--server", to.url], { cwd }))
        const back = ok(yield* run(["export", "--server", to.url], { cwd }))
        assert.deepEqual(sorted(back.stdout), sorted(given))
        if (format === "csv") assert.doesNotMatch(yield* read(file), /(?:^|,)"?[=+@]/m)
      }))
  }

  it.scopedLive("some of it: by metric type, origin, tag and time", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd)
      const given = lines(200)
      ok(yield* run(["import", "-", "--server", url], { cwd }, given))
      const exported = (words: ReadonlyArray<string>) =>
        Effect.map(run(["export", ...words, "--server", url], { cwd }), (ended) => sorted(ok(ended).stdout))
      const all = Array.from({ length: 200 }, (_, i) => metric(i))
      const only = (keep: (own: typeof all[number]) => boolean) => sorted(all.filter(keep).map(line).join(""))
      assert.deepEqual(yield* exported(["type 1"]), only((own) => own.metric_type === "type 1"))
      assert.deepEqual(
        yield* exported(["--origin", "app", "--tag", "host=web-3"]),
        only((own) => own.origin === "app" && own.metadata.host === "web-3")
      )
      const [from, to] = [began + 10, began + 50]
      assert.deepEqual(
        yield* exported(["--from", String(from), "--to", new Date(to).toISOString()]),
        only(({ timestamp }) => Date.parse(timestamp) >= from && Date.parse(timestamp) < to)
      )
      assert.equal((yield* run(["export", "nothing", "--server", url], { cwd })).stdout, "")
    }))

  it.scopedLive("points of an overflow series leave as what they were sent as", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd)
      const given = Array.from({ length: 10_005 }, (_, i) =>
        line({
          origin: "many",
          metric_type: "m",
          value: i,
          timestamp: new Date(began).toISOString(),
          metadata: { id: String(i), n: i }
        })).join("")
      ok(yield* run(["import", "-", "--server", url], { cwd }, given))
      const back = ok(yield* run(["export", "--server", url], { cwd }))
      assert.deepEqual(sorted(back.stdout), sorted(given))
    }))
})

describe("import", () => {
  it.scopedLive(
    "killed while an acknowledgement is on its way, and repeated: each metric is there once",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const { port, url } = yield* serve(cwd)
        const file = path.join(cwd, "m.ndjson")
        yield* write(file, lines(20_000))
        const proxy = yield* holdingProxy(port)
        yield* proxy.holdAfter(8, "/api/metrics")
        const first = yield* start(["import", file, "--server", proxy.url], { cwd })
        yield* proxy.held
        yield* first.kill("SIGKILL")
        yield* first.ended
        const stored = yield* pointsOf(url)
        assert.ok(stored > 0 && stored < 20_000, `${stored} are stored`)

        const second = ok(yield* run(["import", file, "--server", url], { cwd }))
        assert.match(second.stdout, new RegExp(`${20_000 - stored} metrics imported, ${stored} were imported before`))
        assert.equal(yield* pointsOf(url), 20_000)
        const back = ok(yield* run(["export", "--server", url], { cwd }))
        assert.deepEqual(sorted(back.stdout), sorted(yield* read(file)))
      })
  )

  it.scopedLive(
    "a file that was imported changes nothing, under another name or gzipped; a changed one is another",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const { url } = yield* serve(cwd)
        const files = ["a.ndjson", "b.txt", "c.ndjson.gz"].map((name) => path.join(cwd, name))
        const text = lines(1_500)
        yield* write(files[0], text)
        yield* write(files[1], text)
        yield* write(files[2], gzipSync(text))
        assert.match(ok(yield* run(["import", files[2], "--server", url], { cwd })).stdout, /1500 metrics imported/)
        const again = ok(yield* run(["import", ...files, "--server", url], { cwd }))
        assert.equal(again.stdout.match(/nothing new, all 1500/g)?.length, 3)
        assert.match(ok(yield* run(["import", "-", "--server", url], { cwd }, text)).stdout, /nothing new/)
        assert.equal(yield* pointsOf(url), 1_500)
        yield* write(files[0], `${text}\n`)
        ok(yield* run(["import", files[0], "--server", url], { cwd }))
        assert.equal(yield* pointsOf(url), 3_000)
      })
  )

  it.scopedLive(
    "lines that are no metrics are told, written aside, and cost the others nothing",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const { url } = yield* serve(cwd)
        const file = path.join(cwd, "m.ndjson")
        const rejects = path.join(cwd, "bad.ndjson")
        const bad = [
          "no JSON \u001b[2J\n",
          line({ ...metric(0), value: "warm" }),
          line({ origin: "o", metric_type: "m", value: 1 })
        ]
        yield* write(file, lines(10) + bad.join("") + lines(10))
        const ended = yield* run(["import", file, "--server", url, "--rejects", rejects], { cwd })
        fails(ended, 1, /m\.ndjson:11: no JSON/)
        assert.match(ended.stderr, /m\.ndjson:12: value: expected a finite number/)
        assert.match(ended.stderr, /m\.ndjson:13: timestamp: is missing/)
        assert.match(ended.stderr, /3 lines were not imported/)
        assert.doesNotMatch(ended.stderr, /\u001b/)
        assert.match(ended.stdout, /20 metrics imported/)
        assert.equal(yield* read(rejects), bad.join(""))
        const losses = yield* ask(`${url}/api/losses`, Schema.Array(Schema.Unknown))
        assert.deepEqual(losses, [])

        const many = path.join(cwd, "bad.csv")
        yield* write(many, `timestamp,origin,metric_type,value\n${"0,o,m,x\n".repeat(30)}0,o,m,1\n`)
        const csv = yield* run(["import", many, "--server", url], { cwd })
        fails(csv, 1, /30 lines were not imported \(the first 20 stand above\)/)
        assert.equal(csv.stderr.match(/bad\.csv:\d+: value/g)?.length, 20)
        assert.equal(yield* pointsOf(url), 21)
      })
  )

  it.scopedLive(
    "a server that goes away is waited for; one that stays away is told, with what to do",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const { port, program, url } = yield* serve(cwd, yield* steadyPort)
        const file = path.join(cwd, "m.ndjson")
        yield* write(file, lines(5_000))
        yield* program.kill("SIGKILL")
        yield* program.ended
        fails(
          yield* run(["import", file, "--server", url, "--timeout", "1s"], { cwd }),
          1,
          /same command again goes on from there/
        )
        const waiting = yield* start(["import", file, "--server", url, "--timeout", "80s"], { cwd })
        yield* waiting.says(/trying again/)
        yield* serve(cwd, port)
        ok(yield* waiting.ended)
        assert.equal(yield* pointsOf(url), 5_000)
      })
  )

  it.scopedLive(
    "says what stands in the way: no file, a wrong token, columns without names, half a gzip",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const { url } = yield* serve(cwd, 0, ["--token", "right"])
        const file = path.join(cwd, "m.csv")
        yield* write(file, "0,o,m,1\n")
        fails(yield* run(["import", "missing.ndjson", "--server", url], { cwd }), 2, /missing\.ndjson/)
        fails(yield* run(["import", cwd, "--server", url], { cwd }), 2, /is a directory/)
        fails(yield* run(["import", file, "--server", url, "--token", "wrong"], { cwd }), 1, /401.*--token/s)
        fails(yield* run(["import", file, "--server", url, "--token", "right"], { cwd }), 1, /line 1: the column "0"/)
        const half = path.join(cwd, "half.gz")
        yield* write(half, gzipSync(lines(1_000)).subarray(0, 2_000))
        fails(yield* run(["import", half, "--server", url, "--token", "right"], { cwd }), 1, /cannot be unzipped/)
        assert.equal((yield* run(["import"], { cwd })).code, 2)
      })
  )
})

describe("export", () => {
  const State = Schema.parseJson(Schema.Struct({ points: Schema.Number, bytes: Schema.Number }))

  it.scopedLive(
    "killed in the middle and begun again: the file is as one that was written in one go",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const { port, url } = yield* serve(cwd)
        ok(yield* run(["import", "-", "--server", url], { cwd }, lines(4_000)))
        const whole = path.join(cwd, "whole.ndjson")
        const file = path.join(cwd, "part.ndjson")
        ok(yield* run(["export", "--output", whole, "--server", url], { cwd }))

        const proxy = yield* holdingProxy(port)
        yield* proxy.holdAfter(2, "/api/query")
        const first = yield* start(["export", "--output", file, "--server", proxy.url], { cwd })
        yield* proxy.held
        yield* first.kill("SIGKILL")
        yield* first.ended
        assert.equal(yield* exists(file), false)
        const { bytes, points } = yield* Effect.mapError(
          Schema.decode(State)(yield* read(`${file}.part.json`)),
          (error) => new ProgramError({ message: error.message })
        )
        assert.equal(points, 2_000)
        // What a page wrote before it was counted is no part of the file.
        yield* Effect.promise(() => fs.appendFile(`${file}.part`, "half a li"))

        fails(
          yield* run(["export", "type 1", "--output", file, "--server", url], { cwd }),
          2,
          /other options.*--force/
        )
        const other = yield* serve(yield* directory)
        fails(yield* run(["export", "--output", file, "--server", other.url], { cwd }), 1, /another store.*--force/)

        const second = ok(yield* run(["export", "--output", file, "--server", url], { cwd }))
        assert.match(second.stdout, /4000 points/)
        assert.equal(yield* read(file), yield* read(whole))
        assert.ok(bytes > 0 && bytes < (yield* read(whole)).length)
        assert.deepEqual([yield* exists(`${file}.part`), yield* exists(`${file}.part.json`)], [false, false])

        fails(yield* run(["export", "--output", file, "--server", url], { cwd }), 2, /is there already.*--force/)
        ok(yield* run(["export", "type 1", "--output", file, "--force", "--server", url], { cwd }))
        assert.equal(sorted(yield* read(file)).length, 1_000)
      })
  )

  it.scopedLive("killed when all was written but the name: nothing is written twice", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd)
      ok(yield* run(["import", "-", "--server", url], { cwd }, lines(100)))
      const file = path.join(cwd, "all.ndjson")
      const proxy = yield* holdingProxy(Number(new URL(url).port))
      yield* proxy.holdAfter(3, "/api/query")
      const first = yield* start(["export", "--output", file, "--server", proxy.url], { cwd })
      yield* proxy.held
      yield* first.kill("SIGKILL")
      yield* first.ended
      const state: object = JSON.parse(yield* read(`${file}.part.json`))
      yield* write(`${file}.part.json`, JSON.stringify({ ...state, place: null, done: true }))
      ok(yield* run(["export", "--output", file, "--server", url], { cwd }))
      assert.equal(sorted(yield* read(file)).length, 75)
    }))

  it.scopedLive("a server that is started again meanwhile is waited for", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, program, url } = yield* serve(cwd, yield* steadyPort)
      ok(yield* run(["import", "-", "--server", url], { cwd }, lines(2_000)))
      const file = path.join(cwd, "all.csv")
      const proxy = yield* holdingProxy(port)
      yield* proxy.holdAfter(1, "/api/query")
      const exporting = yield* start(
        ["export", "--format", "csv", "--output", file, "--server", proxy.url, "--timeout", "80s"],
        { cwd }
      )
      yield* proxy.held
      yield* program.kill("SIGKILL")
      yield* program.ended
      yield* proxy.release
      yield* exporting.says(/trying again/)
      yield* serve(cwd, port)
      assert.match(ok(yield* exporting.ended).stdout, /2000 points/)
      assert.equal((yield* read(file)).trim().split("\n").length, 2_001)
    }))

  it.scopedLive("says what is wrong with a call, before anything is written", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const nobody = ["--server", "http://127.0.0.1:9"]
      fails(yield* run(["export", ...nobody], { cwd }), 1, /127\.0\.0\.1:9/)
      fails(yield* run(["export", "--last", "1h", "--from", "0", ...nobody], { cwd }), 2, /--last goes without/)
      fails(yield* run(["export", "--force", ...nobody], { cwd }), 2, /--force needs --output/)
      fails(yield* run(["export", "--last", "30", ...nobody], { cwd }), 2, /--last: "30" is no duration/)
    }))
})
