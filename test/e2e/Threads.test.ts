import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import { directory, serve } from "./Program.js"

describe("the threads of a server", () => {
  it.scopedLive.skipIf(process.platform !== "linux")(
    "that Node.js starts beside the one that stores come after it",
    () =>
      Effect.gen(function*() {
        const { program } = yield* serve(yield* directory)
        const own = os.getPriority(program.pid)
        const others = fs.readdirSync(`/proc/${program.pid}/task`).map(Number).filter((thread) =>
          thread !== program.pid
        )
        const behind = others.filter((thread) => os.getPriority(thread) > own)
        // Those that collect garbage, and the one that reads for queries.
        assert.ok(behind.length >= 5, `${behind.length} of ${others.length} threads`)
      })
  )
})
