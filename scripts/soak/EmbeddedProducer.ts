/**
 * A program that embeds the sender, as one of a user would: numbered metrics at
 * a steady rate into an outbox on disk. It writes `asked N` before the sender is
 * given the numbers below N, and `accepted N` when the sender has taken them.
 * When standard input ends it delivers what is left, and ends.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Deferred, Effect, Logger, Redacted, Schema } from "effect"
import { GenericMetricsSender } from "../../src/index.js"
import { EmbeddedSettings } from "./EmbeddedSettings.js"
import { metricOf } from "./Numbers.js"

/** Most metrics given to the sender at once. */
const maxBatch = 1_000

/** Pause between two batches, ms. */
const pause = 20

// Every so many batches come from as many callers as there are metrics.
const manyCallersEvery = 8
const maxCallers = 100

const produce = (settings: EmbeddedSettings, stopping: Deferred.Deferred<void>) =>
  Effect.gen(function*() {
    const sender = yield* GenericMetricsSender
    const startedAt = yield* Clock.currentTimeMillis
    let next = 0
    let held = 0
    for (let batches = 0; !(yield* Deferred.isDone(stopping)); batches++) {
      const due = ((yield* Clock.currentTimeMillis) - startedAt) * settings.rate / 1_000 - held
      const many = settings.overflow === "block" && batches % manyCallersEvery === 0
      const count = Math.min(Math.floor(due) - next, many ? maxCallers : maxBatch)
      if (count > 0) {
        const metrics = Array.from({ length: count }, (_, i) => metricOf(settings, next + i))
        next += count
        process.stdout.write(`asked ${next}\n`)
        const before = yield* Clock.currentTimeMillis
        if (many) yield* Effect.forEach(metrics, sender.sendMetric, { concurrency: "unbounded", discard: true })
        else {
          const { rejected } = yield* sender.sendMetrics(metrics)
          if (rejected.length > 0) return yield* Effect.dieMessage(`refused: ${rejected[0].message}`)
        }
        process.stdout.write(`accepted ${next}\n`)
        // What a full outbox held up is not made good for.
        const waited = (yield* Clock.currentTimeMillis) - before
        if (waited > 1_000) held += waited * settings.rate / 1_000
      }
      yield* Effect.raceFirst(Effect.sleep(pause), Deferred.await(stopping))
    }
    yield* sender.flush
  })

const program = Effect.gen(function*() {
  const settings = yield* Schema.decode(Schema.parseJson(EmbeddedSettings))(process.argv[2] ?? "")
  const stopping = yield* Deferred.make<void>()
  process.stdin.on("end", () => Deferred.unsafeDone(stopping, Effect.void)).resume()
  const { dataDir, endpointUrl, maxBytes, overflow } = settings
  yield* produce(settings, stopping).pipe(Effect.provide(GenericMetricsSender.layer({
    endpointUrl,
    token: Redacted.make(settings.token),
    dataDir,
    outbox: { maxBytes, overflow }
  })))
})

// Standard output is for the numbers.
const logger = Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger))

program.pipe(Effect.provide(logger), NodeRuntime.runMain({ disablePrettyLogger: true }))
