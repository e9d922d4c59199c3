/**
 * Takes the pictures of the documentation: `npm run pictures`. Runs the built
 * command with a data directory of its own for two minutes and photographs each
 * page and each state of the dashboard in Chromium (`CHROMIUM_PATH`, else
 * /usr/bin/chromium).
 */
import { Console, Effect, Schedule } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { type Browser, chromium, type Page } from "playwright-core"
import { game } from "../test/browser/Game.js"

const root = fileURLToPath(new URL("..", import.meta.url))
const target = path.join(root, "docs/images")
const port = 5099
const url = `http://127.0.0.1:${port}`
const endpoint = `ws://127.0.0.1:${port}/ws/metrics`

const dataDirectory = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "metrics-pictures-"))),
  (made) => Effect.promise(() => fs.rm(made, { recursive: true, force: true }))
)

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) resume(Effect.void)
    else child.once("exit", () => resume(Effect.void))
  })

/** Ends a program, a frozen one too, and waits for its end. */
const end = (child: ChildProcess): Effect.Effect<void> =>
  Effect.suspend(() => {
    child.kill("SIGCONT")
    child.kill("SIGTERM")
    return ended(child)
  })

/** The built command, until the scope ends. */
const command = (...words: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [path.join(root, "dist/bin.js"), ...words], { stdio: "ignore" })),
    end
  )

const serve = (dataDir: string, ...words: ReadonlyArray<string>) =>
  Effect.tap(
    command("serve", "--port", String(port), "--data-dir", path.join(dataDir, "server"), ...words),
    () =>
      Effect.retry(
        Effect.tryPromise(() => fetch(`${url}/readyz`)),
        Schedule.intersect(Schedule.spaced("200 millis"), Schedule.recurs(100))
      )
  )

const collect = (dataDir: string, host: string) =>
  command("run", "--system", "--hostname", host, "--endpoint", endpoint, "--data-dir", path.join(dataDir, host))

const browser = Effect.acquireRelease(
  Effect.promise(() =>
    chromium.launch({
      executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu"]
    })
  ),
  (opened) => Effect.promise(() => opened.close())
)

const sight = { colorScheme: "light", height: 800, width: 1280 } as const

const open = (
  opened: Browser,
  address: string,
  { colorScheme, height, width }: { colorScheme: "light" | "dark"; height: number; width: number } = sight
) =>
  Effect.promise(async () => {
    const page = await opened.newPage({ viewport: { width, height }, colorScheme })
    await page.goto(url + address)
    await page.waitForTimeout(4_000)
    return page
  })

const photograph = (page: Page, name: string) =>
  Effect.zipRight(
    Effect.promise(() => page.screenshot({ path: path.join(target, `${name}.png`) })),
    Console.log(`docs/images/${name}.png`)
  )

const pages = [
  { name: "overview", address: "/", ...sight },
  { name: "overview-dark", address: "/", ...sight, colorScheme: "dark" },
  { name: "explore", address: "/#/explore?m=system/cpu_core_percent&m=system/load_1m&range=120", ...sight },
  {
    name: "explore-pointer",
    address: "/#/explore?m=system/memory_available_bytes&m=system/load_1m&range=120",
    ...sight
  },
  { name: "pipeline", address: "/#/pipeline", ...sight },
  { name: "chess", address: "/#/chess", ...sight },
  { name: "narrow", address: "/", ...sight, height: 760, width: 375 },
  {
    name: "narrow-explore",
    address: "/#/explore?m=system/cpu_core_percent&range=120",
    ...sight,
    height: 900,
    width: 375
  },
  { name: "narrow-pipeline", address: "/#/pipeline", ...sight, height: 900, width: 375, colorScheme: "dark" },
  { name: "narrow-chess", address: "/#/chess", ...sight, height: 760, width: 375, colorScheme: "dark" }
] as const

const takePictures = Effect.gen(function*() {
  yield* Effect.promise(() => fs.mkdir(target, { recursive: true }))
  const dataDir = yield* dataDirectory
  const opened = yield* browser
  const server = yield* serve(dataDir)
  yield* photograph(yield* open(opened, "/"), "empty")

  yield* collect(dataDir, "web-1")
  const other = yield* collect(dataDir, "web-2")
  // A clock that runs down and material that is traded, as in a real game.
  for (let move = 0; move < 24; move++) {
    const [position, ...rest] = game(Date.now())
    const played = move === 23 ? [position, ...rest] : rest.map((metric) => ({
      ...metric,
      value: metric.metric_type === "clock_seconds" ? metric.value + (24 - move) * 2 : metric.value
    }))
    yield* Effect.promise(() =>
      fetch(`${url}/api/metrics`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(played)
      }).then((response) => response.text())
    )
    yield* Effect.sleep("2 seconds")
  }
  yield* Effect.forEach(
    pages,
    ({ address, name, ...as }) =>
      Effect.gen(function*() {
        const page = yield* open(opened, address, as)
        if (name === "explore-pointer") {
          yield* Effect.promise(() => page.locator(".u-over").hover({ position: { x: 500, y: 120 } }))
        }
        // Rates are known once a collector has reported twice.
        if (address === "/#/pipeline") yield* Effect.sleep("9 seconds")
        yield* photograph(page, name)
        yield* Effect.promise(() => page.close())
      })
  )

  other.kill("SIGSTOP")
  const watched = yield* open(opened, "/#/pipeline")
  yield* Effect.sleep("45 seconds")
  yield* photograph(watched, "outage")
  other.kill("SIGCONT")

  const stale = yield* open(opened, "/")
  yield* end(server)
  yield* Effect.sleep("6 seconds")
  yield* photograph(stale, "stale")

  yield* serve(dataDir, "--token", "a-token-for-a-picture")
  yield* photograph(yield* open(opened, "/"), "unauthorised")
})

Effect.runPromise(Effect.scoped(takePictures)).catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
