import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import type { Page } from "playwright-core"
import { directory, serve } from "../e2e/Program.js"
import { openPage, shows } from "./Browser.js"
import { game } from "./Game.js"
import { sendTo, upOn } from "./Server.js"

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** What axe-core finds on a page that keeps people out, each with the first element that it is about. */
const findings = (page: Page): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    await page.evaluate(axe)
    const found: unknown = await page.evaluate(`axe.run().then(({ passes, violations }) => ({
      passed: passes.length,
      serious: violations.filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ help, id, nodes }) => id + ": " + help + " " + nodes[0].html + " " + nodes[0].failureSummary)
    }))`)
    expect(found).toMatchObject({ passed: expect.any(Number) })
    // A page on which nothing was looked at has nothing wrong either.
    expect(found).toHaveProperty("passed", expect.toSatisfy((passed: number) => passed > 10))
    const { serious } = Object(found)
    return Array.isArray(serious) ? serious.map(String) : ["no answer"]
  })

const pages = [
  ["/", "[data-metric-type=cpu_percent] canvas"],
  ["/#/explore?m=system/cpu_core_percent&range=120", ".summary tbody tr"],
  ["/#/pipeline", ".station"],
  ["/#/chess", ".piece"]
] as const

const sights = [
  { name: "in light", colorScheme: "light", width: 1280 },
  { name: "in the dark", colorScheme: "dark", width: 1280 },
  { name: "on a phone", colorScheme: "light", width: 375 },
  { name: "on a phone in the dark", colorScheme: "dark", width: 375 }
] as const

describe("axe-core finds nothing serious", () => {
  it.scopedLive.each(sights)("on any page $name", (sight) =>
    Effect.gen(function*() {
      const url = yield* upOn("0")
      yield* sendTo(url, game(Date.now()))
      for (const [address, selector] of pages) {
        const { page } = yield* openPage(`${url}${address}`, sight)
        yield* shows(page, selector)
        expect(yield* findings(page), address).toEqual([])
      }
    }))

  it.scopedLive("on an empty page, and on the one that asks for a token", () =>
    Effect.gen(function*() {
      const empty = yield* serve(yield* directory)
      const { page } = yield* openPage(empty.url)
      yield* shows(page, "#empty", "curl")
      expect(yield* findings(page)).toEqual([])
      const locked = yield* serve(yield* directory, 0, ["--token", "sesame"])
      const login = yield* openPage(locked.url)
      yield* shows(login.page, "#token")
      expect(yield* findings(login.page)).toEqual([])
    }))
})
