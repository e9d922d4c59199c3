import { HttpClient, HttpClientRequest } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Layer, Stream } from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"
import { LossLedger } from "../telemetry/LossLedger.js"
import { channelFeed, type FeedSurroundings } from "./lichess/ChannelFeed.js"
import {
  checkOptions,
  type LichessOptions,
  type LichessOptionsError,
  type LichessSettings
} from "./lichess/LichessOptions.js"
import { makeRequestGate } from "./lichess/RequestGate.js"
import { GeneratorError, MetricsGenerator } from "./MetricsGenerator.js"

/**
 * Follows live games on Lichess: one TV feed a channel, as anybody may watch
 * them, without an account. Gives metrics of the origin `game` with the tag
 * `channel`; the table of them stands in `docs/lichess.md`.
 *
 * Connections that end are opened again, for ever. Only a channel that the
 * server does not know ends its feed: the others go on, and when none is left
 * the generator fails, naming the channels that exist.
 */
export class LichessMetricsCollector extends MetricsGenerator.Tag("lichess")<LichessMetricsCollector>() {
  /** The collector over a client of its own. */
  static readonly layer = (options: LichessOptions): Layer.Layer<LichessMetricsCollector, LichessOptionsError> =>
    LichessMetricsCollector.layerWithoutDependencies(options).pipe(
      Layer.provide(NodeHttpClient.layerUndici),
      Layer.provide(LossLedger.Default)
    )

  /** The collector over a client that the caller brings; moves that it misses are written into the ledger. */
  static readonly layerWithoutDependencies = (
    options: LichessOptions
  ): Layer.Layer<LichessMetricsCollector, LichessOptionsError, HttpClient.HttpClient | LossLedger> =>
    Layer.effect(
      LichessMetricsCollector,
      Effect.gen(function*() {
        const settings = yield* checkOptions(options)
        const ledger = yield* LossLedger
        const client = (yield* HttpClient.HttpClient).pipe(
          HttpClient.withScope,
          HttpClient.mapRequest(HttpClientRequest.setHeader("user-agent", userAgent))
        )
        const gate = yield* makeRequestGate
        const name = LichessMetricsCollector.generatorName
        const surroundings: FeedSurroundings = {
          client,
          gate,
          recordLoss: (loss) => ledger.record({ source: name, ...loss })
        }
        return { name, generateMetrics: allFeeds(name, settings, surroundings) }
      })
    )
}

/** Lichess has no rule for it, and asks its users to be kind: it can see who calls. */
const userAgent = "metrics-collector (metrics agent in TypeScript; follows TV feeds)"

const allFeeds = (
  name: string,
  settings: LichessSettings,
  surroundings: FeedSurroundings
): Stream.Stream<GenericMetric, GeneratorError> =>
  Stream.suspend(() => {
    const problems: Array<string> = []
    const feeds = settings.channels.map((channel) =>
      channelFeed(channel, settings, surroundings).pipe(
        Stream.catchTag("UnknownChannelError", ({ message }) => {
          problems.push(message)
          return problems.length === settings.channels.length
            ? Stream.fail(new GeneratorError({ generator: name, message: problems.join("; ") }))
            : Stream.execute(Effect.logError(message))
        })
      )
    )
    return Stream.mergeAll(feeds, { concurrency: "unbounded" })
  })
