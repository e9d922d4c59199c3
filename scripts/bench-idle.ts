import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { IdleError, openIdleSockets, residentBytes } from "./idle/IdleSockets.js"

// What an idle connection costs a server: `npm run bench:idle -- [connections]`,
// 10,000 unless said. Opens as many WebSockets that say nothing, half of them with
// the subprotocol of senders, and reads the memory of the server's process (Linux);
// it must go on answering. Needs as many open files for each of two processes.

const bundle = fileURLToPath(new URL("../dist/bin.js", import.meta.url))

const listening = (server: ChildProcess): Effect.Effect<number, IdleError> =>
  Effect.async((resume) => {
    let said = ""
    server.stderr?.on("data", (data) => {
      said += String(data)
      const port = /listening on http:\/\/[\w.]+:(\d+)/.exec(said)?.[1]
      if (port !== undefined) resume(Effect.succeed(Number(port)))
    })
    server.once("exit", () => resume(new IdleError({ message: `the server ended: ${said}` })))
  })

const answerMillis = (port: number): Effect.Effect<number, IdleError> =>
  Effect.tryPromise({
    try: async () => {
      const begun = performance.now()
      const response = await fetch(`http://127.0.0.1:${port}/api/status`)
      await response.text()
      if (response.status !== 200) throw new Error(`status ${response.status}`)
      return performance.now() - begun
    },
    catch: (cause) => new IdleError({ message: `no answer: ${String(cause)}` })
  })

const temporary = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "metrics-idle-"))),
  (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
)

const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MiB`

const main = (count: number): Effect.Effect<void, IdleError> =>
  Effect.scoped(Effect.gen(function*() {
    const dataDir = yield* temporary
    const words = ["serve", "--port", "0", "--data-dir", dataDir, "--max-connections", String(count + 10)]
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [bundle, ...words], { stdio: ["ignore", "ignore", "pipe"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const port = yield* listening(server)
    yield* answerMillis(port)
    const before = residentBytes(server.pid ?? 0)
    const begun = performance.now()
    yield* openIdleSockets(port, count)
    const opened = performance.now() - begun
    yield* Effect.sleep("5 seconds")
    const after = residentBytes(server.pid ?? 0)
    const millis = yield* answerMillis(port)
    yield* Effect.sync(() =>
      console.log(
        `${count} idle sockets, opened in ${(opened / 1_000).toFixed(1)} s: ${mebibytes(before)} before, ` +
          `${mebibytes(after)} with them, ${((after - before) / count / 1_024).toFixed(1)} KiB each; ` +
          `/api/status answers in ${millis.toFixed(0)} ms`
      )
    )
  }))

const count = Number(process.argv[2] ?? 10_000)
Effect.runPromise(main(count)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
})
