import { Chunk, Clock, Data, Duration, Effect, Either, Random, Stream } from "effect"
import type { GenericMetric } from "../../domain/GenericMetric.js"
import { NdjsonLines } from "../NdjsonLines.js"
import { decodeFeedFrame, FeedFrame } from "./FeedFrame.js"
import { FeedHealth } from "./FeedHealth.js"
import type { GameExports } from "./GameExports.js"
import { connectionLost, gameUnknown, initialState, type Missed, track } from "./GameTracker.js"
import { describe, type LichessApi, LichessApiError } from "./LichessApi.js"
import { knownChannels, type LichessSettings } from "./LichessOptions.js"
import type { RecordLoss } from "./RecordLoss.js"

/** The server has no such channel. */
export class UnknownChannelError extends Data.TaggedError("UnknownChannelError")<{
  readonly channel: string
  readonly message: string
}> {}

/** What a feed needs of the rooms around it. */
export interface FeedSurroundings {
  readonly api: LichessApi
  readonly exports: GameExports
  readonly recordLoss: RecordLoss
}

/** A connection that stood so long and brought a frame was a good one: the next failure is a first one. */
const healthyMillis = 30_000

const longestDelayMillis = 60_000

/** What came of the bytes of one read. */
interface Reading {
  readonly metrics: Array<GenericMetric>
  readonly missed: Array<Missed>
  /** Why lines cannot be used. */
  readonly problems: Array<string>
}

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
  { api, exports, recordLoss }: FeedSurroundings
): Stream.Stream<GenericMetric, UnknownChannelError> =>
  Stream.suspend(() => {
    const path = `/api/tv/${channel}/feed`
    const health = new FeedHealth(channel)
    const tracked = { name: channel, details: exports.details }
    let state = initialState
    let failures = 0

    const lossOf = ({ detail, from, metrics }: Missed) =>
      recordLoss({
        reason: "feed-gap",
        count: metrics,
        detail: `channel ${channel}: ${detail}`,
        ...(from === undefined ? undefined : { from })
      })

    const readLine = (line: string, now: number, reading: Reading): boolean => {
      const decoded = decodeFeedFrame(line)
      if (Either.isLeft(decoded)) {
        health.unusableLine()
        reading.problems.push(decoded.left.message)
        if (decoded.left.type === "featured") {
          const unknown = gameUnknown(state)
          state = unknown.state
          if (unknown.left !== undefined) exports.left(channel, unknown.left, now)
        }
        return false
      }
      const frame = decoded.right
      if (FeedFrame.$is("Unknown")(frame)) {
        health.unknownFrame(now)
        return true
      }
      const step = track(state, tracked, frame, now)
      state = step.state
      health.frame(step.outcome, typeof step.missed?.plies === "number" ? step.missed.plies : 0, now)
      if (step.outcome === "unreadable-position") reading.problems.push("a position that is no FEN")
      if (step.missed !== undefined) reading.missed.push(step.missed)
      if (step.left !== undefined) exports.left(channel, step.left, now)
      if (step.snapshot !== undefined) reading.metrics.push(...step.snapshot.toGenericMetrics())
      if (FeedFrame.$is("Featured")(frame) && state.game !== undefined) exports.shown(channel, state.game.id)
      return true
    }

    // One connection, from its opening to its end, whatever the end is.
    const connection = Effect.gen(function*() {
      if (failures > 0) yield* Effect.flatMap(jittered(failures), Effect.sleep)
      const response = yield* api.open(path).pipe(
        Effect.tapError(({ status }) => Effect.sync(() => health.answered(status)))
      )
      const connectedAt = yield* Clock.currentTimeMillis
      health.answered(response.status)
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

      const read = (parts: Iterable<Uint8Array>, now: number): Reading => {
        const reading: Reading = { metrics: [], missed: [], problems: [] }
        for (const part of parts) {
          for (const { problem, text } of lines.push(part)) {
            if (problem !== undefined) {
              health.unusableLine()
              reading.problems.push(`a line is ${problem}`)
            } else if (readLine(text, now, reading)) frames++
          }
        }
        return reading
      }

      const take = (parts: Iterable<Uint8Array>): Effect.Effect<Chunk.Chunk<GenericMetric>> =>
        Effect.gen(function*() {
          const now = yield* Clock.currentTimeMillis
          const { metrics, missed, problems } = read(parts, now)
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

      const ended = (message: string) => new LichessApiError({ reason: "down", message, status: response.status })
      return response.stream.pipe(
        Stream.mapError((error) => ended(describe(error))),
        Stream.timeoutFail(
          () => ended(`no data for ${Duration.format(settings.idleTimeout)}`),
          settings.idleTimeout
        ),
        Stream.mapChunksEffect(take),
        Stream.concat(Stream.fail(ended("the server closed the connection")))
      )
    })

    const unknownChannel: Effect.Effect<never, UnknownChannelError> = Effect.flatMap(
      existingChannels(api),
      (existing) =>
        Effect.fail(
          new UnknownChannelError({
            channel,
            message: `${api.url}${path} answers 404: there is no channel "${channel}". Channels are case-sensitive; ` +
              `there are ${existing.join(", ")}`
          })
        )
    )

    const games = Stream.unwrapScoped(connection).pipe(
      Stream.catchTag("LichessApiError", ({ message, reason }) => {
        if (reason === "missing") return Stream.fromEffect(unknownChannel)
        return Stream.execute(Effect.suspend(() => {
          // The pause is the delay.
          failures = reason === "paused" ? 0 : failures + 1
          const text = `Lichess channel ${channel}: ${message}`
          // Feeds of slow games end often: one end after a good time is nothing to report.
          return failures === 1 ? Effect.logDebug(text) : Effect.logWarning(text)
        }))
      }),
      Stream.forever
    )
    const reports = Stream.repeatEffectChunk(
      Effect.delay(
        Effect.map(
          Clock.currentTimeMillis,
          (now) => Chunk.unsafeFromArray(health.toGenericMetrics(now, exports.missed(channel)))
        ),
        settings.healthInterval
      )
    )

    return Stream.merge(games, reports, { haltStrategy: "left" })
  })

/** The channels that the server has, or those of lichess.org when it does not say. */
const existingChannels = (api: LichessApi): Effect.Effect<ReadonlyArray<string>> =>
  api.json("/api/tv/channels").pipe(
    Effect.map((answer) => typeof answer === "object" && answer !== null ? Object.keys(answer).slice(0, 50) : []),
    Effect.orElseSucceed((): ReadonlyArray<string> => []),
    Effect.map((names) => names.length === 0 ? knownChannels : names)
  )

const jittered = (failures: number): Effect.Effect<Duration.Duration> => {
  const full = Math.min(longestDelayMillis, 1000 * 2 ** Math.min(failures - 1, 10))
  return Effect.map(Random.next, (random) => Duration.millis(full * (0.5 + random / 2)))
}
