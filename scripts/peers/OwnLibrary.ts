import { Effect, Logger, LogLevel, Runtime } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { answerWords, tell } from "../delivery/Talk.js"
import { labels, LibraryCost, valueOf } from "./LibraryWork.js"

// The sender of this package, embedded: `OwnLibrary checked|unchecked <URL> [data directory]`, without one its outbox is
// in memory. A metric of each series, then `sendMetrics`, which returns when they are in the outbox; at the end all are
// acknowledged. `checked` metrics are checked when they are made too, not only by the sender.

const [, , checking, endpointUrl, dataDir] = process.argv

const disableValidation = checking === "unchecked"

let round = 0

const program = Effect.gen(function*() {
  const { flush, sendMetrics } = yield* GenericMetricsSender
  const run = Runtime.runPromise(yield* Effect.runtime())
  answerWords((_, rounds) => {
    const cost = new LibraryCost()
    const one = Effect.suspend(() => {
      round++
      let metrics: ReadonlyArray<GenericMetric> = []
      cost.update(() => {
        metrics = labels.map((metadata, series) =>
          new GenericMetric(
            { origin: "bench", metricType: "value", value: valueOf(series, round), metadata },
            disableValidation
          )
        )
      })
      return sendMetrics(metrics)
    })
    return run(one.pipe(Effect.repeatN(rounds - 1), Effect.zipRight(flush), Effect.map(() => cost.measured)))
  })
  tell({ ready: 1 })
  return yield* Effect.never
})

await program.pipe(
  Effect.provide(GenericMetricsSender.layer({ endpointUrl, dataDir, shutdownGrace: 0 })),
  Logger.withMinimumLogLevel(LogLevel.Error),
  Effect.runPromise
)
