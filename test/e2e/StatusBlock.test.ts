import { describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import * as path from "node:path"
import { directory, eventually, executable, ProgramError, serve } from "./Program.js"

// The program that gives another one a terminal, as util-linux has it.
const hasTerminals = spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux") === true

interface OnTerminal {
  /** Waits until what was written to the terminal holds a match. */
  readonly shows: (pattern: RegExp) => Effect.Effect<void, ProgramError>
  readonly press: (keys: string) => Effect.Effect<void>
  /** All that was written. */
  readonly text: Effect.Effect<string>
  readonly hasEnded: Effect.Effect<void, ProgramError>
}

/** Starts the executable on a terminal of 60 columns and 20 rows. */
const startOnTerminal = (
  words: ReadonlyArray<string>,
  cwd: string,
  env: { readonly [name: string]: string } = {}
): Effect.Effect<OnTerminal, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const command = [process.execPath, executable, ...words].map((word) => `'${word}'`).join(" ")
        const child = spawn("script", ["-qfec", `stty cols 60 rows 20; exec ${command}`, "/dev/null"], {
          cwd,
          env: { PATH: process.env["PATH"], HOME: cwd, TERM: "xterm", ...env },
          stdio: ["pipe", "pipe", "ignore"]
        })
        const state = { text: "", ended: false }
        child.stdin.on("error", () => {})
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          state.text += text
        })
        child.on("close", () => {
          state.ended = true
        })
        return { child, state }
      }),
      // It ends what it runs.
      ({ child }) => Effect.sync(() => child.kill("SIGTERM"))
    ),
    ({ child, state }): OnTerminal => {
      const until = (what: string, isSo: () => boolean): Effect.Effect<void, ProgramError> =>
        eventually(Effect.suspend(() =>
          isSo()
            ? Effect.void
            : Effect.fail(new ProgramError({ message: `waited for ${what}\n${JSON.stringify(state.text)}` }))
        ))
      return {
        shows: (pattern) => until(String(pattern), () => pattern.test(state.text)),
        press: (keys) => Effect.sync(() => void child.stdin.write(keys)),
        text: Effect.sync(() => state.text),
        hasEnded: until("its end", () => state.ended)
      }
    }
  )

describe.skipIf(!hasTerminals)("the live block of run", () => {
  it.scopedLive("shows delivery, then an outage with its reason, and is gone when the program ends", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, program } = yield* serve(cwd)
      const words = ["run", "--endpoint", `ws://127.0.0.1:${port}/ws/metrics`, "--data-dir", path.join(cwd, "agent")]
      const run = yield* startOnTerminal(words, cwd)
      yield* run.shows(/\u001b\[90mDelivery {3}\u001b\[0m\u001b\[32msocket\u001b\[0m/)
      yield* run.shows(/Stored {5}\u001b\[0m[1-9]/)
      yield* program.kill("SIGTERM")
      yield* run.shows(/waiting\u001b\[0m.*(?:again in \d+ s|trying again now)/)
      // Something waits that cannot be delivered any more.
      yield* run.shows(/Problem .*ECONNREFUSED[^]*Pending .*outbox [1-9]/)
      yield* run.press("\u0003")
      yield* run.hasEnded
      const text = yield* run.text
      const after = text.slice(text.lastIndexOf("\u001b[J"))
      assert.match(after, /not delivered before the end/)
      assert.doesNotMatch(after, /Delivery|Gathered/)
    }))

  it.scopedLive("has no colours with NO_COLOR, and is not there on a terminal that cannot move its cursor", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port } = yield* serve(cwd)
      const words = (name: string) => [
        "run",
        "--endpoint",
        `ws://127.0.0.1:${port}/ws/metrics`,
        "--data-dir",
        path.join(cwd, name)
      ]
      const bare = yield* startOnTerminal(words("bare"), cwd, { NO_COLOR: "1" })
      const dumb = yield* startOnTerminal(words("dumb"), cwd, { TERM: "dumb" })
      yield* bare.shows(/Delivery {3}socket · ws:/)
      assert.doesNotMatch(yield* bare.text, /\u001b\[\d*m/)
      yield* dumb.shows(/delivering over the WebSocket/)
      yield* Effect.sleep("2 seconds")
      assert.doesNotMatch(yield* dumb.text, /\u001b|Delivery/)
    }))
})
