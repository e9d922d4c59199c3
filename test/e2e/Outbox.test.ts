import { describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as assert from "node:assert/strict"
import * as path from "node:path"
import { ask, directory, eventually, ProgramError, QueryAnswer, run, serve, start } from "./Program.js"

const Status = Schema.parseJson(Schema.Struct({
  pending: Schema.Number,
  batches: Schema.Number,
  deadLetters: Schema.Number,
  openedAt: Schema.NullOr(Schema.Number)
}))

const Loss = Schema.Struct({
  reason: Schema.String,
  count: Schema.NullOr(Schema.Number),
  generator: Schema.optional(Schema.String),
  delivered: Schema.optional(Schema.Boolean)
})

const Losses = Schema.parseJson(Schema.Array(Loss))

const nobody = "ws://127.0.0.1:9/ws/metrics"

const lines = (count: number): string =>
  Array.from(
    { length: count },
    (_, i) => `${JSON.stringify({ origin: "walk", metric_type: "step", value: i, timestamp: 1_769_860_800_000 + i })}\n`
  ).join("")

const statusOf = (cwd: string, dataDir: string) =>
  Effect.flatMap(
    run(["outbox", "status", "--format", "json", "--data-dir", dataDir], { cwd }),
    ({ stderr, stdout }) => Effect.mapError(Schema.decode(Status)(stdout), () => new ProgramError({ message: stderr }))
  )

/** How many points a server holds. */
const storedAt = (url: string) =>
  Effect.map(
    ask(`${url}/api/status`, Schema.Struct({ store: Schema.Struct({ points: Schema.Number }) })),
    ({ store }) => store.points
  )

const Audit = Schema.parseJson(Schema.Struct({
  streams: Schema.Array(Schema.Struct({
    produced: Schema.Number,
    stored: Schema.Number,
    pending: Schema.Number,
    missing: Schema.Number
  }))
}))

describe("audit", () => {
  it.scopedLive("agrees before and after delivery, and names what a server that is another one does not have", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "agent")
      const { port, url } = yield* serve(cwd)
      const send = (endpoint: string, timeout = "1m") =>
        run(
          ["send", "--stdin", "--data-dir", dataDir, "--timeout", timeout, "--endpoint", endpoint],
          { cwd },
          lines(20)
        )
      const audit = (server: string) =>
        run(["audit", "--server", server, "--data-dir", dataDir, "--format", "json"], { cwd })
      const sums = (text: string) =>
        Effect.map(
          Schema.decode(Audit)(text),
          ({ streams }) =>
            (["produced", "stored", "pending", "missing"] as const).map((name) =>
              streams.reduce((sum, stream) => sum + stream[name], 0)
            )
        )

      yield* send(nobody, "1s")
      const before = yield* audit(url)
      assert.equal(before.code, 0, before.stderr)
      assert.deepEqual(yield* sums(before.stdout), [20, 0, 20, 0])

      assert.equal((yield* send(`ws://127.0.0.1:${port}/ws/metrics`)).code, 0)
      const after = yield* audit(url)
      assert.equal(after.code, 0, after.stderr)
      assert.deepEqual(yield* sums(after.stdout), [40, 40, 0, 0])

      const other = yield* serve(yield* directory)
      const wrong = yield* audit(other.url)
      assert.equal(wrong.code, 1)
      assert.match(wrong.stdout, /offsets 0 to 19 were acknowledged and are not on the server/)
    }))
})

describe("outbox", () => {
  it.scopedLive("shows, exports and drains what a collector could not deliver, also while one runs", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "agent")
      const agent = yield* start(
        ["run", "--stdin", "--no-self-metrics", "--endpoint", nobody, "--data-dir", dataDir],
        { cwd }
      )
      yield* agent.write(lines(1_500))
      const waiting = yield* eventually(Effect.filterOrFail(
        statusOf(cwd, dataDir),
        ({ pending }) => pending === 1_500,
        ({ pending }) => new ProgramError({ message: `${pending} of 1500 are pending` })
      ))
      assert.equal(waiting.deadLetters, 0)
      assert.notEqual(waiting.openedAt, null)
      const locked = yield* run(["outbox", "drain", "--endpoint", nobody, "--data-dir", dataDir], { cwd })
      assert.equal(locked.code, 1)
      assert.match(locked.stderr, /collector|in use/)

      const exported = yield* run(["outbox", "export", "--data-dir", dataDir], { cwd })
      assert.equal(exported.code, 0, exported.stderr)
      assert.equal(exported.stdout.trim().split("\n").length, 1_500)

      yield* agent.kill("SIGTERM")
      yield* agent.ended
      const text = yield* run(["outbox", "status", "--data-dir", dataDir], { cwd })
      assert.match(text.stdout, /Pending +1500 metrics/)
      assert.match(text.stdout, /by no process now/)

      const { port, url } = yield* serve(cwd)
      const endpoint = `ws://127.0.0.1:${port}/ws/metrics`
      const drained = yield* run(["outbox", "drain", "--endpoint", endpoint, "--data-dir", dataDir], { cwd })
      assert.equal(drained.code, 0, drained.stderr)
      assert.match(drained.stdout, /1500 metrics delivered/)
      const again = yield* run(["outbox", "drain", "--endpoint", endpoint, "--data-dir", dataDir], { cwd })
      assert.match(again.stdout, /empty/)
      const { series } = yield* ask(`${url}/api/query?metric_type=step`, QueryAnswer)
      assert.deepEqual(
        series.flatMap(({ points }) => points.map(([, value]) => value)),
        Array.from({ length: 1_500 }, (_, i) => i)
      )
    }))

  it.scopedLive("losses of a collector outlive kill -9, reach the server once, and the audit stays exact", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "agent")
      const { port, url } = yield* serve(cwd)
      const collect = (endpoint: string) =>
        start(["run", "--stdin", "--no-self-metrics", "--endpoint", endpoint, "--data-dir", dataDir], { cwd })
      const lossesOf = Effect.flatMap(
        run(["outbox", "losses", "--format", "json", "--data-dir", dataDir], { cwd }),
        ({ stderr, stdout }) =>
          Effect.mapError(Schema.decode(Losses)(stdout), () => new ProgramError({ message: stdout + stderr }))
      )
      const told = (losses: typeof Losses.Type) =>
        losses.map(({ count, delivered, reason }) => [reason, count, delivered])
          .sort(([one], [other]) => String(one).localeCompare(String(other)))

      const first = yield* collect(nobody)
      yield* first.write(`${lines(30)}this is no metric\nand neither is this\n`)
      yield* eventually(Effect.filterOrFail(
        Effect.all({ losses: lossesOf, status: statusOf(cwd, dataDir) }),
        ({ losses: [invalid], status }) => status.pending === 30 && invalid?.count === 2,
        (seen) => new ProgramError({ message: JSON.stringify(seen) })
      ))
      yield* first.kill("SIGKILL")
      yield* first.ended
      assert.deepEqual(told(yield* lossesOf), [["invalid", 2, false]])

      for (let life = 0; life < 2; life++) {
        const agent = yield* collect(`ws://127.0.0.1:${port}/ws/metrics`)
        yield* eventually(Effect.filterOrFail(
          Effect.all({ losses: ask(`${url}/api/losses`, Schema.Array(Loss)), stored: storedAt(url) }),
          ({ losses, stored }) => losses.length === 2 + life && stored === 30,
          (seen) => new ProgramError({ message: JSON.stringify(seen) })
        ))
        yield* agent.kill("SIGKILL")
        yield* agent.ended
      }
      const atServer = yield* ask(`${url}/api/losses`, Schema.Array(Loss))
      const reasons = atServer.map(({ count, generator, reason }) => [reason, generator, count])
      assert.deepEqual(reasons.sort(([one], [other]) => String(one).localeCompare(String(other))), [
        ["invalid", "stdin", 2],
        ["unclean-end", "collector", null],
        ["unclean-end", "collector", null]
      ])
      const audit = yield* run(["audit", "--server", url, "--data-dir", dataDir, "--format", "json"], { cwd })
      assert.equal(audit.code, 0, audit.stdout + audit.stderr)
      const { streams } = yield* Schema.decode(Audit)(audit.stdout)
      const total = (of: (stream: typeof streams[number]) => number) => streams.reduce((sum, one) => sum + of(one), 0)
      assert.deepEqual([total((one) => one.produced), total((one) => one.stored), total((one) => one.missing)], [
        30,
        30,
        0
      ])
    }))

  it.scopedLive("says what is missing: a folder without an outbox, a part that is not named", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const none = yield* run(["outbox", "status", "--data-dir", path.join(cwd, "nothing")], { cwd })
      assert.notEqual(none.code, 0)
      assert.match(none.stderr, /nothing/)
      const unnamed = yield* run(["outbox"], { cwd })
      assert.equal(unnamed.code, 2)
      assert.match(unnamed.stdout + unnamed.stderr, /status.*drain/s)
    }))
})
