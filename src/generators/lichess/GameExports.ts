import { Chunk, Duration, Effect, Either, Random, Stream } from "effect"
import { ChessGameMetrics } from "../../domain/ChessGameMetrics.js"
import type { GenericMetric } from "../../domain/GenericMetric.js"
import { decodeGameExport, type GameExport } from "./GameExport.js"
import { type GameDetails, type LeftGame, termsOf } from "./GameTracker.js"
import type { LichessApi, LichessApiError } from "./LichessApi.js"
import type { RecordLoss } from "./RecordLoss.js"
import { steadyMillis } from "./steadyMillis.js"

/**
 * What only the export of a game tells: results of games that channels showed,
 * and the increment and the variant of those that they show now.
 *
 * All is asked for one after the other, results before the rest. A game that
 * still runs when its channel turned to another was abandoned by the feed, and
 * its result is asked for once more, later.
 */
export interface GameExports {
  /** What is known of a game so far. */
  readonly details: (gameId: string) => GameDetails | undefined
  /** The channel shows this game from now on: its details are wanted, and its result is not yet. */
  readonly shown: (channel: string, gameId: string) => void
  /** The channel does not show this game any more: its result is wanted. */
  readonly left: (channel: string, left: LeftGame, now: number) => void
  /** Results of the channel that could not be had. */
  readonly missed: (channel: string) => number
  /** Asks, and gives what was answered; never ends. */
  readonly results: Stream.Stream<GenericMetric>
}

/** How the exports are asked for. */
export interface GameExportsOptions {
  /** How long after the first time a running game is asked for again. */
  readonly abandonedRetry: Duration.Duration
}

interface WantedResult {
  readonly channel: string
  readonly left: LeftGame
  /** When the channel turned to another game, ms since the epoch. */
  readonly leftAt: number
  /** Not to be asked before this instant of {@link steadyMillis}. */
  readonly dueAt: number
  /** The game was running when it was asked for. */
  readonly abandoned: boolean
  /** How often in a row it could not be asked for. */
  readonly failures: number
}

/** Most results that wait; past it the oldest is given up. */
const mostWanted = 1000

/** Most games of which is remembered what was told. */
const rememberedGames = 500

/** A result that cannot be had is asked for so often, after 10 s, doubling. */
const mostFailures = 5

const pathOf = (gameId: string): string =>
  `/game/export/${encodeURIComponent(gameId)}?moves=false&clocks=false&evals=false&opening=false`

/** Puts a value into a map of bounded size; the oldest makes room. */
const remember = <A>(map: Map<string, A>, key: string, value: A): void => {
  map.delete(key)
  map.set(key, value)
  if (map.size <= rememberedGames) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}

/** Begins with nothing asked for. */
export const makeGameExports = (
  api: LichessApi,
  recordLoss: RecordLoss,
  { abandonedRetry }: GameExportsOptions
): GameExports => {
  const known = new Map<string, GameExport>()
  /** The game of each channel whose details are wanted. */
  const wantedDetails = new Map<string, string>()
  let wanted: Array<WantedResult> = []
  /** Channel and id of games whose end was told. */
  const told = new Map<string, true>()
  const missed = new Map<string, number>()
  const something = Effect.unsafeMakeLatch(false)

  const want = (result: WantedResult): void => {
    wanted.push(result)
    something.unsafeOpen()
  }

  const giveUp = ({ channel, left: { game }, leftAt }: WantedResult, why: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      missed.set(channel, (missed.get(channel) ?? 0) + 1)
      return recordLoss({
        reason: "feed-gap",
        count: 1,
        from: leftAt,
        detail: `channel ${channel}: the result of game ${game.id} cannot be had: ${why}`
      })
    })

  const ask = (gameId: string): Effect.Effect<Either.Either<GameExport, string>, LichessApiError> =>
    Effect.map(
      api.json(pathOf(gameId)),
      (answer) =>
        Either.mapLeft(decodeGameExport(answer), ({ message }) => message).pipe(
          Either.filterOrLeft(({ id }) => id === gameId, ({ id }) => `it answers with game ${id}`),
          Either.map((game) => {
            remember(known, gameId, game)
            return game
          })
        )
    )

  const askForDetails = (channel: string, gameId: string): Effect.Effect<void> =>
    Effect.catchAll(
      Effect.flatMap(ask(gameId), Either.mapLeft((message) => ({ reason: "down", message } as const))),
      (error) =>
        Effect.suspend(() => {
          // Think times are not worth a second request; after a pause it is the first.
          if (error.reason === "paused" && !wantedDetails.has(channel)) wantedDetails.set(channel, gameId)
          return Effect.logDebug(`Lichess game ${gameId}: its increment cannot be had: ${error.message}`)
        })
    )

  const askForResult = (result: WantedResult): Effect.Effect<ReadonlyArray<GenericMetric>> =>
    Effect.gen(function*() {
      const { channel, left: { game } } = result
      const before = known.get(game.id)
      const asked = before?.result === undefined
        ? yield* Effect.either(ask(game.id))
        : Either.right(Either.right(before))
      if (Either.isLeft(asked) && asked.left.reason === "paused") {
        want(result)
        return []
      }
      if (Either.isLeft(asked) && asked.left.reason === "missing") {
        yield* giveUp(result, asked.left.message)
        return []
      }
      const answer = Either.isLeft(asked) ? Either.left(asked.left.message) : asked.right
      if (Either.isLeft(answer)) {
        yield* failed(result, answer.left)
        return []
      }
      const exported = answer.right
      if (exported.result !== undefined) {
        remember(told, `${channel} ${game.id}`, true)
        return endOf(result, exported).toGenericMetrics()
      }
      if (result.abandoned) {
        yield* Effect.logDebug(`Lichess channel ${channel}: game ${game.id} still runs; its end is not waited for`)
        return []
      }
      want({
        ...result,
        abandoned: true,
        failures: 0,
        dueAt: (yield* steadyMillis) + Duration.toMillis(abandonedRetry)
      })
      return abandonmentOf(result, exported).toGenericMetrics()
    })

  const failed = (result: WantedResult, message: string): Effect.Effect<void> =>
    Effect.gen(function*() {
      const failures = result.failures + 1
      if (failures >= mostFailures) return yield* giveUp(result, message)
      const delay = 10_000 * 2 ** (failures - 1) * (1 + (yield* Random.next) / 2)
      want({ ...result, failures, dueAt: (yield* steadyMillis) + delay })
    })

  /** Takes the next thing that is due, or nothing. */
  const next = (now: number): Effect.Effect<ReadonlyArray<GenericMetric>> | undefined => {
    if (wanted.length > mostWanted) {
      const [oldest] = wanted.splice(0, 1)
      return Effect.as(giveUp(oldest, `more than ${mostWanted} results wait`), [])
    }
    const due = wanted.findIndex(({ dueAt }) => dueAt <= now)
    if (due >= 0) {
      const [result] = wanted.splice(due, 1)
      return askForResult(result)
    }
    for (const [channel, gameId] of wantedDetails) {
      wantedDetails.delete(channel)
      if (!known.has(gameId)) return Effect.as(askForDetails(channel, gameId), [])
    }
    return undefined
  }

  const step: Effect.Effect<Chunk.Chunk<GenericMetric>> = Effect.flatMap(steadyMillis, (now) => {
    const asked = next(now)
    if (asked !== undefined) return Effect.map(asked, Chunk.unsafeFromArray)
    something.unsafeClose()
    const dueAt = wanted.reduce((first, { dueAt }) => Math.min(first, dueAt), Infinity)
    const waited = dueAt === Infinity
      ? something.await
      : Effect.raceFirst(something.await, Effect.sleep(Duration.millis(Math.ceil(dueAt - now))))
    return Effect.zipRight(waited, Effect.suspend(() => step))
  })

  return {
    details: (gameId) => known.get(gameId),
    shown: (channel, gameId) => {
      wanted = wanted.filter((result) => result.channel !== channel || result.left.game.id !== gameId)
      if (known.has(gameId)) return
      wantedDetails.set(channel, gameId)
      something.unsafeOpen()
    },
    left: (channel, left, now) => {
      if (wantedDetails.get(channel) === left.game.id) wantedDetails.delete(channel)
      if (told.has(`${channel} ${left.game.id}`)) return
      want({ channel, left, leftAt: now, dueAt: -Infinity, abandoned: false, failures: 0 })
    },
    missed: (channel) => missed.get(channel) ?? 0,
    results: Stream.repeatEffectChunk(step)
  }
}

type Fields = ConstructorParameters<typeof ChessGameMetrics>[0]

const leftFields = (
  { channel, left: { game, followed } }: WantedResult,
  exported: GameExport
): Omit<Fields, "event" | "timestamp"> => {
  const terms = termsOf(channel, exported.terms)
  const { orientation, players, ply, position } = game
  return {
    gameId: game.id,
    channel,
    // What was shown stands: ratings of the export may be those after the game.
    players: {
      white: { ...exported.players.white, ...players.white },
      black: { ...exported.players.black, ...players.black }
    },
    clocks: {},
    ...(orientation === undefined ? undefined : { orientation }),
    ...(terms === undefined ? undefined : { terms }),
    // The last that was seen is the last there was only of a game followed to its end.
    ...(ply === undefined || !followed ? undefined : { ply }),
    ...(position === undefined || !followed ? undefined : { position })
  }
}

const abandonmentOf = (result: WantedResult, exported: GameExport): ChessGameMetrics =>
  // Unchecked, like the end: the schemas of what was received have done it.
  new ChessGameMetrics({ ...leftFields(result, exported), event: "abandoned", timestamp: result.leftAt }, true)

const endOf = (wanted: WantedResult, exported: GameExport): ChessGameMetrics => {
  const { abandoned, leftAt } = wanted
  const { lastMoveAt, result } = exported
  const { ply, position, ...fields } = leftFields(wanted, exported)
  const seen = abandoned ? undefined : ply
  const plies = result?.plies ?? seen
  return new ChessGameMetrics({
    ...fields,
    event: "end",
    timestamp: lastMoveAt ?? leftAt,
    abandonedByFeed: abandoned,
    ...(position === undefined || abandoned ? undefined : { position }),
    ...(seen === undefined ? undefined : { ply: seen }),
    ...(result === undefined ? undefined : { result: { ...result, ...(plies === undefined ? undefined : { plies }) } })
  }, true)
}
