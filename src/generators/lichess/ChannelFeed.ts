import { type HttpClient, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { Chunk, Clock, Data, Duration, Effect, Either, Random, type Scope, Stream } from "effect"
import type { GenericMetric } from "../../domain/GenericMetric.js"
import type { Loss } from "../../telemetry/LossLedger.js"
import { NdjsonLines } from "../NdjsonLines.js"
import { decodeFeedFrame, FeedFrame } from "./FeedFrame.js"
import { FeedHealth } from "./FeedHealth.js"
import { connectionLost, gameUnknown, initialState, type Missed, track } from "./GameTracker.js"
import { knownChannels, type LichessSettings } from "./LichessOptions.js"
import { retryAfter } from "./retryAfter.js"
import type { RequestGate } from "./RequestGate.js"

/** The server has no such channel. */
export class UnknownChannelError extends Data.TaggedError("UnknownChannelError")<{
  readonly channel: string
  readonly message: string
}> {}

/** The feed broke off or could not be opened; it will be tried again. */
class FeedDown extends Data.TaggedError("FeedDown")<{
  readonly message: string
  /** The server named a time before which it wants no request. */
  readonly paused: boolean
}> {}

/** What a feed needs of the rooms around it. */
export interface FeedSurroundings {
  /** Sends through {@link RequestGate}; ties the connection to the scope. */
  readonly client: HttpClient.HttpClient.With<Error, Scope.Scope>
  readonly gate: RequestGate
  readonly recordLoss: (
    loss: Pick<Loss, "reason" | "count" | "detail"> & { readonly from?: number }
  ) => Effect.Effect<void>
}

const answerTimeout = Duration.seconds(30)

/** A connection that stood so long and brought a frame was a good one: the next failure is a first one. */
const healthyMillis = 30_000

const longestDelayMillis = 60_000

/** With and without a clock: the metrics that a move gives, to say how many a missed one would have given. */
const metricsOfMove = { clocked: 9, unclocked: 6 }

/**
 * Follows the live game of a TV channel over `GET /api/tv/{channel}/feed`.
 *
 * The server ends the connection now and then, which is normal: the feed is
 * opened again after 1 s, doubling to 60 s with each failure in a row, and
 * jittered. A 429 keeps back the requests of all feeds. It ends only with
 * {@link UnknownChannelError}. Lines that cannot be used are counted, the first
 * of each connection is logged, and the feed goes on.
 */
export const channelFeed = (
  channel: string,
  settings: LichessSettings,
  { client, gate, recordLoss }: FeedSurroundings
): Stream.Stream<GenericMetric, UnknownChannelError> =>
  Stream.suspend(() => {
    const url = `${settings.url}/api/tv/${channel}/feed`
    const health = new FeedHealth(channel)
    let state = initialState
    let failures = 0
    let clocked = true

    const lossOf = ({ detail, from, plies }: Missed) =>
      recordLoss({
        reason: "feed-gap",
        count: plies === "unknown" ? plies : plies * (clocked ? metricsOfMove.clocked : metricsOfMove.unclocked),
        detail: `channel ${channel}: ${detail}`,
        ...(from === undefined ? undefined : { from })
      })

    const open = Effect.gen(function*() {
      const request = HttpClientRequest.get(url, { headers: { accept: "application/x-ndjson" } })
      const response = yield* client.execute(request).pipe(
        Effect.timeoutFail({
          duration: answerTimeout,
          onTimeout: () =>
            new FeedDown({ message: `no answer within ${Duration.format(answerTimeout)}`, paused: false })
        }),
        Effect.mapError((error) =>
          error instanceof FeedDown ? error : new FeedDown({ message: describe(error), paused: false })
        )
      )
      health.answered(response.status)
      yield* refused(response)
      return response
    })

    const refused = (
      response: HttpClientResponse.HttpClientResponse
    ): Effect.Effect<void, FeedDown | UnknownChannelError> =>
      Effect.gen(function*() {
        const { status } = response
        if (status === 404) {
          return yield* new UnknownChannelError({
            channel,
            message: `${url} answers 404: there is no channel "${channel}". Channels are case-sensitive; ` +
              `lichess.org has ${knownChannels.join(", ")}`
          })
        }
        if (status === 429) {
          const left = yield* Effect.flatMap(retryAfter(response), gate.pause)
          const message = `too many requests (429): all requests to it pause for ${Duration.format(left)}`
          return yield* new FeedDown({ message, paused: true })
        }
        if (status !== 200) return yield* new FeedDown({ message: `it answers with status ${status}`, paused: false })
        const type = response.headers["content-type"] ?? ""
        if (/^\s*text\/html/i.test(type)) {
          return yield* new FeedDown({ message: "it answers with a web page instead of a feed", paused: false })
        }
      })

    // One connection, from its opening to its end, whatever the end is.
    const connection = Effect.gen(function*() {
      const delay = failures === 0 ? 0 : yield* jittered(failures)
      if (delay > 0) yield* Effect.sleep(Duration.millis(delay))
      const response = yield* gate.send(open)
      const connectedAt = yield* Clock.currentTimeMillis
      health.connected(connectedAt)
      yield* Effect.logDebug(`Lichess channel ${channel}: connected`)

      const lines = new NdjsonLines()
      let frames = 0
      let complained = false

      yield* Effect.addFinalizer(() =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          health.disconnected()
          state = connectionLost(state, now)
          if (frames > 0 && now - connectedAt >= healthyMillis) failures = 0
        })
      )

      const read = (bytes: Uint8Array, now: number, missed: Array<Missed>, problems: Array<string>) => {
        const metrics: Array<GenericMetric> = []
        for (const line of lines.push(bytes)) {
          if (line.problem !== undefined) {
            health.unusableLines(1)
            problems.push(line.problem)
            continue
          }
          const decoded = decodeFeedFrame(line.text)
          if (Either.isLeft(decoded)) {
            health.unusableLines(1)
            problems.push(decoded.left.message)
            if (decoded.left.type === "featured") state = gameUnknown(state)
            continue
          }
          frames++
          const frame = decoded.right
          if (FeedFrame.$is("Unknown")(frame)) {
            health.unknownFrame(now)
            continue
          }
          if (FeedFrame.$is("Moved")(frame)) clocked = frame.move.wc !== undefined
          const step = track(state, channel, frame, now)
          state = step.state
          health.frame(step.outcome, typeof step.missed?.plies === "number" ? step.missed.plies : 0, now)
          if (step.outcome === "unreadable-position") problems.push("a position that is no FEN")
          if (step.missed !== undefined) missed.push(step.missed)
          if (step.snapshot !== undefined) metrics.push(...step.snapshot.toGenericMetrics())
        }
        return metrics
      }

      const down = (message: string) => new FeedDown({ message, paused: false })
      return response.stream.pipe(
        Stream.mapError((error) => down(describe(error))),
        Stream.timeoutFail(
          () => down(`no data for ${Duration.format(settings.idleTimeout)}`),
          settings.idleTimeout
        ),
        Stream.mapChunksEffect((chunk) =>
          Effect.gen(function*() {
            const now = yield* Clock.currentTimeMillis
            const missed: Array<Missed> = []
            const problems: Array<string> = []
            const metrics = Chunk.toReadonlyArray(chunk).flatMap((bytes) => read(bytes, now, missed, problems))
            for (const one of missed) yield* lossOf(one)
            if (problems.length > 0 && !complained) {
              complained = true
              yield* Effect.logWarning(
                `Lichess channel ${channel}: left out a line that cannot be used (${problems[0]}); ` +
                  "further ones of this connection are only counted, in feed_parse_errors_total"
              )
            }
            return Chunk.unsafeFromArray(metrics)
          })
        ),
        Stream.concat(Stream.fail(down("the server closed the connection")))
      )
    })

    const games = Stream.unwrapScoped(connection).pipe(
      Stream.catchTag("FeedDown", ({ message, paused }) =>
        Stream.execute(Effect.suspend(() => {
          // The pause is the delay.
          failures = paused ? 0 : failures + 1
          const text = `Lichess channel ${channel}: ${message}`
          // Feeds of slow games end often: one end after a good time is nothing to report.
          return failures === 1 ? Effect.logDebug(text) : Effect.logWarning(text)
        }))),
      Stream.forever
    )
    const reports = Stream.repeatEffectChunk(
      Effect.delay(
        Effect.map(Clock.currentTimeMillis, (now) => Chunk.unsafeFromArray(health.toGenericMetrics(now))),
        settings.healthInterval
      )
    )

    return Stream.merge(games, reports, { haltStrategy: "left" })
  })

const jittered = (failures: number): Effect.Effect<number> => {
  const full = Math.min(longestDelayMillis, 1000 * 2 ** Math.min(failures - 1, 10))
  return Effect.map(Random.next, (random) => full * (0.5 + random / 2))
}

const describe = (error: Error): string => {
  const cause = error.cause instanceof Error && error.cause.message !== "" ? `: ${error.cause.message}` : ""
  return `${error.message}${cause}`
}
