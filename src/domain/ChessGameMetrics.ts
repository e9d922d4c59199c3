import { Schema } from "effect"
import type { Color } from "./Fen.js"
import { GenericMetric, Timestamp } from "./GenericMetric.js"
import type { Tags } from "./Identity.js"
import type { Json, JsonObject } from "./Json.js"

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

/**
 * A live game of chess after one message about it: `start` when the game came
 * on, `move` after a move. What the message did not tell is absent.
 */
export class ChessGameMetrics extends Schema.Class<ChessGameMetrics>("ChessGameMetrics")({
  event: Schema.Literal("start", "move"),
  /** When the message was received, ms since the epoch; the messages themselves carry no time. */
  timestamp: Timestamp,
  gameId: Schema.NonEmptyString,
  /** The channel on which the game is shown, as in `blitz`. */
  channel: Schema.NonEmptyString,
  /** Which side is shown at the bottom. */
  orientation: Schema.optionalWith(ChessColor, { exact: true }),
  players: sides(ChessPlayer),
  /** The position as FEN, and the move that led to it, as in `e2e4`, `e1h1` (castling) or `N@e7` (a drop). */
  position: Schema.optionalWith(
    Schema.Struct({ fen: Schema.String, lastMove: Schema.optionalWith(Schema.String, { exact: true }) }),
    { exact: true }
  ),
  /** Plies played so far. */
  ply: Schema.optionalWith(Schema.Int, { exact: true }),
  /** Time left, whole seconds, rounded to the nearest. */
  clocks: optionalSides(Schema.Finite),
  /** Seconds by which the mover's clock fell with this move; negative where an increment was larger. */
  clockSpent: Schema.optionalWith(Schema.Struct({ color: ChessColor, seconds: Schema.Finite }), { exact: true }),
  /** Absent when the position is hidden or cannot be read. */
  force: Schema.optionalWith(sides(ChessForce), { exact: true })
}) {
  /**
   * The snapshot as metrics of the origin `game`, all with its timestamp. Tags
   * are `channel`, `color` where the metric is about one side, and those given
   * here (which never replace the first two); all else is nested in the fields
   * `game` and `position`. The table of all names stands in `docs/lichess.md`.
   */
  toGenericMetrics(tags: Tags = {}): ReadonlyArray<GenericMetric> {
    const out = new MetricList(this, tags)
    if (this.event === "start") pushStart(out, this)
    else pushMove(out, this)
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

const present = (fields: { readonly [key: string]: Json | undefined }): JsonObject => {
  const kept: Record<string, Json> = {}
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) kept[key] = value
  return kept
}

const aboutPosition = ({ position }: ChessGameMetrics): JsonObject =>
  position === undefined ? {} : { position: present(position) }

const aboutGame = ({ orientation, players }: ChessGameMetrics): JsonObject =>
  present({ orientation, players: { white: present(players.white), black: present(players.black) } })

const pushStart = (out: MetricList, snapshot: ChessGameMetrics): void => {
  const { players } = snapshot
  out.push("game_start", 1, { game: aboutGame(snapshot), fields: aboutPosition(snapshot) })
  for (const color of colors) {
    const { name, rating, title } = players[color]
    out.push("rating", rating, { color, game: present({ name, title }) })
  }
}

const pushMove = (out: MetricList, snapshot: ChessGameMetrics): void => {
  const { clockSpent, clocks, force, ply } = snapshot
  out.push("move", ply, { game: aboutGame(snapshot), fields: aboutPosition(snapshot) })
  for (const color of colors) out.push("clock_seconds", clocks[color], { color })
  if (clockSpent !== undefined) out.push("clock_spent_seconds", clockSpent.seconds, { color: clockSpent.color })
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
