import { Context, Effect, Layer, Logger, LogLevel, Runtime } from "effect"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { answerWords, cpuSeconds, tell } from "../delivery/Talk.js"
import { BATCH } from "../store/BenchData.js"
import { SeriesMetrics } from "./SeriesMetrics.js"

// Any number of senders in one process, each with an outbox, a stream and a connection of its own:
// `SendersClient <URL> <senders> <series of all> [data directory]`, without one their outboxes are in memory.
// `deliver N` delivers so many, in equal shares.

const [, , endpointUrl, sendersText, seriesText, dataDir] = process.argv

const senders = Number(sendersText)

// Callers of all senders, each with a batch under way.
const callers = Math.max(8, senders)

const program = Effect.gen(function*() {
  const all = yield* Effect.forEach(Array.from({ length: senders }, (_, i) => i), (i) =>
    Effect.gen(function*() {
      const context = yield* Layer.build(GenericMetricsSender.layer({
        endpointUrl,
        dataDir,
        senderName: `sender-${i}`,
        shutdownGrace: 0
      }))
      const metrics = senders === 1
        ? new SeriesMetrics(Number(seriesText))
        : new SeriesMetrics(Number(seriesText) / senders, { owner: `sender-${i}`, pooled: 1 })
      return { ...Context.get(context, GenericMetricsSender), metrics }
    }))

  const deliver = (count: number) =>
    Effect.forEach(all, ({ flush, metrics, sendMetrics }) => {
      let left = count / senders
      const call = Effect.suspend(() => {
        const batch = metrics.batch(Math.min(BATCH, left))
        left -= batch.length
        return sendMetrics(batch)
      })
      return Effect.all(
        Array.from({ length: callers / senders }, () =>
          Effect.whileLoop({ while: () => left > 0, body: () => call, step() {} })),
        { concurrency: "unbounded", discard: true }
      ).pipe(Effect.zipRight(flush))
    }, { concurrency: "unbounded", discard: true })

  const run = Runtime.runPromise(yield* Effect.runtime())
  answerWords((_, count) => {
    const cpu = cpuSeconds()
    const before = performance.now()
    return run(Effect.map(deliver(count), () => ({
      seconds: (performance.now() - before) / 1000,
      cpu: cpuSeconds() - cpu
    })))
  })
  tell({ ready: 1 })
  return yield* Effect.never
})

await program.pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.Error), Effect.runPromise)
