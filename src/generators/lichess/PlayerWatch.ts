import { Chunk, Clock, Data, Effect, Schedule, Schema, Stream } from "effect"
import { GenericMetric } from "../../domain/GenericMetric.js"
import { type JsonObject, present } from "../../domain/Json.js"
import { lenient, orUndefined, Text } from "./Lenient.js"
import type { LichessApi } from "./LichessApi.js"
import type { LichessSettings } from "./LichessOptions.js"

/** The server knows none of the players. */
export class UnknownPlayersError extends Data.TaggedError("UnknownPlayersError")<{ readonly message: string }> {}

const Status = Schema.Struct({
  id: Text,
  name: lenient(Text),
  title: lenient(Text),
  online: lenient(Schema.Boolean),
  playing: lenient(Schema.Boolean)
})

const Statuses = Schema.Array(orUndefined(Status))

const Perf = Schema.Struct({
  rating: lenient(Schema.Finite),
  games: lenient(Schema.Finite),
  rd: lenient(Schema.Finite),
  prog: lenient(Schema.Finite),
  prov: lenient(Schema.Boolean)
})

const Player = Schema.Struct({
  id: Text,
  username: lenient(Text),
  title: lenient(Text),
  perfs: lenient(Schema.Record({ key: Text, value: orUndefined(Perf) }))
})

const readStatuses = Schema.decodeUnknown(Statuses)
const readPlayer = Schema.decodeUnknown(Player)

/** Most kinds of rating that are taken of one player: Lichess has about 20. */
const mostPerfs = 40

/**
 * Asks for the status of players (one request for all of them) and for their
 * ratings (one request a player), through the queue that all requests share.
 * What cannot be had is left out until the next time. A player whom the server
 * does not know is logged and not asked for again; the stream fails when none
 * is left.
 */
export const playerWatch = (
  { ratingsInterval, statusInterval, users }: LichessSettings,
  api: LichessApi
): Stream.Stream<GenericMetric, UnknownPlayersError> =>
  Stream.suspend(() => {
    const watched = new Set(users)
    const complaints = new Set<string>()

    // Each failure of a request is logged once, until it succeeds again.
    const complain = (what: string, error: { readonly message: string }): Effect.Effect<Chunk.Chunk<never>> =>
      Effect.suspend(() => {
        const log = complaints.has(what) ? Effect.logDebug : Effect.logWarning
        complaints.add(what)
        return Effect.as(log(`Lichess ${what}: ${error.message}`), Chunk.empty())
      })

    const statuses = Effect.gen(function*() {
      const answer = yield* api.json(`/api/users/status?ids=${Array.from(watched).join(",")}`)
      const players = yield* readStatuses(answer)
      const now = yield* Clock.currentTimeMillis
      complaints.delete("status of players")
      const metrics: Array<GenericMetric> = []
      for (const player of players) {
        if (player === undefined || !watched.has(player.id)) continue
        const metadata = { player: player.id, ...about(player.name, player.title) }
        metrics.push(metricOf("player_online", player.online === true ? 1 : 0, now, metadata))
        metrics.push(metricOf("player_playing", player.playing === true ? 1 : 0, now, metadata))
      }
      return Chunk.unsafeFromArray(metrics)
    }).pipe(Effect.catchAll((error) => complain("status of players", error)))

    const forget = (user: string): Effect.Effect<Chunk.Chunk<never>, UnknownPlayersError> =>
      Effect.gen(function*() {
        watched.delete(user)
        const message = `${api.url}: there is no player "${user}"`
        if (watched.size > 0) yield* Effect.logError(message)
        else {return yield* new UnknownPlayersError({
            message: users.length === 1 ? message : `${message}, nor another`
          })}
        return Chunk.empty()
      })

    const ratings = (user: string) =>
      Effect.gen(function*() {
        const player = yield* Effect.flatMap(api.json(`/api/user/${user}`), readPlayer)
        const now = yield* Clock.currentTimeMillis
        complaints.delete(`player ${user}`)
        const metrics: Array<GenericMetric> = []
        for (const [perf, own] of Object.entries(player.perfs ?? {}).slice(0, mostPerfs)) {
          if (own?.rating === undefined) continue
          const tags = { player: user, perf }
          const { games, prog, prov, rd } = own
          const certainty = present({ deviation: rd, progress: prog, provisional: prov === true })
          const metadata = { ...tags, ...about(player.username, player.title), rating: certainty }
          metrics.push(metricOf("player_rating", own.rating, now, metadata))
          if (games !== undefined) metrics.push(metricOf("player_games_total", games, now, tags))
        }
        return Chunk.unsafeFromArray(metrics)
      }).pipe(
        Effect.catchAll((error) =>
          error._tag === "LichessApiError" && error.reason === "missing"
            ? forget(user)
            : complain(`player ${user}`, error)
        )
      )

    const allStatuses = Stream.repeatEffectWithSchedule(statuses, Schedule.spaced(statusInterval))
    const allRatings = Stream.repeatEffectWithSchedule(
      Effect.sync(() => Array.from(watched)),
      Schedule.spaced(ratingsInterval)
    ).pipe(Stream.flattenIterables, Stream.mapEffect(ratings))
    return Stream.flattenChunks(Stream.merge(allStatuses, allRatings))
  })

const metricOf = (metricType: string, value: number, timestamp: number, metadata: JsonObject): GenericMetric =>
  // Unchecked: names are constants, the rest is checked by the schemas of the answers.
  new GenericMetric({ origin: "game", metricType, value, timestamp, metadata }, true)

/** Name and title as fields: they may change while the player stays the same. */
const about = (name: string | undefined, title: string | undefined): JsonObject => ({
  about: present({ name, title })
})
