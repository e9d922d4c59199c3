import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { directory, executable, serve, start } from "./Program.js"

/** How often a thread helps to mark garbage while a server starts that marks it all the time, after these flags. */
const helped = (flags: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const cwd = yield* directory
    const script = path.join(cwd, "traced.mjs")
    const all = [...flags, "--stress-incremental-marking", "--trace-concurrent-marking"]
    fs.writeFileSync(
      script,
      `import * as v8 from "node:v8"
await import(${JSON.stringify(pathToFileURL(executable))})
for (const flag of ${JSON.stringify(all)}) v8.setFlagsFromString(flag)
`
    )
    const program = yield* start(["serve", "--port", "0", "--data-dir", path.join(cwd, "server")], { cwd, script })
    yield* program.says(/listening on/)
    yield* program.kill("SIGTERM")
    const { stdout } = yield* program.ended
    return stdout.split("\n").filter((line) => line.includes("concurrent marking task")).length
  })

describe("the threads of a server", () => {
  it.scopedLive("that Node.js starts beside it mark no garbage meanwhile", () =>
    Effect.gen(function*() {
      const usual = yield* helped(["--concurrent-marking"])
      const own = yield* helped([])
      // In the pauses of the collector they still help.
      assert.ok(usual > 0 && own < usual / 4, `${own} times, ${usual} times with the flags of Node.js`)
    }))

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
