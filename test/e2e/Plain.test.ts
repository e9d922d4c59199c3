import { describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as assert from "node:assert/strict"
import * as path from "node:path"
import { foreignServer } from "../sender/ForeignServer.js"
import { directory, eventually, ProgramError, run, serve, start } from "./Program.js"

const Losses = Schema.parseJson(Schema.Array(Schema.Struct({
  reason: Schema.String,
  count: Schema.NullOr(Schema.Number),
  generator: Schema.optional(Schema.String),
  delivered: Schema.Boolean
})))

const Audit = Schema.parseJson(Schema.Struct({
  streams: Schema.Array(Schema.Struct({
    produced: Schema.Number,
    stored: Schema.Number,
    pending: Schema.Number,
    unverified: Schema.Number,
    missing: Schema.Number
  }))
}))

const lines = (from: number, to: number): string =>
  Array.from(
    { length: to - from },
    (_, i) =>
      `${JSON.stringify({ origin: "walk", metric_type: "step", value: from + i, timestamp: 1_769_860_800_000 })}\n`
  ).join("")

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

const distinct = (values: ReadonlyArray<number>): ReadonlyArray<number> =>
  Array.from(new Set(values)).sort((a, b) => a - b)

const when = (holds: () => boolean) =>
  eventually(Effect.suspend(() => holds() ? Effect.void : Effect.fail(new ProgramError({ message: "not yet" }))))

describe("--plain", () => {
  it.scopedLive("a collector that is killed and started again: nothing is missing, and what came twice is written down", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "agent")
      const server = yield* foreignServer
      server.opens = false
      const collect = start([
        "run",
        "--plain",
        "--stdin",
        "--no-self-metrics",
        "--endpoint",
        `http://127.0.0.1:${server.port}/ingest`,
        "--data-dir",
        dataDir
      ], { cwd })
      const lossesOf = Effect.flatMap(
        run(["outbox", "losses", "--format", "json", "--data-dir", dataDir], { cwd }),
        ({ stderr, stdout }) =>
          Effect.mapError(Schema.decode(Losses)(stdout), () => new ProgramError({ message: stdout + stderr }))
      )

      // The server takes what it is sent, and fails before it says so.
      server.post = () => ({ status: 500 })
      const first = yield* collect
      // Few enough to be read at once, and so to be one batch.
      yield* first.write(lines(0, 50))
      yield* when(() => server.texts.length > 0)
      yield* eventually(Effect.filterOrFail(
        run(["outbox", "status", "--data-dir", dataDir], { cwd }),
        ({ stdout }) => /Pending +50 metrics/.test(stdout),
        ({ stderr, stdout }) => new ProgramError({ message: stdout + stderr })
      ))
      yield* first.kill("SIGKILL")
      yield* first.ended
      server.post = () => ({ status: 200, body: "taken" })

      const second = yield* collect
      yield* second.write(lines(50, 200))
      yield* second.endInput
      const ended = yield* second.ended
      assert.equal(ended.code, 0, ended.stderr)
      assert.match(ended.stderr, /50 of them unverified: see outbox losses/)
      assert.deepEqual(distinct(server.values), upTo(200))
      const losses = yield* lossesOf
      assert.deepEqual(losses.filter(({ reason }) => reason === "unverified"), [
        { reason: "unverified", count: 50, generator: "sender", delivered: false }
      ])
      const status = yield* run(["outbox", "status", "--data-dir", dataDir], { cwd })
      assert.match(
        status.stdout,
        /^Losses +0 metrics not yet declared.*\nUnverified +50 metrics that plain mode delivered/m
      )
    }))

  it.scopedLive("the audit against a server of ours calls it unverified, and names no difference", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "agent")
      const { port, url } = yield* serve(cwd)
      const sent = yield* run(
        ["send", "--plain", "--stdin", "--data-dir", dataDir, "--endpoint", `ws://127.0.0.1:${port}/ws/metrics`],
        { cwd },
        lines(0, 50)
      )
      assert.equal(sent.code, 0, sent.stderr)
      const audit = yield* run(["audit", "--server", url, "--data-dir", dataDir, "--format", "json"], { cwd })
      assert.equal(audit.code, 0, audit.stdout + audit.stderr)
      assert.deepEqual((yield* Schema.decode(Audit)(audit.stdout)).streams, [
        { produced: 50, stored: 0, pending: 0, unverified: 50, missing: 0 }
      ])
      const table = yield* run(["audit", "--server", url, "--data-dir", dataDir], { cwd })
      assert.match(table.stdout, /UNVERIFIED/)
      assert.match(table.stdout, /50 metrics were delivered in plain mode: no server keeps account of them/)
    }))

  it.scopedLive("one metric to a WebSocket that answers nothing: it says that nobody acknowledged it", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const server = yield* foreignServer
      const endpoint = `ws://127.0.0.1:${server.port}/anything`
      const sent = yield* run(["send", "walk", "step", "7", "--plain", "--endpoint", endpoint], { cwd })
      assert.equal(sent.code, 0, sent.stderr)
      assert.match(sent.stderr, /1 metrics are unverified/)
      assert.deepEqual(server.values, [7])
    }))

  it.scopedLive("what a collector kept, drain sends plainly; without --plain the server is none of ours", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "agent")
      const server = yield* foreignServer
      const endpoint = `ws://127.0.0.1:${server.port}/`
      server.frame = () => "{\"type\":\"error\",\"message\":\"what is this?\"}"
      const kept = yield* run(
        ["send", "--stdin", "--data-dir", dataDir, "--timeout", "1m", "--endpoint", endpoint],
        { cwd },
        lines(0, 20)
      )
      assert.equal(kept.code, 1)
      assert.match(kept.stderr, /--plain/)
      server.frame = () => "{\"type\":\"success\"}"
      const drained = yield* run(["outbox", "drain", "--plain", "--data-dir", dataDir, "--endpoint", endpoint], { cwd })
      assert.equal(drained.code, 0, drained.stderr)
      // A server of ours may have taken the batches that were sent before, and its answers may have been lost.
      assert.match(drained.stdout, /20 metrics delivered; the outbox is empty; 20 are unverified: see outbox losses/)
      assert.deepEqual(distinct(server.values), upTo(20))
    }))

  it.scopedLive("run writes points where --format asks for them", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const server = yield* foreignServer
      server.opens = false
      const ended = yield* run(
        [
          "run",
          "--plain",
          "--format",
          "timeseries",
          "--stdin",
          "--no-self-metrics",
          "--endpoint",
          `http://127.0.0.1:${server.port}/write`,
          "--data-dir",
          path.join(cwd, "agent")
        ],
        { cwd },
        lines(0, 3)
      )
      assert.equal(ended.code, 0, ended.stderr)
      assert.deepEqual(server.values, upTo(3))
      assert.match(server.texts[0], /"measurement":"walk_metrics"/)
    }))
})
