import { Effect, type Scope } from "effect"
import * as fs from "node:fs"
import { type Browser, chromium, type Page } from "playwright-core"

const executablePath = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium"

// As long as other tests wait for a program.
const patienceMillis = 90_000

/** A Chromium of its own; it is closed with the scope. */
const browser: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.suspend(() =>
    fs.existsSync(executablePath)
      ? Effect.promise(() =>
        chromium.launch({
          executablePath,
          timeout: patienceMillis,
          args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        })
      )
      : Effect.dieMessage(
        `there is no Chromium at ${executablePath}: install it (Debian: apt-get install chromium), ` +
          "or name another with CHROMIUM_PATH=/path/to/chromium"
      )
  ),
  (opened) => Effect.promise(() => opened.close())
)

/** A page that is open, with what the browser complained of: errors, and requests to other hosts. */
export interface OpenPage {
  readonly page: Page
  readonly complaints: ReadonlyArray<string>
}

/** How a page is looked at. */
export interface Sight {
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: "light" | "dark"
}

/** Opens a page in a browser of its own. */
export const openPage = (
  url: string,
  { colorScheme = "light", height = 900, width = 1280 }: Sight = {}
): Effect.Effect<OpenPage, never, Scope.Scope> =>
  Effect.gen(function*() {
    const opened = yield* browser
    const page = yield* Effect.promise(() => opened.newPage({ viewport: { width, height }, colorScheme }))
    page.setDefaultTimeout(patienceMillis)
    const complaints: Array<string> = []
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
    })
    page.on("pageerror", (error) => complaints.push(error.message))
    page.on("request", (request) => {
      const asked = new URL(request.url())
      if (asked.protocol !== "data:" && asked.protocol !== "blob:" && asked.host !== new URL(url).host) {
        complaints.push(`asked ${request.url()}`)
      }
    })
    yield* Effect.promise(() => page.goto(url))
    return { page, complaints }
  })

/** Waits until the page shows a match of a CSS selector, with a text in it where one is given. */
export const shows = (page: Page, selector: string, hasText?: string | RegExp): Effect.Effect<void> =>
  Effect.promise(() => page.locator(selector, hasText === undefined ? {} : { hasText }).first().waitFor())
