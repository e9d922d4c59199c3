import { Context, Effect, Layer, Logger, LogLevel, Runtime } from "effect"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { answerWords, cpuSeconds, type Measured, tell } from "../delivery/Talk.js"
import { SeriesMetrics } from "./SeriesMetrics.js"

// Many senders that each give metrics at a steady pace: `PacedClient <URL> <senders> <metrics a call> <ms between calls>`.
// `run S` does so for so many seconds; a call waits until it is accepted, then until it is acknowledged. Their calls are
// spread over the interval, as those of machines are.

const [, , endpointUrl, sendersText, countText, everyText] = process.argv

const senders = Number(sendersText)
const count = Number(countText)
const every = Number(everyText)

// The server guards how many series a metric type may have.
const seriesOfSender = 5

const quantile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]

const sorted = (values: ReadonlyArray<number>): ReadonlyArray<number> => values.toSorted((a, b) => a - b)

const program = Effect.gen(function*() {
  const all = yield* Effect.forEach(Array.from({ length: senders }, (_, i) => i), (i) =>
    Effect.map(
      Layer.build(GenericMetricsSender.layer({ endpointUrl, senderName: `sender-${i}`, shutdownGrace: 0 })),
      (context) => ({
        ...Context.get(context, GenericMetricsSender),
        metrics: new SeriesMetrics(seriesOfSender, { owner: `sender-${i}`, pooled: 1 })
      })
    ))

  const runFor = (seconds: number): Effect.Effect<Measured, unknown> =>
    Effect.gen(function*() {
      const cpu = cpuSeconds()
      const begun = performance.now()
      const acknowledged: Array<number> = []
      const late: Array<number> = []
      let accepted = 0
      const calls = Math.floor(seconds * 1_000 / every)
      yield* Effect.forEach(all, ({ flush, metrics, sendMetrics }, i) => {
        let call = 0
        const one = Effect.gen(function*() {
          const due = begun + (call++ + i / senders) * every
          yield* Effect.sleep(Math.max(0, due - performance.now()))
          late.push(performance.now() - due)
          yield* sendMetrics(metrics.batch(count))
          accepted += count
          const from = performance.now()
          yield* flush
          acknowledged.push(performance.now() - from)
        })
        return Effect.whileLoop({ while: () => call < calls, body: () => one, step() {} })
      }, { concurrency: "unbounded", discard: true })
      const times = sorted(acknowledged)
      return {
        accepted,
        cpu: cpuSeconds() - cpu,
        seconds: (performance.now() - begun) / 1_000,
        p50: quantile(times, 0.5),
        p99: quantile(times, 0.99),
        most: quantile(times, 1),
        late99: quantile(sorted(late), 0.99)
      }
    })

  const run = Runtime.runPromise(yield* Effect.runtime())
  answerWords((_, seconds) => run(runFor(seconds)))
  tell({ ready: 1 })
  return yield* Effect.never
})

await program.pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.Error), Effect.runPromise)
