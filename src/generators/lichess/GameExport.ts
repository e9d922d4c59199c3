import { Data, Either, Schema } from "effect"
import type { ChessPlayer, ChessResult, ChessTerms } from "../../domain/ChessGameMetrics.js"
import { formatProblem } from "../../domain/decodeMetric.js"
import type { Color, Sides } from "../../domain/Fen.js"
import { isTimestamp } from "../../domain/Timestamp.js"
import { ChessColor, lenient, Text } from "./Lenient.js"

/** An answer that is no export of a game. */
export class GameExportError extends Data.TaggedError("GameExportError")<{ readonly message: string }> {}

/** What the export of a game tells. */
export interface GameExport {
  readonly id: string
  readonly terms: ChessTerms
  /** Whether a player may have halved his time at the start, and forgone his increment. */
  readonly berserkable: boolean
  readonly players: Sides<ChessPlayer>
  /** When the last move was made, ms since the epoch. */
  readonly lastMoveAt: number | undefined
  /** `undefined` while the game is running. */
  readonly result: ChessResult | undefined
}

const ExportedPlayer = Schema.Struct({
  user: lenient(Schema.Struct({ name: lenient(Text), title: lenient(Text) })),
  name: lenient(Text),
  rating: lenient(Schema.Finite),
  ratingDiff: lenient(Schema.Finite),
  aiLevel: lenient(Schema.Finite)
})

const ExportedGame = Schema.Struct({
  id: Text.pipe(Schema.minLength(1)),
  status: Text,
  winner: lenient(ChessColor),
  variant: lenient(Text),
  speed: lenient(Text),
  rated: lenient(Schema.Boolean),
  source: lenient(Text),
  clock: lenient(Schema.Struct({ initial: Schema.Finite, increment: Schema.Finite })),
  createdAt: lenient(Schema.Finite),
  lastMoveAt: lenient(Schema.Finite),
  /** In algebraic notation, one word a ply. */
  moves: lenient(Schema.String),
  players: lenient(Schema.Struct({ white: lenient(ExportedPlayer), black: lenient(ExportedPlayer) }))
})

type ExportedGame = typeof ExportedGame.Type

const decode = Schema.decodeUnknownEither(ExportedGame)

/** Reads the answer to `GET /game/export/{id}`, asked for as JSON. Optional parts that do not fit are left out. */
export const decodeGameExport = (answer: unknown): Either.Either<GameExport, GameExportError> =>
  Either.mapBoth(decode(answer), {
    onLeft: (error) => new GameExportError({ message: `no export of a game: ${formatProblem(error)}` }),
    onRight: (game) => ({
      id: game.id,
      terms: termsOf(game),
      berserkable: game.source === "arena" || game.source === "tournament",
      players: { white: playerOf(game, "white"), black: playerOf(game, "black") },
      lastMoveAt: isTimestamp(game.lastMoveAt) ? game.lastMoveAt : undefined,
      result: running.has(game.status) ? undefined : resultOf(game)
    })
  })

const running = new Set(["created", "started"])

/** Without a winner, these are draws: running out of time is one when the opponent could not have mated. */
const draws = new Set(["draw", "stalemate", "insufficientMaterialClaim", "outoftime", "timeout"])

const termsOf = ({ clock, rated, speed, variant }: ExportedGame): ChessTerms => ({
  ...(variant === undefined ? undefined : { variant }),
  ...(speed === undefined ? undefined : { speed }),
  ...(rated === undefined ? undefined : { rated }),
  ...(clock === undefined ? undefined : { clock })
})

const playerOf = ({ players }: ExportedGame, color: Color): ChessPlayer => {
  const player = players?.[color]
  if (player === undefined) return {}
  const { aiLevel, rating, user } = player
  const name = user?.name ?? player.name
  return {
    ...(name === undefined ? undefined : { name }),
    ...(user?.title === undefined ? undefined : { title: user.title }),
    ...(rating === undefined ? undefined : { rating }),
    ...(aiLevel === undefined ? undefined : { ai: aiLevel })
  }
}

const scoreOf = ({ status, winner }: ExportedGame): ChessResult["score"] =>
  winner === "white" ? 1 : winner === "black" ? 0 : draws.has(status) ? 0.5 : undefined

const resultOf = (game: ExportedGame): ChessResult => {
  const { createdAt, lastMoveAt, moves, players, status, winner } = game
  const score = scoreOf(game)
  const white = players?.white?.ratingDiff
  const black = players?.black?.ratingDiff
  const plies = moves === undefined ? undefined : moves.split(/\s+/).filter((move) => move !== "").length
  return {
    status,
    ...(winner === undefined ? undefined : { winner }),
    ...(score === undefined ? undefined : { score }),
    ...(plies === undefined ? undefined : { plies }),
    ...(createdAt === undefined || lastMoveAt === undefined || lastMoveAt < createdAt
      ? undefined
      : { durationSeconds: (lastMoveAt - createdAt) / 1000 }),
    ratingDiffs: {
      ...(white === undefined ? undefined : { white }),
      ...(black === undefined ? undefined : { black })
    }
  }
}
