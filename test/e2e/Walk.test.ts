import { describe, it } from "@effect/vitest"
import Sqlite from "better-sqlite3"
import { Effect, Schema } from "effect"
import * as assert from "node:assert/strict"
import * as path from "node:path"
import { ask, directory, eventually, ProgramError, QueryAnswer, run, serve, start } from "./Program.js"
import { refusableProxy } from "./RefusableProxy.js"
import { steadyPort } from "./SteadyPort.js"

const Status = Schema.Struct({
  streams: Schema.Array(Schema.Struct({ stream: Schema.String, next: Schema.Number })),
  store: Schema.Struct({ points: Schema.Number })
})

const values = (url: string, metricType: string): Effect.Effect<ReadonlyArray<unknown>, ProgramError> =>
  Effect.map(
    ask(`${url}/api/query?metric_type=${metricType}`, QueryAnswer),
    ({ series }) => series.flatMap(({ points }) => points.map(([, value]) => value))
  )

const lines = (from: number, to: number): string =>
  Array.from(
    { length: to - from },
    (_, i) => `${JSON.stringify({ origin: "walk", metric_type: "step", value: from + i })}\n`
  ).join("")

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

const holdsExactly = (url: string, count: number): Effect.Effect<void, ProgramError> =>
  eventually(Effect.flatMap(values(url, "step"), (found) =>
    found.length < count
      ? Effect.fail(new ProgramError({ message: `${found.length} of ${count} arrived` }))
      : Effect.sync(() => assert.deepEqual(found, upTo(count)))))

/** How many metrics wait in the outbox of a data directory. */
const waitingIn = (dataDir: string): unknown => {
  const db = new Sqlite(path.join(dataDir, "outbox.db"), { readonly: true, fileMustExist: true })
  try {
    return db.prepare("SELECT sum(count) FROM batches").pluck().get()
  } finally {
    db.close()
  }
}

const socketUrl = (port: number): string => `ws://127.0.0.1:${port}/ws/metrics`

describe("the main walk", () => {
  it.scopedLive("collects this host, delivers it, stores it, answers for it", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd)
      const agent = yield* start(["run", "--system", "--endpoint", socketUrl(port), "--hostname", "walker"], { cwd })
      const answer = yield* eventually(Effect.filterOrFail(
        ask(`${url}/api/query?metric_type=cpu_percent&tag.host=walker`, QueryAnswer),
        ({ series }) => series.some(({ points }) => points.length >= 2),
        () => new ProgramError({ message: "no CPU of this host arrived" })
      ))
      assert.equal(answer.series[0].origin, "system")
      yield* agent.kill("SIGTERM")
      const ended = yield* agent.ended
      assert.equal(ended.code, 0, ended.stderr)
      const table = yield* run(["query", "cpu_percent", "--server", url], { cwd })
      assert.equal(table.code, 0, table.stderr)
      assert.match(table.stdout, /host=walker/)
      const chart = yield* run(["query", "cpu_percent", "--chart", "--server", url], { cwd })
      assert.match(chart.stdout, /%┤.*[━┃┏┓┗┛]/)
      assert.match(chart.stdout, /system.*host=walker/)
    }))

  it.scopedLive("send, then query shows it", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd)
      const words = ["send", "application", "event", "1", "--metadata", "event_name=user_login"]
      const sent = yield* run([...words, "--endpoint", socketUrl(port)], { cwd })
      assert.equal(sent.code, 0, sent.stderr)
      const table = yield* run(["query", "event", "--server", url], { cwd })
      assert.match(table.stdout, /application.*event_name=user_login.*1/)
      const json = yield* run(["query", "event", "--server", url, "--format", "json"], { cwd })
      const { series } = yield* Schema.decode(Schema.parseJson(QueryAnswer))(json.stdout)
      assert.deepEqual(series[0].tags, { event_name: "user_login" })
      const csv = yield* run(["query", "event", "--server", url, "--format", "csv"], { cwd })
      assert.equal(csv.stdout.trim().split("\n").length, 2)
      const nothing = yield* run(["query", "evnt", "--server", url], { cwd })
      assert.match(nothing.stdout + nothing.stderr, /event/)
    }))

  it.scopedLive("check finds all well, and says what each generator gives", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port } = yield* serve(cwd, 0, ["--token", "secret"])
      const words = ["check", "--endpoint", socketUrl(port), "--token"]
      const well = yield* run([...words, "secret"], { cwd })
      assert.equal(well.code, 0, well.stdout + well.stderr)
      assert.match(well.stdout, /system/)
      const locked = yield* run([...words, "other"], { cwd })
      assert.equal(locked.code, 1)
      assert.match(locked.stdout + locked.stderr, /token/)
    }))

  it.scopedLive("up: one command, this host on its dashboard", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const up = yield* start(["up", "--port", "0", "--data-dir", path.join(cwd, "up")], { cwd })
      const url = yield* up.says(/Dashboard +(http:\S+)\//)
      assert.match(yield* up.says(/Data +(\S+)/), /up$/)
      yield* eventually(Effect.filterOrFail(
        values(url, "cpu_percent"),
        (found) => found.length > 0,
        () => new ProgramError({ message: "no CPU yet" })
      ))
      const page = yield* Effect.promise(() => fetch(`${url}/`).then((response) => response.text()))
      assert.match(page, /<html/i)
      yield* up.kill("SIGINT")
      assert.equal((yield* up.ended).code, 0)
    }))
})

describe("through outages", () => {
  it.scopedLive("the server is killed and started again: nothing is lost, nothing comes twice", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const first = yield* serve(cwd, yield* steadyPort)
      const agent = yield* start(
        [
          "run",
          "--stdin",
          "--no-self-metrics",
          "--endpoint",
          socketUrl(first.port),
          "--data-dir",
          path.join(cwd, "agent")
        ],
        { cwd }
      )
      yield* agent.write(lines(0, 500))
      yield* holdsExactly(first.url, 500)
      yield* first.program.kill("SIGKILL")
      yield* first.program.ended
      yield* agent.write(lines(500, 900))
      const second = yield* serve(cwd, first.port)
      yield* agent.write(lines(900, 1000))
      yield* holdsExactly(second.url, 1000)
      yield* agent.endInput
      assert.equal((yield* agent.ended).code, 0)
      const { streams } = yield* ask(`${second.url}/api/status`, Status)
      assert.deepEqual(streams.map(({ next }) => next), [1000])
    }))

  it.scopedLive("the agent is killed: the next one delivers what it had accepted", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const proxy = yield* refusableProxy
      const dataDir = path.join(cwd, "agent")
      const words = ["run", "--stdin", "--no-self-metrics", "--endpoint", socketUrl(proxy.port), "--data-dir", dataDir]
      const first = yield* start(words, { cwd })
      yield* first.write(lines(0, 300))
      // Nobody answers yet: what was written must have reached the disk.
      yield* eventually(Effect.filterOrFail(
        Effect.try({ try: () => waitingIn(dataDir), catch: (cause) => new ProgramError({ message: String(cause) }) }),
        (waiting) => waiting === 300,
        (waiting) => new ProgramError({ message: `${String(waiting)} of 300 metrics are in the outbox` })
      ))
      yield* first.kill("SIGKILL")
      yield* first.ended
      const { port, url } = yield* serve(cwd)
      yield* proxy.forwardTo(port)
      const second = yield* start(words, { cwd })
      yield* second.write(lines(300, 400))
      yield* second.endInput
      assert.equal((yield* second.ended).code, 0)
      yield* holdsExactly(url, 400)
    }))

  it.scopedLive("only the socket is refused: falls to HTTP, and returns to the socket", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd)
      const proxy = yield* refusableProxy
      yield* proxy.forwardTo(port)
      yield* proxy.refuseUpgrades(true)
      const agent = yield* start(
        [
          "run",
          "--stdin",
          "--no-self-metrics",
          "--endpoint",
          socketUrl(proxy.port),
          "--data-dir",
          path.join(cwd, "agent")
        ],
        { cwd }
      )
      yield* agent.write(lines(0, 200))
      yield* holdsExactly(url, 200)
      assert.equal(proxy.upgrades(), 0)
      yield* proxy.refuseUpgrades(false)
      yield* eventually(Effect.suspend(() =>
        proxy.upgrades() > 0
          ? Effect.void
          : Effect.fail(new ProgramError({ message: "the socket was not tried again" }))
      ))
      yield* agent.write(lines(200, 400))
      yield* holdsExactly(url, 400)
      yield* agent.kill("SIGTERM")
      assert.equal((yield* agent.ended).code, 0)
    }))

  it.scopedLive("SIGTERM drains what was read", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd)
      const agent = yield* start(
        ["run", "--stdin", "--no-self-metrics", "--endpoint", socketUrl(port), "--data-dir", path.join(cwd, "agent")],
        { cwd }
      )
      yield* agent.write(lines(0, 20_000))
      yield* eventually(Effect.filterOrFail(
        values(url, "step"),
        (found) => found.length > 0,
        () => new ProgramError({ message: "nothing yet" })
      ))
      yield* agent.kill("SIGTERM")
      assert.equal((yield* agent.ended).code, 0)
      const found = yield* values(url, "step")
      assert.deepEqual(found, upTo(found.length))
    }))
})

describe("run --stdout and --stdin", () => {
  it.scopedLive("one bad line costs only itself, and is named", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const input = [
        `{"origin":"a","metric_type":"b","value":1}`,
        `{"origin":"a","metric_type":"b","value":"two"}`,
        `not json`,
        `{"measurement":"a_metrics","tags":{"metric_type":"b"},"fields":{"value":3}}`
      ].join("\n")
      const ended = yield* run(["run", "--stdin", "--no-self-metrics", "--stdout"], { cwd }, `${input}\n`)
      assert.equal(ended.code, 0, ended.stderr)
      const written = ended.stdout.trim().split("\n").map((line): unknown => JSON.parse(line))
      assert.equal(written.length, 2)
      assert.match(ended.stderr, /line 2|2:/)
      assert.match(ended.stderr, /line 3|3:/)
    }))
})
