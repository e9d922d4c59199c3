import { HttpClient, HttpClientRequest } from "@effect/platform"
import { Effect, Layer, Stream } from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"
import { LossLedger } from "../telemetry/LossLedger.js"
import { httpConnections } from "../wire/HttpConnections.js"
import { channelFeed } from "./lichess/ChannelFeed.js"
import { makeGameExports } from "./lichess/GameExports.js"
import { type LichessApi, makeLichessApi } from "./lichess/LichessApi.js"
import {
  checkOptions,
  type LichessOptions,
  type LichessOptionsError,
  type LichessSettings
} from "./lichess/LichessOptions.js"
import { playerWatch } from "./lichess/PlayerWatch.js"
import type { RecordLoss } from "./lichess/RecordLoss.js"
import { makeRequestGate } from "./lichess/RequestGate.js"
import { GeneratorError, MetricsGenerator } from "./MetricsGenerator.js"

/**
 * Follows live games on Lichess, as anybody may watch them, without an account:
 * one TV feed a channel, the results of the games that were shown, and the
 * status and ratings of players. Gives metrics of the origin `game`; the table
 * of them stands in `docs/lichess.md`.
 *
 * Connections that end are opened again, for ever. Only a channel or a player
 * that the server does not know is given up: the others go on, and when none
 * is left the generator fails, saying what exists. Started again, it asks for
 * those no more.
 */
export class LichessMetricsCollector extends MetricsGenerator.Tag("lichess")<LichessMetricsCollector>() {
  /** The collector over a client of its own. */
  static readonly layer = (options: LichessOptions): Layer.Layer<LichessMetricsCollector, LichessOptionsError> =>
    LichessMetricsCollector.layerWithoutDependencies(options).pipe(
      Layer.provide(httpConnections()),
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
        const api = makeLichessApi(client, settings.url, yield* makeRequestGate)
        const name = LichessMetricsCollector.generatorName
        const recordLoss: RecordLoss = (loss) => ledger.record({ source: name, ...loss })
        return { name, generateMetrics: everything(name, settings, api, recordLoss) }
      })
    )
}

/** Lichess has no rule for it, and asks its users to be kind: it can see who calls. */
const userAgent = "metrics-collector (metrics agent in TypeScript; follows TV feeds)"

const everything = (
  name: string,
  settings: LichessSettings,
  api: LichessApi,
  recordLoss: RecordLoss
): Stream.Stream<GenericMetric, GeneratorError> => {
  /** What the server said it does not have, by what was asked for; kept when the generator is started again. */
  const unknown = new Map<string, string>()
  const sources = settings.channels.length + (settings.users.length > 0 ? 1 : 0)

  const givenUp = (source: string, message: string): Stream.Stream<never, GeneratorError> =>
    Stream.suspend(() => {
      unknown.set(source, message)
      return unknown.size === sources ? allGivenUp : Stream.execute(Effect.logError(message))
    })

  const allGivenUp = Stream.failSync(() =>
    new GeneratorError({ generator: name, message: Array.from(unknown.values()).join("; ") })
  )

  return Stream.suspend(() => {
    if (unknown.size === sources) return allGivenUp
    const exports = makeGameExports(api, recordLoss, settings)
    const streams: Array<Stream.Stream<GenericMetric, GeneratorError>> = settings.channels
      .filter((channel) => !unknown.has(`channel ${channel}`))
      .map((channel) =>
        channelFeed(channel, settings, { api, exports, recordLoss }).pipe(
          Stream.catchTag("UnknownChannelError", ({ message }) => givenUp(`channel ${channel}`, message))
        )
      )
    if (settings.users.length > 0 && !unknown.has("players")) {
      streams.push(
        playerWatch(settings, api).pipe(
          Stream.catchTag("UnknownPlayersError", ({ message }) => givenUp("players", message))
        )
      )
    }
    return Stream.mergeAll([...streams, exports.results], { concurrency: "unbounded" })
  })
}
