import { Data, Effect, Schedule, Schema, type Scope } from "effect"
import type { CDPSession, Page } from "playwright-core"

/** The browser did not tell a figure in the form it is known to have. */
export class FigureError extends Data.TaggedError("FigureError")<{ readonly message: string }> {}

const told = <A, I>(what: string, schema: Schema.Schema<A, I>) => (answer: unknown): Effect.Effect<A, FigureError> =>
  Effect.mapError(
    Schema.decodeUnknown(schema)(answer),
    (error) => new FigureError({ message: `${what}: ${error.message}` })
  )

const evaluated = (page: Page, expression: string): Effect.Effect<unknown> =>
  Effect.promise(() => page.evaluate<unknown>(expression))

/** A conversation with the browser about one page. */
const talkAbout = (page: Page): Effect.Effect<CDPSession, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => page.context().newCDPSession(page)),
    (session) => Effect.promise(() => session.detach().catch(() => undefined))
  )

/** What one load of a page brought over the network. */
export interface FirstLoad {
  readonly requests: ReadonlyArray<string>
  /** Of the page, its script and its style sheet, as they were served, headers included. */
  readonly servedBytes: number
  /** The same after unpacking, without headers. */
  readonly unpackedBytes: number
  /** From navigation until the frame in which the first line with points was drawn, ms. */
  readonly drawnAfterMillis: number
}

// uPlot strokes a line as one path; axes and grids are stroked without one.
const noticeFirstLine = `(() => {
  const drawn = new WeakSet()
  const { lineTo } = Path2D.prototype
  const { stroke } = CanvasRenderingContext2D.prototype
  Path2D.prototype.lineTo = function(...at) {
    drawn.add(this)
    return lineTo.apply(this, at)
  }
  CanvasRenderingContext2D.prototype.stroke = function(...path) {
    if (globalThis.firstLineAt === undefined && path.some((one) => drawn.has(one))) {
      globalThis.firstLineAt = 0
      requestAnimationFrame(() => requestAnimationFrame(() => globalThis.firstLineAt = performance.now()))
    }
    return stroke.apply(this, path)
  }
})()`

const Received = Schema.Struct({ requestId: Schema.String, response: Schema.Struct({ url: Schema.String }) })
const Finished = Schema.Struct({ requestId: Schema.String, encodedDataLength: Schema.Number })
const DataReceived = Schema.Struct({ requestId: Schema.String, dataLength: Schema.Number })

/** Opens an address in an empty page, as a browser that was never there, and says what came and when data was seen. */
export const firstLoad = (page: Page, address: string): Effect.Effect<FirstLoad, FigureError> =>
  Effect.scoped(Effect.gen(function*() {
    const session = yield* talkAbout(page)
    const events: Array<readonly [string, unknown]> = []
    for (const name of ["Network.responseReceived", "Network.dataReceived", "Network.loadingFinished"] as const) {
      session.on(name, (event: unknown) => events.push([name, event]))
    }
    yield* Effect.promise(async () => {
      await session.send("Network.enable")
      await session.send("Network.setCacheDisabled", { cacheDisabled: true })
      await page.addInitScript(noticeFirstLine)
      await page.goto(address)
    })
    const drawnAfterMillis = yield* evaluated(page, "globalThis.firstLineAt").pipe(
      Effect.flatMap(told("time of the first line", Schema.Positive)),
      Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo("90 seconds")))
    )
    const of = <A, I>(wanted: string, schema: Schema.Schema<A, I>) =>
      Effect.forEach(events.filter(([name]) => name === wanted), ([, event]) => told(wanted, schema)(event))
    const addresses = new Map(
      (yield* of("Network.responseReceived", Received)).map(({ requestId, response }) => [requestId, response.url])
    )
    const own = (requestId: string): boolean => !/^data:|\/api\//.test(addresses.get(requestId) ?? "data:")
    const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, one) => total + one, 0)
    return {
      requests: [...addresses.values()].filter((url) => !url.startsWith("data:")),
      servedBytes: sum(
        (yield* of("Network.loadingFinished", Finished)).filter(({ requestId }) => own(requestId))
          .map(({ encodedDataLength }) => encodedDataLength)
      ),
      unpackedBytes: sum(
        (yield* of("Network.dataReceived", DataReceived)).filter(({ requestId }) => own(requestId))
          .map(({ dataLength }) => dataLength)
      ),
      drawnAfterMillis
    }
  }))

/** What a page takes of one processor, 1 being all of it. */
export interface Share {
  /** Its main thread: script, layout, painting. */
  readonly mainThread: number
  /** Its process, all threads. */
  readonly renderer: number
  /** All processes of the browser. */
  readonly browser: number
}

const Metrics = Schema.Struct({
  metrics: Schema.Array(Schema.Struct({ name: Schema.String, value: Schema.Number }))
})

const Processes = Schema.Struct({
  processInfo: Schema.Array(Schema.Struct({ type: Schema.String, cpuTime: Schema.Number }))
})

const metricsOf = (session: CDPSession) =>
  Effect.map(
    Effect.flatMap(
      Effect.promise((): Promise<unknown> => session.send("Performance.getMetrics")),
      told("Performance.getMetrics", Metrics)
    ),
    ({ metrics }) => (name: string): number => metrics.find((one) => one.name === name)?.value ?? Number.NaN
  )

/** How long the main thread of a page works while `work` is done, in ms. */
export const mainThreadMillis = <E, R>(
  page: Page,
  work: Effect.Effect<void, E, R>
): Effect.Effect<number, E | FigureError, R> =>
  Effect.scoped(Effect.gen(function*() {
    const session = yield* talkAbout(page)
    yield* Effect.promise(() => session.send("Performance.enable"))
    const before = yield* metricsOf(session)
    yield* work
    const after = yield* metricsOf(session)
    return (after("TaskDuration") - before("TaskDuration")) * 1_000
  }))

/** What an open page takes of a processor over `seconds`. The browser must have no other page that does anything. */
export const shareOf = (page: Page, seconds: number): Effect.Effect<Share, FigureError> =>
  Effect.scoped(Effect.gen(function*() {
    const session = yield* talkAbout(page)
    const browser = page.context().browser()
    if (browser === null) return yield* new FigureError({ message: "the page has no browser" })
    const whole = yield* Effect.acquireRelease(
      Effect.promise(() => browser.newBrowserCDPSession()),
      (opened) => Effect.promise(() => opened.detach().catch(() => undefined))
    )
    yield* Effect.promise(() => session.send("Performance.enable"))
    const used = Effect.gen(function*() {
      const metric = yield* metricsOf(session)
      const { processInfo } = yield* Effect.flatMap(
        Effect.promise((): Promise<unknown> => whole.send("SystemInfo.getProcessInfo")),
        told("SystemInfo.getProcessInfo", Processes)
      )
      const cpu = (type?: string): number =>
        processInfo.reduce((sum, one) => sum + (type === undefined || one.type === type ? one.cpuTime : 0), 0)
      return { at: metric("Timestamp"), task: metric("TaskDuration"), renderer: cpu("renderer"), browser: cpu() }
    })
    const before = yield* used
    yield* Effect.sleep(`${seconds} seconds`)
    const after = yield* used
    const elapsed = after.at - before.at
    return {
      mainThread: (after.task - before.task) / elapsed,
      renderer: (after.renderer - before.renderer) / elapsed,
      browser: (after.browser - before.browser) / elapsed
    }
  }))

/** How many charts a page draws anew until one of them was drawn so many times. */
export const redrawn = (page: Page, times: number): Effect.Effect<{ readonly canvases: number }, FigureError> =>
  Effect.flatMap(
    evaluated(
      page,
      `new Promise((done) => {
        const canvases = new Map()
        const { clearRect } = CanvasRenderingContext2D.prototype
        CanvasRenderingContext2D.prototype.clearRect = function(...area) {
          const drawn = (canvases.get(this.canvas) ?? 0) + 1
          canvases.set(this.canvas, drawn)
          if (drawn === ${times}) {
            CanvasRenderingContext2D.prototype.clearRect = clearRect
            done({ canvases: canvases.size })
          }
          return clearRect.apply(this, area)
        }
      })`
    ),
    told("what was drawn", Schema.Struct({ canvases: Schema.Number }))
  )

/** How many charts of a page stand at least partly on the screen. */
export const chartsInSight = (page: Page): Effect.Effect<number, FigureError> =>
  Effect.flatMap(
    evaluated(
      page,
      `[...document.querySelectorAll(".chart")].filter((chart) => {
        const { bottom, height, top } = chart.getBoundingClientRect()
        return height > 0 && top < innerHeight && bottom > 0
      }).length`
    ),
    told("charts in sight", Schema.Number)
  )
