import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fs from "node:fs/promises"
import type { Page } from "playwright-core"
import { directory, eventually, ProgramError, run, serve } from "../e2e/Program.js"
import { steadyPort } from "../e2e/SteadyPort.js"
import { openPage, shows } from "./Browser.js"
import { game } from "./Game.js"
import { sendTo, upOn } from "./Server.js"

const textOf = (page: Page, selector: string) =>
  Effect.map(Effect.promise(() => page.locator(selector).first().textContent()), (text) => text ?? "")

/** Tries until a text fulfils what is expected of it. */
const until = (what: string, text: Effect.Effect<string>, fulfils: (text: string) => boolean) =>
  eventually(Effect.filterOrFail(text, fulfils, (got) => new ProgramError({ message: `${what}, not: ${got}` })))

describe("the overview", () => {
  it.scopedLive("shows this host after `up`, in sensible units, and follows it", () =>
    Effect.gen(function*() {
      const url = yield* upOn("0")
      const { complaints, page } = yield* openPage(`${url}/`)
      yield* shows(page, "#connection[data-state=live]")
      for (
        const [metricType, unit] of [
          ["cpu_percent", /^CPU\d[\d.]* %/],
          ["memory_used_percent", /^Memory\d[\d.]* %/],
          ["disk_used_percent", /%/],
          ["network_receive_bytes_per_second", /↓ [\d.]+ [KMG]?i?B\/s {2}↑ [\d.]+ [KMG]?i?B\/s/],
          ["load_1m", /1 min[\d.]+5 min/]
        ] as const
      ) {
        yield* until(metricType, textOf(page, `[data-metric-type=${metricType}]`), (text) => unit.test(text))
      }
      // That of the processor alone stays at 100 % while the machine has other work.
      const values = textOf(page, "section[aria-label=Host]")
      const before = yield* values
      yield* until("other values", values, (text) => text !== before)
      expect(complaints).toEqual([])
    }))

  it.scopedLive("says how to fill an empty store; what is sent then appears without a reload, as it is", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd)
      const { complaints, page } = yield* openPage(url)
      yield* shows(page, "#empty", "curl")
      const endpoint = `ws://127.0.0.1:${port}/ws/metrics`
      yield* run(["send", "application", "event", "7", "--metadata", "kind=<b>bold</b>", "--endpoint", endpoint], {
        cwd
      })
      yield* shows(page, "[data-metric-type=event] .value", "7")
      yield* shows(page, "td", "kind=<b>bold</b>")
      expect(yield* Effect.promise(() => page.locator("#empty").isVisible())).toBe(false)
      expect(complaints).toEqual([])
    }))

  it.scopedLive("tells several hosts apart, and which of them is silent", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd)
      const now = Date.now()
      const host = (name: string, value: number, timestamp: number) => ({
        origin: "system",
        metric_type: "cpu_percent",
        value,
        timestamp,
        metadata: { host: name }
      })
      yield* sendTo(url, [host("alpha", 11, now), host("beta", 22, now - 7_200_000)])
      const { page } = yield* openPage(url)
      yield* shows(page, "tr[data-state=silent]", /beta22 %.*silent, 2 h/)
      yield* shows(page, "[data-metric-type=cpu_percent] .value", "11 %")
      yield* Effect.promise(() => page.getByRole("button", { name: "beta" }).click())
      yield* shows(page, "[data-metric-type=cpu_percent] .value", "22 %")
      expect(page.url()).toContain("host=beta")
    }))
})

describe("the frame", () => {
  it.scopedLive("asks for the token, once", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd, 0, ["--token", "sesame"])
      yield* run(
        ["send", "a", "b", "1", "--endpoint", `ws://127.0.0.1:${port}/ws/metrics`, "--token", "sesame"],
        { cwd }
      )
      const { page } = yield* openPage(url)
      yield* Effect.promise(() => page.locator("#token").fill("wrong"))
      yield* Effect.promise(() => page.keyboard.press("Enter"))
      yield* shows(page, "#login-problem", "not the token")
      yield* Effect.promise(() => page.locator("#token").fill("sesame"))
      yield* Effect.promise(() => page.keyboard.press("Enter"))
      yield* shows(page, "[data-metric-type=b]")
      yield* Effect.promise(() => page.reload())
      yield* shows(page, "[data-metric-type=b]")
    }))

  it.scopedLive("says so when the server is gone, and goes on by itself when it is back", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const first = yield* serve(cwd, yield* steadyPort)
      yield* sendTo(first.url, { origin: "a", metric_type: "b", value: 1 })
      const { page } = yield* openPage(first.url)
      yield* shows(page, "[data-metric-type=b] .value", "1")
      yield* first.program.kill("SIGTERM")
      yield* first.program.ended
      yield* shows(page, "#connection[data-state=lost]")
      yield* shows(page, "#banner", "does not answer")
      const again = yield* serve(cwd, first.port)
      yield* shows(page, "#connection[data-state=live]")
      expect(yield* Effect.promise(() => page.locator("#banner").isVisible())).toBe(false)
      yield* sendTo(again.url, { origin: "a", metric_type: "b", value: 2 })
      yield* shows(page, "[data-metric-type=b] .value", "2")
    }))

  it.scopedLive("fits a phone in the dark, every page of it", () =>
    Effect.gen(function*() {
      const url = yield* upOn("0")
      yield* sendTo(url, game(Date.now()))
      const { complaints, page } = yield* openPage(url, { width: 375, height: 800, colorScheme: "dark" })
      for (
        const [title, selector] of [
          ["Pipeline", ".station"],
          ["Chess", ".piece"],
          ["Explore", ".metrics input"],
          ["Overview", "[data-metric-type=cpu_percent] canvas"]
        ] as const
      ) {
        yield* Effect.promise(() => page.getByRole("link", { name: title, exact: true }).click())
        yield* shows(page, selector)
        expect(yield* Effect.promise(() => page.title())).toContain(title)
        const overflow = yield* Effect.promise(() =>
          page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )
        expect(overflow, title).toBe(0)
      }
      const ground = yield* Effect.promise(() => page.evaluate("getComputedStyle(document.body).backgroundColor"))
      expect(ground).toBe("rgb(16, 20, 26)")
      expect(complaints).toEqual([])
    }))
})

describe("explore", () => {
  it.scopedLive("draws what is chosen, zooms by drag, and a link restores the view", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd)
      const now = Date.now()
      yield* sendTo(
        url,
        ["a", "b"].flatMap((host) =>
          Array.from({ length: 60 }, (_, i) => ({
            origin: "app",
            metric_type: "queue_bytes",
            value: (host === "a" ? 1024 : 2048) * i,
            timestamp: now - i * 10_000,
            metadata: { host }
          }))
        )
      )
      const { complaints, page } = yield* openPage(`${url}/#/explore`)
      yield* Effect.promise(() => page.locator("#search").fill("queue host=a"))
      yield* Effect.promise(() => page.getByRole("checkbox").check())
      yield* shows(page, ".summary tr", /host=b.*118 KiB/)
      yield* Effect.promise(() => page.locator("#aggregate").selectOption("max"))
      yield* Effect.promise(() => page.locator("#tag").fill("host=a"))
      yield* Effect.promise(() => page.keyboard.press("Enter"))
      yield* shows(page, ".chip", "host=a")
      yield* shows(page, ".summary tbody tr:only-child", /59 KiB/)
      const plot = yield* Effect.promise(() => page.locator(".u-over").boundingBox())
      expect(plot).not.toBeNull()
      const { height, width, x, y } = plot ?? { x: 0, y: 0, width: 0, height: 0 }
      yield* Effect.promise(async () => {
        await page.mouse.move(x + width * 0.5, y + height / 2)
        await page.mouse.down()
        await page.mouse.move(x + width * 0.95, y + height / 2, { steps: 5 })
        await page.mouse.up()
      })
      yield* shows(page, ".absolute")
      const link = page.url()
      expect(link).toMatch(/m=app%2Fqueue_bytes&tag\.host=a&aggregate=max&from=\d+&to=\d+/)

      const again = yield* openPage(link)
      // Both pages ask; either may still draw what it had before.
      const notes = Effect.all([textOf(page, ".drawing .more"), textOf(again.page, ".drawing .more")])
      yield* eventually(
        Effect.filterOrFail(
          notes,
          ([one, other]) => one === other && one.includes("max of every 5 s"),
          (got) => new ProgramError({ message: `the same view, not: ${got.join(" and ")}` })
        )
      )
      yield* shows(again.page, ".chip", "host=a")
      expect(yield* Effect.promise(() => again.page.locator("#aggregate").inputValue())).toBe("max")
      const [download] = yield* Effect.promise(() =>
        Promise.all([again.page.waitForEvent("download"), again.page.getByRole("button", { name: /CSV/ }).click()])
      )
      const csv = yield* Effect.promise(async () => fs.readFile(await download.path(), "utf8"))
      expect(csv).toMatch(/^time,queue_bytes host=a\n\d{4}-.*Z,\d+\n/)
      yield* Effect.promise(() => page.goBack())
      yield* Effect.promise(() => page.locator(".absolute").waitFor({ state: "hidden" }))
      expect([...complaints, ...again.complaints]).toEqual([])
    }))

  it.scopedLive("tells all lines under the pointer, pans, and gives what is seen as a picture", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(yield* directory)
      const now = Date.now()
      yield* sendTo(
        url,
        Array.from({ length: 30 }, (_, i) => i).flatMap((i) =>
          Array.from({ length: 20 }, (_, worker) => ({
            origin: "app",
            metric_type: "queue_count",
            value: 100 * (worker + 1),
            timestamp: now - 10_000 * i,
            metadata: { worker: String(worker) }
          }))
        )
      )
      const { complaints, page } = yield* openPage(
        `${url}/#/explore?m=app/queue_count&from=${now - 300_000}&to=${now + 5_000}`
      )
      yield* shows(page, ".summary tr >> nth=20")
      // Numbers in their order, not worker=10 after worker=1.
      yield* shows(page, ".summary tbody tr >> nth=2", "worker=2")
      yield* Effect.promise(() => page.locator(".u-over").hover({ position: { x: 300, y: 5 } }))
      yield* until(
        "a tip with the twelve lines nearest to the pointer",
        textOf(page, ".tip"),
        (text) => /worker=19.*worker=8/.test(text) && text.endsWith("and 8 more") && !text.includes("worker=7")
      )
      yield* Effect.promise(() => page.locator("#search").hover())
      yield* Effect.promise(() => page.locator(".tip").waitFor({ state: "hidden" }))

      yield* Effect.promise(() => page.getByRole("button", { name: "Earlier" }).click())
      yield* Effect.promise(() => page.waitForURL((address) => !address.hash.includes(`to=${now + 5_000}`)))
      const to = Number(new URLSearchParams(page.url().split("?")[1]).get("to"))
      expect(to).toBe(now + 5_000 - 305_000 / 2)

      const [download] = yield* Effect.promise(() =>
        Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: /PNG/ }).click()])
      )
      const picture = yield* Effect.promise(async () => fs.readFile(await download.path()))
      expect(picture.subarray(1, 4).toString("latin1")).toBe("PNG")
      expect(picture.readUInt32BE(16)).toBeGreaterThan(600)
      expect(complaints).toEqual([])
    }))

  it.scopedLive("keeps the tip and what is being selected while new answers are drawn", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(yield* directory)
      const now = Date.now()
      const points = Array.from({ length: 60 }, (_, i) => ({ value: 1_024, timestamp: now - i * 5_000 }))
      yield* sendTo(url, points.map((point) => ({ origin: "app", metric_type: "queue_bytes", ...point })))
      const { complaints, page } = yield* openPage(`${url}/#/explore?m=app/queue_bytes&range=300`)
      yield* shows(page, ".summary tr", /^queue_bytes1 KiB/)
      const note = textOf(page, ".drawing .more")
      const anotherAnswer = Effect.flatMap(note, (before) => until("a newer range", note, (text) => text !== before))

      const plot = page.locator(".u-over")
      yield* Effect.promise(() => plot.hover({ position: { x: 300, y: 50 } }))
      yield* shows(page, ".tip", /1 KiB$/)
      yield* anotherAnswer
      yield* anotherAnswer
      expect(yield* Effect.promise(() => page.locator(".tip").isVisible())).toBe(true)

      yield* Effect.promise(() => page.mouse.down())
      yield* Effect.promise(() => plot.hover({ position: { x: 400, y: 50 } }))
      yield* anotherAnswer
      const selected = yield* Effect.promise(() => page.locator(".u-select").boundingBox())
      expect(selected?.width).toBeCloseTo(100, -1)
      yield* Effect.promise(() => plot.hover({ position: { x: 500, y: 50 } }))
      yield* Effect.promise(() => page.mouse.up())
      yield* shows(page, ".absolute")
      expect(page.url()).toMatch(/&from=\d+&to=\d+/)
      expect(complaints).toEqual([])
    }))

  it.scopedLive("lets a metric be chosen while an answer comes that brings nothing new", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(yield* directory)
      yield* sendTo(url, { origin: "app", metric_type: "x", value: 3 })
      const { complaints, page } = yield* openPage(`${url}/#/pipeline`)
      const answers: Array<() => Promise<void>> = []
      yield* Effect.promise(() => page.route("**/api/series", (route) => void answers.push(() => route.continue())))
      yield* Effect.promise(() => page.getByRole("link", { name: "Explore" }).click())
      // A list that does not come is asked for again.
      yield* eventually(Effect.suspend(() =>
        answers.length >= 2
          ? Effect.void
          : Effect.fail(new ProgramError({ message: `${answers.length} questions` }))
      ))
      const [first, second] = answers
      yield* Effect.promise(() => first())
      yield* Effect.promise(() => page.getByRole("checkbox").hover())
      yield* Effect.promise(async () => {
        await page.mouse.down()
        await Promise.all([page.waitForResponse("**/api/series"), second()])
        await page.evaluate("new Promise((done) => setTimeout(done, 200))")
        await page.mouse.up()
      })
      yield* shows(page, ".summary tr", /^x3/)
      expect(complaints).toEqual([])
    }))

  it.scopedLive("can be worked by keyboard", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd)
      yield* sendTo(url, ["x", "y"].map((metric_type) => ({ origin: "app", metric_type, value: 3 })))
      const { page } = yield* openPage(`${url}/#/explore`)
      yield* shows(page, ".metrics input")
      yield* Effect.promise(async () => {
        await page.locator("#search").focus()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
      })
      yield* shows(page, ".summary tr", /^x3/)
      // The list was drawn anew, the focus is where it was.
      yield* Effect.promise(() => page.keyboard.press("Space"))
      yield* shows(page, ".hint", "Choose metrics")
    }))
})

describe("the pipeline", () => {
  it.scopedLive("shows the collector, its way and the server's own numbers", () =>
    Effect.gen(function*() {
      const url = yield* upOn("0")
      const { complaints, page } = yield* openPage(`${url}/#/pipeline`)
      yield* shows(page, ".sender[data-health=good] .station", /Transportsocket/)
      yield* until("a rate", textOf(page, ".station >> nth=0"), (text) => /^Generators[\d.]+\/s/.test(text))
      yield* shows(page, ".streams .dot[data-state=good]", "socket")
      yield* until("the points", textOf(page, ".figure >> nth=3"), (text) => /^Points[\d,]+0 rejected/.test(text))
      expect(complaints).toEqual([])
    }))

  it.scopedLive("shows that nothing was lost, then a loss with its reason", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd)
      const { complaints, page } = yield* openPage(`${url}/#/pipeline`)
      yield* shows(page, ".figure >> nth=3", /^Points0/)
      yield* shows(page, ".hint", "Nothing was lost.")
      yield* Effect.promise(() =>
        fetch(`${url}/api/metrics`, {
          method: "POST",
          headers: { "content-type": "application/vnd.metrics.batch.v1+json" },
          body: JSON.stringify({
            type: "skip",
            stream: "s",
            sender: "web-1",
            from: 0,
            to: 1_234,
            reason: "drop-oldest"
          })
        }).then((response) => response.text())
      )
      yield* shows(page, ".losses tr", /web-11,234drop-oldest/)
      expect(yield* Effect.promise(() => page.getByText("Nothing was lost.").isVisible())).toBe(false)
      expect(complaints).toEqual([])
    }))
})

describe("chess", () => {
  it.scopedLive("shows the position, the players, the clocks and the material, and the end", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd)
      const { complaints, page } = yield* openPage(`${url}/#/chess`)
      yield* shows(page, "h2", "No game")
      const now = Date.now()
      yield* sendTo(url, game(now))
      yield* shows(page, ".board[aria-label*='After g2g1.'][aria-label*='Black: king f7']")
      expect(yield* Effect.promise(() => page.locator(".piece").count())).toBe(15)
      expect(yield* Effect.promise(() => page.locator(".board .marked").count())).toBe(2)
      // Black is at the bottom, and has eight pawns' worth more.
      yield* shows(page, ".side:last-of-type", /Stockfish level 8\+8/)
      yield* shows(page, ".side >> nth=0", /WGM Ada 2400/)
      yield* shows(page, ".clock[data-running=true]", /^[01]:\d\d$/)
      yield* sendTo(url, {
        origin: "game",
        metric_type: "game_end",
        value: 0,
        timestamp: now + 1_000,
        metadata: { channel: "blitz", game: { id: "game-1", status: "mate" } }
      })
      yield* shows(page, ".channel .more", "0–1, mate")
      yield* shows(page, ".clock[data-running=false] >> nth=1")
      expect(complaints).toEqual([])
    }))
})
