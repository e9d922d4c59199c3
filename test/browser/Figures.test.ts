import { describe, expect, it } from "@effect/vitest"
import { Console, Effect, Schedule } from "effect"
import { directory, serve } from "../e2e/Program.js"
import { openPage, shows } from "./Browser.js"
import { chartsInSight, firstLoad, redrawn, shareOf } from "./Figures.js"
import { sendTo } from "./Server.js"

const charts = 50

const pointsAt = (timestamp: number) =>
  Array.from({ length: charts }, (_, i) => ({
    origin: `service-${Math.floor(i / 10)}`,
    metric_type: `latency_${i % 10}_seconds`,
    value: 0.05 + 0.04 * Math.sin(timestamp / 40_000 + i),
    timestamp
  }))

describe("what the dashboard costs", () => {
  it.scopedLive("is 150 kB at the most to load; of 50 charts only those in sight are drawn", () =>
    Effect.gen(function*() {
      const { url } = yield* serve(yield* directory)
      const began = Date.now()
      yield* sendTo(url, Array.from({ length: 60 }, (_, i) => pointsAt(began - (60 - i) * 1_000)).flat())
      yield* Effect.forkScoped(
        Effect.repeat(Effect.suspend(() => sendTo(url, pointsAt(Date.now()))), Schedule.fixed("1 second"))
      )
      const { page } = yield* openPage("about:blank")
      const load = yield* firstLoad(page, `${url}/`)
      expect(load.requests.filter((address) => !address.startsWith(url))).toEqual([])
      expect(load.servedBytes).toBeLessThanOrEqual(150_000)
      // Packed, or the test above would still pass for a page of 150 kB of text.
      expect(load.servedBytes).toBeLessThan(load.unpackedBytes / 2)

      yield* shows(page, ".card >> nth=49")
      const inSight = yield* chartsInSight(page)
      const drawn = yield* redrawn(page, 3)
      expect(inSight).toBeLessThan(charts / 2)
      expect(drawn.canvases).toBeLessThanOrEqual(inSight)

      const share = yield* shareOf(page, 5)
      yield* Console.log(
        `the dashboard: ${(load.servedBytes / 1000).toFixed(1)} kB served, ` +
          `first line drawn after ${load.drawnAfterMillis.toFixed(0)} ms, with ${charts} charts live ` +
          `${(share.mainThread * 100).toFixed(1)} % of a processor in its main thread and ` +
          `${(share.renderer * 100).toFixed(1)} % in its process`
      )
    }))
})
