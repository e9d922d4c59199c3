/**
 * What the dashboard costs: `npm run bench:page -- [--seconds 20] [--write]`. A server
 * of the built command with five minutes of 50 series, which go on by one point a
 * second each; Chromium (`CHROMIUM_PATH`, else /usr/bin/chromium) looks at their 50
 * charts. Another one holds a day of 50 series, one point a minute each, which are
 * drawn in one chart. `--write` puts the figures into docs/benchmarks.md.
 */
import { Console, Data, Effect, Schedule } from "effect"
import { parseArgs } from "node:util"
import { openPage } from "../test/browser/Browser.js"
import { firstLoad, mainThreadMillis, shareOf } from "../test/browser/Figures.js"
import { sendTo } from "../test/browser/Server.js"
import { directory, serve } from "../test/e2e/Program.js"
import { provenance, show, writeSection } from "./BenchmarksPage.js"

class PageBenchError extends Data.TaggedError("PageBenchError")<{ readonly message: string }> {}

const { values: options } = parseArgs({
  options: { seconds: { type: "string", default: "20" }, write: { type: "boolean", default: false } }
})

const charts = 50

/** Origins with ten metric types each: the overview draws a chart for each of them. */
const pointsAt = (timestamp: number) =>
  Array.from({ length: charts }, (_, i) => ({
    origin: `service-${Math.floor(i / 10)}`,
    metric_type: `latency_${i % 10}_seconds`,
    value: 0.05 + 0.04 * Math.sin(timestamp / 40_000 + i) + 0.01 * Math.random(),
    timestamp
  }))

const dayOf = (machine: number, end: number) =>
  Array.from({ length: 1_440 }, (_, i) => ({
    origin: "day",
    metric_type: "load_percent",
    value: 50 + 40 * Math.sin(i / 120 + machine) + 5 * Math.random(),
    timestamp: end - (1_440 - i) * 60_000,
    metadata: { machine: String(machine) }
  }))

const moves = 100

/** A chart of 50 series over a day: until it is drawn, and what following the pointer takes. */
const exploreDay = Effect.gen(function*() {
  const { url } = yield* serve(yield* directory)
  const end = Date.now()
  for (let machine = 0; machine < charts; machine++) yield* sendTo(url, dayOf(machine, end))
  const { page } = yield* openPage("about:blank", sights[0])
  const { drawnAfterMillis } = yield* firstLoad(page, `${url}/#/explore?m=day/load_percent&range=86400&step=60000`)
  yield* Effect.promise(() => page.locator(".summary tbody tr").nth(charts - 1).waitFor({ state: "attached" }))
  yield* Effect.sleep("1 second")
  const area = yield* Effect.promise(() => page.locator(".u-over").boundingBox())
  const { x, y } = area ?? { x: 0, y: 0 }
  const millis = yield* mainThreadMillis(
    page,
    Effect.forEach(
      Array.from({ length: moves }, (_, i) => i),
      // As fast as a screen shows them.
      (i) =>
        Effect.zipRight(Effect.promise(() => page.mouse.move(x + 20 + 5 * i, y + 60 + i)), Effect.sleep("16 millis")),
      { discard: true }
    )
  )
  return { drawnAfterMillis, moveMillis: millis / moves }
})

const sights = [
  { name: "a screen of 1280 × 900", width: 1280, height: 900 },
  { name: "a screen that shows all 50 at once, 1920 × 4000", width: 1920, height: 4000 }
] as const

const bench = Effect.gen(function*() {
  const measured = provenance("npm run bench:page")
  const { url } = yield* serve(yield* directory)
  const began = Date.now()
  yield* sendTo(url, Array.from({ length: 300 }, (_, i) => pointsAt(began - (300 - i) * 1_000)).flat())
  yield* Effect.forkScoped(
    Effect.repeat(Effect.suspend(() => sendTo(url, pointsAt(Date.now()))), Schedule.fixed("1 second"))
  )

  const { page } = yield* openPage("about:blank", sights[0])
  const load = yield* firstLoad(page, `${url}/`)
  const foreign = load.requests.filter((address) => !address.startsWith(url))
  if (foreign.length > 0) return yield* new PageBenchError({ message: `it asked ${foreign.join(", ")}` })

  const rows: Array<string> = []
  for (const { name, ...sight } of sights) {
    const { page } = yield* openPage(`${url}/`, sight)
    yield* Effect.promise(() => page.locator(".card").nth(charts - 1).waitFor({ state: "attached" }))
    const there = yield* Effect.promise(() => page.locator(".card").count())
    if (there !== charts) return yield* new PageBenchError({ message: `${there} charts in place of ${charts}` })
    // What a page does once, at its beginning, is no part of what it does all the time.
    yield* Effect.sleep("5 seconds")
    const share = yield* shareOf(page, Number(options.seconds))
    const percent = (part: number): string => `${show(part * 100, 1)} %`
    rows.push(`| ${name} | ${percent(share.mainThread)} | ${percent(share.renderer)} | ${percent(share.browser)} |`)
    yield* Effect.promise(() => page.close())
  }

  const day = yield* Effect.scoped(exploreDay)

  const section = `## Dashboard

${measured}. The built command serves 300 seconds of ${charts} series, and one point a second of each
while it is looked at, by Chromium without a graphics processor.

| first load | |
|---|---|
| page, script and style sheet as served, kB | ${show(load.servedBytes / 1000, 1)} |
| the same unpacked, kB | ${show(load.unpackedBytes / 1000, 1)} |
| from navigation to the first line on the screen, ms | ${show(load.drawnAfterMillis, 0)} |

Share of one processor, over ${options.seconds} s with ${charts} charts, live:

| | main thread of the page | its process | all of Chromium |
|---|---|---|---|
${rows.join("\n")}

One chart of 50 series over a day, each minute of them, 72,000 points:

| | |
|---|---|
| from navigation to the chart, ms | ${show(day.drawnAfterMillis, 0)} |
| the main thread for each move of the pointer, which tells all lines, ms | ${show(day.moveMillis, 1)} |`
  yield* Console.log(section)
  if (options.write) yield* Effect.sync(() => writeSection("bench:page", section))
})

Effect.runPromise(Effect.scoped(bench)).catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
