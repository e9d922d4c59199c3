/**
 * Takes the pictures of the documentation: `npm run pictures`, after `npm run
 * build`. Runs the built command with a data directory of its own for a minute
 * and photographs the dashboard in Chromium (`CHROMIUM_PATH`, else
 * /usr/bin/chromium).
 */
import { Console, Effect } from "effect"
import { spawn } from "node:child_process"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"

const root = fileURLToPath(new URL("..", import.meta.url))
const target = path.join(root, "docs/images")
const port = 5099

const pictures = [
  { name: "overview", page: "/", colorScheme: "light" },
  { name: "overview-dark", page: "/", colorScheme: "dark" },
  { name: "explore", page: "/#/explore?m=system/cpu_core_percent&m=system/load_1m&range=120", colorScheme: "light" },
  { name: "pipeline", page: "/#/pipeline", colorScheme: "light" }
] as const

const dataDirectory = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "metrics-pictures-"))),
  (made) => Effect.promise(() => fs.rm(made, { recursive: true, force: true }))
)

const up = (dataDir: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        process.execPath,
        [path.join(root, "dist/bin.js"), "up", "--port", String(port), "--data-dir", dataDir, "--hostname", "web-1"],
        { stdio: "ignore" }
      )
    ),
    (child) => Effect.sync(() => child.kill("SIGTERM"))
  )

const browser = Effect.acquireRelease(
  Effect.promise(() =>
    chromium.launch({
      executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu"]
    })
  ),
  (opened) => Effect.promise(() => opened.close())
)

const takePictures = Effect.gen(function*() {
  yield* up(yield* dataDirectory)
  yield* Effect.sleep("1 minute")
  yield* Effect.promise(() => fs.mkdir(target, { recursive: true }))
  const opened = yield* browser
  yield* Effect.forEach(pictures, ({ colorScheme, name, page }) =>
    Effect.gen(function*() {
      const tab = yield* Effect.promise(() => opened.newPage({ viewport: { width: 1280, height: 800 }, colorScheme }))
      yield* Effect.promise(() => tab.goto(`http://127.0.0.1:${port}${page}`))
      yield* Effect.sleep("4 seconds")
      yield* Effect.promise(() => tab.screenshot({ path: path.join(target, `${name}.png`) }))
      yield* Console.log(`docs/images/${name}.png`)
    }))
})

Effect.runPromise(Effect.scoped(takePictures)).catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
