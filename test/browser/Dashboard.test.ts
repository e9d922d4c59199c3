import { describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as assert from "node:assert/strict"
import * as path from "node:path"
import { type Browser, chromium, type Page } from "playwright-core"
import { directory, eventually, ProgramError, run, serve, start } from "../e2e/Program.js"

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium"

const browser: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => chromium.launch({ executablePath, args: ["--no-sandbox"] })),
  (opened) => Effect.promise(() => opened.close())
)

/** Opens a page; what the browser complains of (scripts refused, requests that failed) is collected. */
const open = (
  url: string
): Effect.Effect<{ readonly page: Page; readonly complaints: Array<string> }, never, Scope.Scope> =>
  Effect.gen(function*() {
    const page = yield* Effect.flatMap(browser, (opened) => Effect.promise(() => opened.newPage()))
    const complaints: Array<string> = []
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text())
    })
    page.on("pageerror", (error) => complaints.push(error.message))
    yield* Effect.promise(() => page.goto(url))
    return { page, complaints }
  })

describe("the dashboard", () => {
  it.scopedLive("shows this host's CPU after `up`, and follows it", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const up = yield* start(["up", "--port", "0", "--data-dir", path.join(cwd, "up")], { cwd })
      const url = yield* up.says(/Dashboard +(http:\S+)/)
      const { complaints, page } = yield* open(url)
      const card = page.locator("[data-metric-type=cpu_percent]")
      yield* Effect.promise(() => card.waitFor())
      yield* Effect.promise(() => page.locator("#connection[data-state=live]").waitFor())
      const shown = () => card.textContent()
      const before = yield* Effect.promise(shown)
      yield* eventually(Effect.filterOrFail(
        Effect.promise(shown),
        (text) => text !== before,
        () => new ProgramError({ message: "the card did not change" })
      ))
      assert.match((yield* Effect.promise(shown)) ?? "", /%/)
      assert.deepEqual(complaints, [])
    }))

  it.scopedLive("an empty store says how to fill it; what is sent then appears without a reload", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd)
      const { page } = yield* open(url)
      yield* Effect.promise(() => page.locator("#empty").waitFor())
      const endpoint = `ws://127.0.0.1:${port}/ws/metrics`
      yield* run(["send", "application", "event", "7", "--metadata", "kind=<b>bold</b>", "--endpoint", endpoint], {
        cwd
      })
      yield* Effect.promise(() => page.locator("[data-metric-type=event]").waitFor())
      yield* Effect.promise(() => page.locator("td", { hasText: "kind=<b>bold</b>" }).waitFor())
    }))

  it.scopedLive("asks for the token, once", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd, 0, ["--token", "sesame"])
      yield* run(
        ["send", "a", "b", "1", "--endpoint", `ws://127.0.0.1:${port}/ws/metrics`, "--token", "sesame"],
        { cwd }
      )
      const { page } = yield* open(url)
      yield* Effect.promise(() => page.locator("#token").fill("wrong"))
      yield* Effect.promise(() => page.keyboard.press("Enter"))
      yield* Effect.promise(() => page.locator("#login-problem", { hasText: "not the token" }).waitFor())
      yield* Effect.promise(() => page.locator("#token").fill("sesame"))
      yield* Effect.promise(() => page.keyboard.press("Enter"))
      yield* Effect.promise(() => page.locator("[data-metric-type=b]").waitFor())
      yield* Effect.promise(() => page.reload())
      yield* Effect.promise(() => page.locator("[data-metric-type=b]").waitFor())
    }))
})
