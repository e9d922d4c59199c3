import { Either } from "effect"
import { ChessGameMetrics } from "../../domain/ChessGameMetrics.js"
import { type Army, type Color, type Fen, parseFen, type Sides } from "../../domain/Fen.js"
import { type FeaturedGame, FeedFrame, type FeedMove } from "./FeedFrame.js"

type Side = Exclude<ConstructorParameters<typeof ChessGameMetrics>[0]["force"], undefined>["white"]
type Player = ChessGameMetrics["players"]["white"]

interface Clocks {
  readonly white?: number
  readonly black?: number
}

interface TrackedGame {
  readonly id: string
  readonly orientation: Color | undefined
  readonly players: Sides<Player>
  /** Plies played when we last looked; `undefined` when the positions do not tell. */
  readonly ply: number | undefined
  /** The position of the last `fen` frame, to know a repetition by; `undefined` before the first. */
  readonly lastMoved: string | undefined
  /** Clocks after the move before, while the next move can be measured against them. */
  readonly clocks: Clocks | undefined
}

/** What is known of a channel between two frames. */
export interface TrackerState {
  /** The game that is shown, once it was announced readably. */
  readonly game: TrackedGame | undefined
  /** When the connection was lost, ms since the epoch, until the next frame tells what went on meanwhile. */
  readonly lostAt: number | undefined
}

/** The state before the first frame. */
export const initialState: TrackerState = { game: undefined, lostAt: undefined }

/** What a frame turned out to be. */
export type Outcome =
  | "game-start"
  | "same-game"
  | "move"
  | "takeback"
  | "duplicate"
  | "unreadable-position"
  | "unknown-game"

/** Moves that were made but never seen. */
export interface Missed {
  /** How many; `"unknown"` when other games may have come and gone unseen. */
  readonly plies: number | "unknown"
  /** When the time in which it happened began, ms since the epoch; `undefined`: now. */
  readonly from: number | undefined
  readonly detail: string
}

/** What comes of a frame. */
export interface TrackerStep {
  readonly state: TrackerState
  readonly outcome: Outcome
  /** What to report, when the frame was news. */
  readonly snapshot: ChessGameMetrics | undefined
  readonly missed: Missed | undefined
}

/** The connection was lost at this instant: the next move has no move before it to be measured against. */
export const connectionLost = (state: TrackerState, now: number): TrackerState => ({
  game: state.game === undefined ? undefined : { ...state.game, clocks: undefined },
  lostAt: state.game === undefined ? undefined : state.lostAt ?? now
})

/** A game was announced unreadably: the moves that follow are not those of the game before. */
export const gameUnknown = (state: TrackerState): TrackerState => ({ ...state, game: undefined })

/**
 * Follows the games of a channel from frame to frame.
 *
 * - A game that is announced again (after a reconnect) does not start again.
 * - A move whose position is that of the move before is a repetition and gives nothing.
 * - A ply that goes back or stays while the position changes is a takeback.
 * - Plies that were skipped are missed: the server drops messages of slow
 *   readers silently, and sends none while the connection is away.
 * - `clockSpent` needs two moves in a row, and a running clock: the first move
 *   of each side costs no time.
 */
export const track = (
  state: TrackerState,
  channel: string,
  frame: Exclude<FeedFrame, { readonly _tag: "Unknown" }>,
  now: number
): TrackerStep => {
  const step = FeedFrame.$is("Featured")(frame)
    ? featured(state, channel, frame.game, now)
    : moved(state, channel, frame.move, now)
  return { ...step, state: { ...step.state, lostAt: undefined } }
}

const playerOf = (game: FeaturedGame, color: Color): Player => {
  const player = game.players?.find((one) => one.color === color)
  if (player === undefined) return {}
  const { ai, rating, user } = player
  return {
    ...(user?.name === undefined ? undefined : { name: user.name }),
    ...(user?.title === undefined ? undefined : { title: user.title }),
    ...(rating === undefined ? undefined : { rating }),
    ...(ai === undefined ? undefined : { ai })
  }
}

const featured = (state: TrackerState, channel: string, game: FeaturedGame, now: number): TrackerStep => {
  const fen = game.fen === undefined ? undefined : Either.getOrUndefined(parseFen(game.fen))
  const before = state.game
  if (before?.id === game.id) {
    const missed = fen?.ply === undefined || before.ply === undefined ? 0 : Math.max(0, fen.ply - before.ply)
    // The announcement takes the place of the moves up to it. Where it lags
    // behind what we saw, what we saw stands.
    const known = missed > 0 ? { ...before, ply: fen?.ply, lastMoved: undefined, clocks: undefined } : before
    return {
      state: { ...state, game: known },
      outcome: state.lostAt === undefined && missed === 0 ? "duplicate" : "same-game",
      snapshot: undefined,
      missed: skipped(state, game.id, before.ply, missed)
    }
  }
  const started: TrackedGame = {
    id: game.id,
    orientation: game.orientation,
    players: { white: playerOf(game, "white"), black: playerOf(game, "black") },
    ply: fen?.ply,
    lastMoved: undefined,
    clocks: undefined
  }
  return {
    state: { ...state, game: started },
    outcome: "game-start",
    snapshot: snapshotOf("start", channel, started, now, game.fen === undefined ? undefined : { fen: game.fen }, fen),
    missed: state.lostAt === undefined || before === undefined ? undefined : {
      plies: "unknown",
      from: state.lostAt,
      detail: `another game is shown after a lost connection: ${game.id} instead of ${before.id}`
    }
  }
}

const skipped = (
  state: TrackerState,
  id: string,
  ply: number | undefined,
  plies: number
): Missed | undefined =>
  plies === 0 || ply === undefined
    ? undefined
    : {
      plies,
      from: state.lostAt,
      detail: `game ${id}: ${plies === 1 ? `ply ${ply + 1}` : `plies ${ply + 1} to ${ply + plies}`} never came`
    }

const moved = (state: TrackerState, channel: string, move: FeedMove, now: number): TrackerStep => {
  const { game } = state
  if (game === undefined) {
    return {
      state,
      outcome: "unknown-game",
      snapshot: undefined,
      missed: { plies: 1, from: undefined, detail: "a move of a game that was not announced readably" }
    }
  }
  const parsed = parseFen(move.fen)
  if (Either.isLeft(parsed)) {
    // The ply of the next move tells that this one is missing.
    const known = { ...game, clocks: undefined }
    return { state: { ...state, game: known }, outcome: "unreadable-position", snapshot: undefined, missed: undefined }
  }
  const fen = parsed.right
  if (move.fen === game.lastMoved) return { state, outcome: "duplicate", snapshot: undefined, missed: undefined }

  const { ply } = fen
  const advance = ply === undefined || game.ply === undefined ? undefined : ply - game.ply
  const clocks: Clocks = {
    ...(move.wc === undefined ? undefined : { white: move.wc }),
    ...(move.bc === undefined ? undefined : { black: move.bc })
  }
  // A first move after the announcement may be the one that led to the
  // announced position, so that only from the second on a standstill is a takeback.
  const back = advance !== undefined && (advance < 0 || (advance === 0 && game.lastMoved !== undefined))
  const next: TrackedGame = { ...game, ply, lastMoved: move.fen, clocks }
  const position = { fen: move.fen, ...(move.lm === undefined ? undefined : { lastMove: move.lm }) }
  return {
    state: { ...state, game: next },
    outcome: back ? "takeback" : "move",
    snapshot: snapshotOf(
      "move",
      channel,
      next,
      now,
      position,
      fen,
      advance === 1 ? spent(fen, game.clocks, clocks) : undefined
    ),
    missed: skipped(state, game.id, game.ply, advance === undefined ? 0 : Math.max(0, advance - 1))
  }
}

const spent = (fen: Fen, before: Clocks | undefined, after: Clocks): ChessGameMetrics["clockSpent"] => {
  if (before === undefined || fen.ply === undefined || fen.ply <= 2 || fen.turn === undefined) return undefined
  const color = fen.turn === "white" ? "black" : "white"
  const from = before[color]
  const to = after[color]
  return from === undefined || to === undefined ? undefined : { color, seconds: from - to }
}

const sideOf = (army: Army, pocket: Army | undefined): Side => ({
  pieces: army.pieces,
  pawns: army.roles.pawn,
  material: army.material,
  ...(pocket === undefined ? undefined : { pocket: { pieces: pocket.pieces, material: pocket.material } })
})

const forceOf = ({ board, pockets }: Fen): Sides<Side> | undefined =>
  // An empty board is how Lichess hides a position.
  board.white.pieces + board.black.pieces === 0 ? undefined : {
    white: sideOf(board.white, pockets?.white),
    black: sideOf(board.black, pockets?.black)
  }

const snapshotOf = (
  event: "start" | "move",
  channel: string,
  game: TrackedGame,
  timestamp: number,
  position: ChessGameMetrics["position"],
  fen: Fen | undefined,
  clockSpent?: ChessGameMetrics["clockSpent"]
): ChessGameMetrics => {
  const force = fen === undefined ? undefined : forceOf(fen)
  // Unchecked: the schema of the frames has done it.
  return new ChessGameMetrics({
    event,
    timestamp,
    gameId: game.id,
    channel,
    players: game.players,
    clocks: game.clocks ?? {},
    ...(position === undefined || fen === undefined ? undefined : { position }),
    ...(game.orientation === undefined ? undefined : { orientation: game.orientation }),
    ...(fen?.ply === undefined ? undefined : { ply: fen.ply }),
    ...(clockSpent === undefined ? undefined : { clockSpent }),
    ...(force === undefined ? undefined : { force })
  }, true)
}
