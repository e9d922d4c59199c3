import { Schema } from "effect"
import type { Color } from "./Fen.js"
import { GenericMetric, Timestamp } from "./GenericMetric.js"
import type { Tags } from "./Identity.js"
import { type JsonObject, present } from "./Json.js"

const ChessColor = Schema.Literal("white", "black")

const sides = <A, I>(schema: Schema.Schema<A, I>) => Schema.Struct({ white: schema, black: schema })

const optionalSides = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.Struct({
    white: Schema.optionalWith(schema, { exact: true }),
    black: Schema.optionalWith(schema, { exact: true })
  })

/** Who plays one side. An anonymous player has no name, an engine has `ai` (its level) and no rating. */
export const ChessPlayer = Schema.Struct({
  name: Schema.optionalWith(Schema.String, { exact: true }),
  /** As in `GM`; `BOT` is a title too. */
  title: Schema.optionalWith(Schema.String, { exact: true }),
  rating: Schema.optionalWith(Schema.Finite, { exact: true }),
  ai: Schema.optionalWith(Schema.Finite, { exact: true })
})

/** Who plays one side. */
export type ChessPlayer = typeof ChessPlayer.Type

/** What one side has on the board, and in crazyhouse in its pocket. */
export const ChessForce = Schema.Struct({
  /** Pieces on the board, kings and pawns included. */
  pieces: Schema.Int,
  /** Pawns on the board. */
  pawns: Schema.Int,
  /** Worth of the pieces on the board, in pawns. */
  material: Schema.Int,
  /** Crazyhouse: pieces in hand and their worth, in pawns. */
  pocket: Schema.optionalWith(Schema.Struct({ pieces: Schema.Int, material: Schema.Int }), { exact: true })
})

/** What one side has. */
export type ChessForce = typeof ChessForce.Type

/** By what rules a game is played. */
export const ChessTerms = Schema.Struct({
  /** As in `standard` or `crazyhouse`. */
  variant: Schema.optionalWith(Schema.String, { exact: true }),
  /** How fast, as in `blitz` or `correspondence`. */
  speed: Schema.optionalWith(Schema.String, { exact: true }),
  /** Whether ratings change with its result. */
  rated: Schema.optionalWith(Schema.Boolean, { exact: true }),
  /** Seconds that each side has at the start and gains with each move; absent in a game without a clock. */
  clock: Schema.optionalWith(Schema.Struct({ initial: Schema.Finite, increment: Schema.Finite }), { exact: true })
})

/** By what rules a game is played. */
export type ChessTerms = typeof ChessTerms.Type

const SideSeconds = Schema.Struct({ color: ChessColor, seconds: Schema.Finite })

/** How a game ended. */
export const ChessResult = Schema.Struct({
  /** As in `mate`, `resign`, `outoftime` or `aborted`. */
  status: Schema.String,
  winner: Schema.optionalWith(ChessColor, { exact: true }),
  /** 1 when White won, 0.5 for a draw, 0 when Black won; absent when the game ended without a score. */
  score: Schema.optionalWith(Schema.Literal(0, 0.5, 1), { exact: true }),
  /** Plies of the whole game. */
  plies: Schema.optionalWith(Schema.Int, { exact: true }),
  /** From its creation to its last move. */
  durationSeconds: Schema.optionalWith(Schema.Finite, { exact: true }),
  /** What the game gained or cost each side. */
  ratingDiffs: optionalSides(Schema.Finite)
})

/** How a game ended. */
export type ChessResult = typeof ChessResult.Type

/**
 * A live game of chess after one message about it: `start` when the game came
 * on, `move` after a move, `abandoned` when the channel turned to another game
 * while this one was running, `end` when its result is known. What the message
 * did not tell is absent.
 */
export class ChessGameMetrics extends Schema.Class<ChessGameMetrics>("ChessGameMetrics")({
  event: Schema.Literal("start", "move", "abandoned", "end"),
  /** When the message was received, ms since the epoch, for they carry no time; of an end, the last move. */
  timestamp: Timestamp,
  gameId: Schema.NonEmptyString,
  /** The channel on which the game is shown, as in `blitz`. */
  channel: Schema.NonEmptyString,
  /** Which side is shown at the bottom. */
  orientation: Schema.optionalWith(ChessColor, { exact: true }),
  players: sides(ChessPlayer),
  /** As far as they are known already. */
  terms: Schema.optionalWith(ChessTerms, { exact: true }),
  /** The position as FEN, and the move that led to it, as in `e2e4`, `e1h1` (castling) or `N@e7` (a drop). */
  position: Schema.optionalWith(
    Schema.Struct({ fen: Schema.String, lastMove: Schema.optionalWith(Schema.String, { exact: true }) }),
    { exact: true }
  ),
  /** Plies played so far. */
  ply: Schema.optionalWith(Schema.Int, { exact: true }),
  /** Plies since a pawn moved or a piece was taken. */
  halfmoves: Schema.optionalWith(Schema.Int, { exact: true }),
  /** Three-check: checks that each side has given. */
  checks: Schema.optionalWith(sides(Schema.Int), { exact: true }),
  /** Time left, whole seconds, rounded to the nearest. */
  clocks: optionalSides(Schema.Finite),
  /** Seconds by which the mover's clock fell with this move; negative where an increment was larger. */
  clockSpent: Schema.optionalWith(SideSeconds, { exact: true }),
  /** Seconds that the mover thought: what the clock fell by, and the increment that it gained. */
  thinkTime: Schema.optionalWith(SideSeconds, { exact: true }),
  /** Absent when the position is hidden or cannot be read. */
  force: Schema.optionalWith(sides(ChessForce), { exact: true }),
  /** Of an end. */
  result: Schema.optionalWith(ChessResult, { exact: true }),
  /** Whether the channel turned to another game before the end of this one. */
  abandonedByFeed: Schema.optionalWith(Schema.Boolean, { exact: true })
}) {
  /**
   * The snapshot as metrics of the origin `game`, all with its timestamp. Tags
   * are `channel`, `color` where the metric is about one side, and those given
   * here (which never replace the first two); all else is nested in the fields
   * `game` and `position`. The table of all names stands in `docs/lichess.md`.
   */
  toGenericMetrics(tags: Tags = {}): ReadonlyArray<GenericMetric> {
    const out = new MetricList(this, tags)
    pushers[this.event](out, this)
    return out.metrics
  }
}

const colors: ReadonlyArray<Color> = ["white", "black"]

class MetricList {
  readonly metrics: Array<GenericMetric> = []

  constructor(private readonly snapshot: ChessGameMetrics, private readonly tags: Tags) {}

  /** Adds a metric; `game` goes beside the game's id and ply, `fields` beside `game`. */
  push(
    metricType: string,
    value: number | undefined,
    options: { readonly color?: Color; readonly game?: JsonObject; readonly fields?: JsonObject } = {}
  ): void {
    if (value === undefined) return
    const { channel, gameId, ply, timestamp } = this.snapshot
    const metadata: JsonObject = {
      ...this.tags,
      channel,
      ...(options.color === undefined ? undefined : { color: options.color }),
      ...options.fields,
      game: { id: gameId, ...present({ ply }), ...options.game }
    }
    // Unchecked: names are constants, and numbers are finite by the schema of the snapshot.
    this.metrics.push(new GenericMetric({ origin: "game", metricType, value, timestamp, metadata }, true))
  }
}

const aboutPosition = ({ position }: ChessGameMetrics): JsonObject =>
  position === undefined ? {} : { position: present(position) }

const aboutGame = ({ orientation, players, terms }: ChessGameMetrics): JsonObject =>
  present({ orientation, players: { white: present(players.white), black: present(players.black) }, ...terms })

const pushStart = (out: MetricList, snapshot: ChessGameMetrics): void => {
  const { players } = snapshot
  out.push("game_start", 1, { game: aboutGame(snapshot), fields: aboutPosition(snapshot) })
  for (const color of colors) {
    const { name, rating, title } = players[color]
    out.push("rating", rating, { color, game: present({ name, title }) })
  }
  const { black, white } = players
  if (black.rating !== undefined && white.rating !== undefined) out.push("rating_gap", white.rating - black.rating)
}

const pushMove = (out: MetricList, snapshot: ChessGameMetrics): void => {
  const { checks, clockSpent, clocks, force, halfmoves, ply, thinkTime } = snapshot
  out.push("move", ply, {
    game: { ...aboutGame(snapshot), ...present({ halfmoves, checks }) },
    fields: aboutPosition(snapshot)
  })
  for (const color of colors) out.push("clock_seconds", clocks[color], { color })
  if (clockSpent !== undefined) out.push("clock_spent_seconds", clockSpent.seconds, { color: clockSpent.color })
  if (thinkTime !== undefined) out.push("think_time_seconds", thinkTime.seconds, { color: thinkTime.color })
  if (force === undefined) return
  for (const color of colors) {
    const { material, pawns, pieces, pocket } = force[color]
    out.push("piece_count", pieces, { color, game: present({ pawns, pocket: pocket?.pieces }) })
    out.push("material", material, { color, game: present({ pocket: pocket?.material }) })
  }
  const { black, white } = force
  const balance = white.material - black.material
  out.push("material_balance", balance, {
    game: present({
      withPockets: white.pocket === undefined || black.pocket === undefined
        ? undefined
        : balance + white.pocket.material - black.pocket.material
    })
  })
}

const pushAbandoned = (out: MetricList, snapshot: ChessGameMetrics): void =>
  out.push("game_abandoned_by_feed", 1, { game: aboutGame(snapshot), fields: aboutPosition(snapshot) })

const pushEnd = (out: MetricList, snapshot: ChessGameMetrics): void => {
  const { abandonedByFeed = false, players, result } = snapshot
  if (result === undefined) return
  const { durationSeconds, plies, ratingDiffs, score, status, winner } = result
  out.push(score === undefined ? "game_no_result" : "game_end", score ?? 1, {
    game: { ...aboutGame(snapshot), ...present({ status, winner, plies, durationSeconds }), abandonedByFeed },
    fields: aboutPosition(snapshot)
  })
  out.push("game_plies", plies)
  out.push("game_duration_seconds", durationSeconds)
  for (const color of colors) {
    const { name, title } = players[color]
    out.push("rating_diff", ratingDiffs[color], { color, game: present({ name, title }) })
  }
}

const pushers: {
  readonly [event in ChessGameMetrics["event"]]: (out: MetricList, snapshot: ChessGameMetrics) => void
} = { start: pushStart, move: pushMove, abandoned: pushAbandoned, end: pushEnd }
