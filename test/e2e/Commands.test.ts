import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import * as fs from "node:fs/promises"
import * as http from "node:http"
import * as path from "node:path"
import { ask, directory, type Ended, QueryAnswer, run, serve, start } from "./Program.js"

/** Both outputs, for a failed assertion to show. */
const shown = (ended: Ended): string => `exit ${ended.code}\n${ended.stdout}${ended.stderr}`

const fails = (ended: Ended, code: number, message: RegExp): void => {
  assert.equal(ended.code, code, shown(ended))
  assert.match(ended.stdout + ended.stderr, message)
  assert.doesNotMatch(ended.stdout + ended.stderr, /\n\s+at .*:\d+:\d+/, "a stack trace reached the user")
}

describe("wrong calls", () => {
  const cases: ReadonlyArray<readonly [words: string, code: number, message: RegExp]> = [
    ["run --no-such-option", 2, /no-such-option/],
    ["frobnicate", 2, /frobnicate|subcommand/i],
    ["serve --port 70000", 2, /--port: expected 0 to 65535, got 70000/],
    ["serve --port five", 2, /five/],
    ["serve --host 0.0.0.0 --data-dir d", 2, /--token.*--insecure|--insecure.*--token/s],
    ["serve --retention 30", 2, /30d/],
    ["serve --token-file missing", 2, /token-file missing/],
    ["run --endpoint localhost:5000", 2, /ws:\/\/localhost:5000/],
    ["run --endpoint ws://me:secret@localhost/ws/metrics", 2, /password/],
    ["run --interval 5", 2, /500ms, 1s/],
    ["run --tag rack", 2, /key=value/],
    ["run --tag=", 2, /--tag is empty/],
    ["run --endpoint=", 2, /--endpoint is empty/],
    ["send application event", 2, /ORIGIN METRIC_TYPE VALUE/],
    ["send application event many", 2, /"many" is no finite number/],
    ["send application event NaN", 2, /finite/],
    ["send application event Infinity", 2, /finite/],
    ["send application event 1 --timestamp yesterday", 2, /2026-01-31T12:00:00Z/],
    ["send application event 1 --metadata novalue", 2, /key=value/],
    ["query cpu_percent --last yesterday", 2, /1h/],
    ["query cpu_percent --server nonsense", 2, /URL/],
    ["query cpu_percent --chart --format csv", 2, /--chart goes without --format csv/]
  ]
  for (const [words, code, message] of cases) {
    it.scopedLive(`${words}: exit ${code}`, () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        fails(yield* run(words.split(" "), { cwd }), code, message)
      }))
  }

  it.scopedLive("an empty name is refused before anything is sent", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      fails(yield* run(["send", "", "event", "1"], { cwd }), 2, /origin/)
      fails(yield* run(["send", "x".repeat(300), "event", "1"], { cwd }), 2, /origin/)
    }))
})

describe("what stands in the way", () => {
  it.scopedLive("a port in use: says which, and offers --port", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port } = yield* serve(cwd)
      const second = yield* run(["serve", "--port", String(port), "--data-dir", path.join(cwd, "other")], { cwd })
      fails(second, 1, new RegExp(`${port}.*--port`, "s"))
    }))

  it.scopedLive("a data directory in use: says so and leaves the first alone", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd)
      fails(
        yield* run(["serve", "--port", "0", "--data-dir", path.join(cwd, "server")], { cwd }),
        1,
        /server.*(use|lock)/s
      )
      const agent = path.join(cwd, "agent")
      const words = ["run", "--endpoint", `${url.replace("http", "ws")}/ws/metrics`, "--data-dir", agent]
      const first = yield* start(words, { cwd })
      yield* first.says(/delivering over the WebSocket/)
      const second = yield* run(words, { cwd })
      fails(second, 1, /outbox.*in use/s)
      assert.doesNotMatch(second.stderr, /are delivered/)
      yield* ask(`${url}/api/query?metric_type=x`, QueryAnswer)
    }))

  it.scopedLive("a data directory that cannot be made: names it", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      yield* Effect.promise(() => fs.writeFile(path.join(cwd, "file"), ""))
      const dataDir = path.join(cwd, "file", "data")
      const endpoint = ["--endpoint", "ws://127.0.0.1:9/ws/metrics"]
      for (const words of [["serve", "--port", "0"], ["run", ...endpoint], ["check", ...endpoint]]) {
        const ended = yield* run([...words, "--data-dir", dataDir], { cwd })
        fails(ended, 1, /file/)
      }
    }))

  it.scopedLive("a store that is no database: refused, untouched", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const file = path.join(cwd, "store.db")
      const text = "this is a shopping list, not a database\n".repeat(100)
      yield* Effect.promise(() => fs.writeFile(file, text))
      fails(yield* run(["serve", "--port", "0", "--data-dir", cwd], { cwd }), 1, /store\.db/)
      assert.equal(yield* Effect.promise(() => fs.readFile(file, "utf8")), text)
    }))

  it.scopedLive("nobody listens: send gives up with the address; the metric is not called sent", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const words = ["send", "a", "b", "1", "--endpoint", "ws://127.0.0.1:9/ws/metrics", "--timeout", "1s"]
      fails(yield* run(words, { cwd }), 1, /127\.0\.0\.1:9.*1 metric/s)
      fails(yield* run(["query", "b", "--server", "http://127.0.0.1:9"], { cwd }), 1, /127\.0\.0\.1:9/)
      fails(yield* run(["check", "--endpoint", "ws://127.0.0.1:9/ws/metrics"], { cwd }), 1, /127\.0\.0\.1:9/)
    }))

  it.scopedLive("a wrong token: send says so at once", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port } = yield* serve(cwd, 0, ["--token", "right"])
      const words = ["send", "a", "b", "1", "--endpoint", `ws://127.0.0.1:${port}/ws/metrics`, "--token"]
      fails(yield* run([...words, "wrong"], { cwd }), 1, /token|401/i)
      assert.equal((yield* run([...words, "right"], { cwd })).code, 0)
    }))

  it.scopedLive("a server that is none of ours: send says what answered", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const port = yield* Effect.acquireRelease(
        Effect.async<{ readonly server: http.Server; readonly port: number }>((resume) => {
          const server = http.createServer((_, response) => response.end("hello"))
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            resume(Effect.succeed({ server, port: typeof address === "object" && address !== null ? address.port : 0 }))
          })
        }),
        ({ server }) => Effect.sync(() => server.close())
      )
      const endpoint = `ws://127.0.0.1:${port.port}/ws/metrics`
      fails(yield* run(["send", "a", "b", "1", "--endpoint", endpoint, "--timeout", "5s"], { cwd }), 1, /127\.0\.0\.1/)
    }))
})

describe("configuration", () => {
  it.scopedLive("flag before environment before file before default", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      yield* Effect.promise(() =>
        fs.writeFile(path.join(cwd, "metrics-collector.json"), JSON.stringify({ port: 70001, "data-dir": "from-file" }))
      )
      fails(yield* run(["serve"], { cwd }), 2, /65535/)
      fails(yield* run(["serve"], { cwd, env: { METRICS_PORT: "70002" } }), 2, /65535/)
      const program = yield* start(["serve", "--port", "0"], { cwd, env: { METRICS_PORT: "70002" } })
      assert.match(yield* program.says(/listening on .*/), /from-file/)
    }))

  it.scopedLive("a file that cannot be read as configuration is named", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      yield* Effect.promise(() => fs.writeFile(path.join(cwd, "metrics-collector.json"), "{port: 1"))
      fails(yield* run(["serve", "--port", "0"], { cwd }), 2, /configuration file/)
    }))
})

describe("help", () => {
  it.scopedLive("the overview names every command, and each command shows options and examples", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const overview = yield* run(["--help"], { cwd })
      assert.equal(overview.code, 0)
      for (const name of ["up", "run", "serve", "send", "query", "check"]) {
        assert.match(overview.stdout, new RegExp(`^  ${name} `, "m"))
        const page = yield* run([name, "--help"], { cwd })
        assert.equal(page.code, 0)
        assert.match(page.stdout, /Usage: metrics-collector/)
        assert.match(page.stdout, new RegExp(`Examples:\\n  metrics-collector ${name}`))
        assert.ok(page.stdout.split("\n").length <= 50, `${name} --help does not fit a screen`)
      }
    }))

  it.scopedLive("--version and completions", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      assert.match((yield* run(["--version"], { cwd })).stdout, /^\d+\.\d+\.\d+/)
      assert.match((yield* run(["--completions", "bash"], { cwd })).stdout, /--endpoint/)
    }))
})
