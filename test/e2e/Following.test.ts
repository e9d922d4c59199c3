import { describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as assert from "node:assert/strict"
import { directory, eventually, ProgramError, run, serve, start } from "./Program.js"
import { steadyPort } from "./SteadyPort.js"

const Line = Schema.parseJson(Schema.Struct({
  origin: Schema.String,
  metric_type: Schema.String,
  value: Schema.Number,
  tags: Schema.Record({ key: Schema.String, value: Schema.String })
}))

describe("tail", () => {
  it.scopedLive("shows what matches its filters, and goes on when the server was started again", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const first = yield* serve(cwd, yield* steadyPort)
      const { port, url } = first
      const endpoint = `ws://127.0.0.1:${port}/ws/metrics`
      const send = (...words: ReadonlyArray<string>) => run(["send", ...words, "--endpoint", endpoint], { cwd })
      const tail = yield* start(["tail", "event", "--tag", "host=a", "--server", url], { cwd })
      // Until it listens, what is sent is not for it.
      yield* eventually(
        Effect.zipRight(
          send("app", "event", "1", "--metadata", "host=a"),
          Effect.timeout(tail.says(/ 1 {2}/), "1 second")
        )
      )
      yield* send("app", "event", "2", "--metadata", "host=b")
      yield* send("app", "other", "3", "--metadata", "host=a")
      yield* send("app", "event", "4", "--metadata", "host=a")
      yield* tail.says(/app {2}event {2}4 {2}host=a/)

      yield* first.program.kill("SIGTERM")
      yield* first.program.ended
      yield* tail.says(/connecting again/)
      yield* serve(cwd, port)
      yield* eventually(
        Effect.zipRight(
          send("app", "event", "5", "--metadata", "host=a"),
          Effect.timeout(tail.says(/event {2}5/), "1 second")
        )
      )
      yield* tail.kill("SIGTERM")
      const { code, stdout } = yield* tail.ended
      assert.equal(code, 0)
      assert.doesNotMatch(stdout, /host=b|other/)
    }))

  it.scopedLive("writes JSON for programs, and control sequences in names harmless for people", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd)
      const text = yield* start(["tail", "--server", url], { cwd })
      const json = yield* start(["tail", "--server", url, "--format", "json"], { cwd })
      const name = "\u001b[2Jclear\u0007"
      const words = ["send", "app", name, "7", "--metadata", "k=\u001b]0;title\u0007"]
      yield* eventually(Effect.gen(function*() {
        yield* run([...words, "--endpoint", `http://127.0.0.1:${port}`], { cwd })
        yield* Effect.timeout(text.says(/clear/), "1 second")
        yield* Effect.timeout(json.says(/clear/), "1 second")
      }))
      yield* text.kill("SIGTERM")
      yield* json.kill("SIGTERM")
      const shown = (yield* text.ended).stdout
      assert.doesNotMatch(shown, /[\u0000-\u0009\u000b-\u001f\u007f]/)
      assert.match(shown, /\\u001b\[2Jclear\\u0007/)
      const [line = ""] = (yield* json.ended).stdout.split("\n")
      const entry = yield* Schema.decode(Line)(line)
      assert.deepEqual([entry.origin, entry.metric_type, entry.value], ["app", name, 7])
    }))

  it.scopedLive("a server that was never there is a failure, not an outage", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const ended = yield* run(["tail", "--server", "http://127.0.0.1:9"], { cwd })
      assert.equal(ended.code, 1)
      assert.match(ended.stderr, /127\.0\.0\.1:9/)
    }))
})

describe("top", () => {
  it.scopedLive("into a pipe: one picture of the busiest series and senders, and ends", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd)
      const agent = yield* start(["run", "--interval", "100ms", "--endpoint", `ws://127.0.0.1:${port}/ws/metrics`], {
        cwd
      })
      yield* agent.says(/delivering over the WebSocket/)
      yield* eventually(Effect.filterOrFail(
        run(["top", "--server", url, "--origin", "system"], { cwd }),
        ({ code, stdout }) =>
          code === 0 && /^SENDER .*\n.* socket /m.test(stdout) && /\d +system +cpu_percent/.test(stdout),
        ({ stderr, stdout }) => new ProgramError({ message: `${stdout}${stderr}` })
      ))
    }))
})
