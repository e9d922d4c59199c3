import { describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as assert from "node:assert/strict"
import { openFileLimit, openIdleSockets, residentBytes } from "../../scripts/idle/IdleSockets.js"
import { ask, directory, eventually, ProgramError, run, serve } from "./Program.js"

const count = 10_000

/** Each of the two processes needs as many files, and some of its own. */
const neededFiles = count + 500

const limit = process.platform === "linux" ? openFileLimit() : 0

const why = process.platform !== "linux"
  ? "memory is read from /proc"
  : limit < neededFiles
  ? `${limit} open files are allowed, ${neededFiles} needed: ulimit -Hn`
  : undefined

/** What `/api/status` says of connections. */
const Status = Schema.Struct({ connections: Schema.Struct({ batch: Schema.Int, plain: Schema.Int }) })

describe("ten thousand idle WebSockets", () => {
  it.scopedLive.skipIf(why !== undefined)(
    `leave a server that stores and answers, and cost it little memory each${why === undefined ? "" : ` (${why})`}`,
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const { port, program, url } = yield* serve(cwd, 0, ["--max-connections", String(count + 100)])
        yield* ask(`${url}/api/status`, Status)
        const before = residentBytes(program.pid)
        yield* openIdleSockets(port, count)
        const { connections } = yield* ask(`${url}/api/status`, Status)
        assert.deepEqual(connections, { batch: count / 2, plain: count / 2 })
        const sent = yield* run(["send", "app", "m", "1", "--endpoint", url], { cwd })
        assert.equal(sent.code, 0, sent.stderr)
        // Measured: 9 KiB.
        const each = (residentBytes(program.pid) - before) / count
        assert.ok(each < 40 * 1_024, `${each} bytes each`)
      })
  )

  it.scopedLive.skipIf(limit < neededFiles / 10)(
    "and hundreds that break all at once leave nothing behind",
    () =>
      Effect.gen(function*() {
        const { port, url } = yield* serve(yield* directory)
        yield* Effect.scoped(openIdleSockets(port, 500))
        yield* eventually(Effect.filterOrFail(
          ask(`${url}/api/status`, Status),
          ({ connections }) => connections.batch + connections.plain === 0,
          ({ connections }) => new ProgramError({ message: JSON.stringify(connections) })
        ))
      })
  )
})
