import { ChessGameMetrics, type ChessPlayer, type ChessTerms } from "../../domain/ChessGameMetrics.js"
import { type Army, type Color, type Fen, parseFen, type Sides } from "../../domain/Fen.js"
import { type FeaturedGame, FeedFrame, type FeedMove } from "./FeedFrame.js"

type Fields = ConstructorParameters<typeof ChessGameMetrics>[0]
type Side = Exclude<Fields["force"], undefined>["white"]
type Position = Exclude<Fields["position"], undefined>

interface Clocks {
  readonly white?: number
  readonly black?: number
}

/** A game as the feed showed it. */
export interface TrackedGame {
  readonly id: string
  readonly orientation: Color | undefined
  readonly players: Sides<ChessPlayer>
  /** Plies played when we last looked; `undefined` when the positions do not tell. */
  readonly ply: number | undefined
  /** The last position that we saw. */
  readonly position: Position | undefined
  /** The FEN of the last `fen` frame, to know a repetition by; `undefined` before the first. */
  readonly lastMoved: string | undefined
  /** Clocks after the move before, while the next move can be measured against them. */
  readonly clocks: Clocks | undefined
  /** The most that each clock showed. */
  readonly highest: Clocks
  /** Most metrics that a move of this game gave: as many are missed with a move that is. */
  readonly metricsOfMove: number
}

/** What is known of a game beside what its feed shows. */
export interface GameDetails {
  readonly terms: ChessTerms
  /** Whether a player may have halved his time at the start, and forgone his increment. */
  readonly berserkable: boolean
}

/** The channel whose feed is followed. */
export interface TrackedChannel {
  readonly name: string
  readonly details: (gameId: string) => GameDetails | undefined
}

/** A game that the channel does not show any more. */
export interface LeftGame {
  readonly game: TrackedGame
  /** Whether we saw its last position: false when the connection was away meanwhile. */
  readonly followed: boolean
}

/** What is known of a channel between two frames. */
export interface TrackerState {
  /** The game that is shown, once it was announced readably. */
  readonly game: TrackedGame | undefined
  /** When the connection was lost, ms since the epoch, until the next frame tells what went on meanwhile. */
  readonly lostAt: number | undefined
  /** Ids of the games that were shown before, newest first: the channel may turn back to them. */
  readonly shownBefore: ReadonlyArray<string>
}

/** The state before the first frame. */
export const initialState: TrackerState = { game: undefined, lostAt: undefined, shownBefore: [] }

/** What a frame turned out to be. */
export type Outcome =
  | "game-start"
  | "game-return"
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
  /** How many metrics they would have given. */
  readonly metrics: number | "unknown"
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
  /** The game that gave way to another. */
  readonly left: LeftGame | undefined
}

/** How many metrics a move gives; the think time, which needs a known increment, is not counted. */
const metricsOfMove = { clocked: 9, unclocked: 6 }

/** Most games that a channel is expected to turn back to. */
const rememberedGames = 16

/** The connection was lost at this instant: the next move has no move before it to be measured against. */
export const connectionLost = (state: TrackerState, now: number): TrackerState => ({
  ...state,
  game: state.game === undefined ? undefined : { ...state.game, clocks: undefined },
  lostAt: state.game === undefined ? undefined : state.lostAt ?? now
})

/** A game was announced unreadably: the moves that follow are not those of the game before. */
export const gameUnknown = (
  state: TrackerState
): { readonly state: TrackerState; readonly left: LeftGame | undefined } => ({
  state: { game: undefined, lostAt: undefined, shownBefore: shownBefore(state) },
  left: leftOf(state)
})

const leftOf = ({ game, lostAt }: TrackerState): LeftGame | undefined =>
  game === undefined ? undefined : { game, followed: lostAt === undefined }

const shownBefore = ({ game, shownBefore }: TrackerState): ReadonlyArray<string> =>
  game === undefined
    ? shownBefore
    : [game.id, ...shownBefore.filter((id) => id !== game.id)].slice(0, rememberedGames)

/**
 * Follows the games of a channel from frame to frame.
 *
 * - A game that is announced again (after a reconnect, or after the channel had
 *   turned to another) does not start again.
 * - A move whose position is that of the move before is a repetition and gives nothing.
 * - A ply that goes back or stays while the position changes is a takeback.
 * - Plies that were skipped are missed: the server drops messages of slow
 *   readers silently, and sends none while the connection is away.
 * - `clockSpent` needs two moves in a row, and a running clock: the first move
 *   of each side costs no time.
 * - `thinkTime` needs the increment as well. Where the mover may have gone
 *   berserk, his clock must have shown more than he would then have had; and a
 *   clock that rose by more than the increment was given time.
 */
export const track = (
  state: TrackerState,
  channel: TrackedChannel,
  frame: Exclude<FeedFrame, { readonly _tag: "Unknown" }>,
  now: number
): TrackerStep => {
  const step = FeedFrame.$is("Featured")(frame)
    ? featured(state, channel, frame.game, now)
    : moved(state, channel, frame.move, now)
  return { ...step, state: { ...step.state, lostAt: undefined } }
}

const playerOf = (game: FeaturedGame, color: Color): ChessPlayer => {
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

const featured = (state: TrackerState, channel: TrackedChannel, game: FeaturedGame, now: number): TrackerStep => {
  const read = game.fen === undefined ? undefined : parseFen(game.fen)
  const fen = typeof read === "string" ? undefined : read
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
      missed: skipped(state, before, missed),
      left: undefined
    }
  }
  const shown: TrackedGame = {
    id: game.id,
    orientation: game.orientation,
    players: { white: playerOf(game, "white"), black: playerOf(game, "black") },
    ply: fen?.ply,
    position: game.fen === undefined || fen === undefined ? undefined : { fen: game.fen },
    lastMoved: undefined,
    clocks: undefined,
    highest: {},
    metricsOfMove: metricsOfMove.unclocked
  }
  const returns = state.shownBefore.includes(game.id)
  return {
    state: { ...state, game: shown, shownBefore: shownBefore(state) },
    outcome: returns ? "game-return" : "game-start",
    snapshot: returns ? undefined : snapshotOf("start", channel, shown, now, fen),
    missed: state.lostAt === undefined || before === undefined ? undefined : {
      plies: "unknown",
      metrics: "unknown",
      from: state.lostAt,
      detail: `another game is shown after a lost connection: ${game.id} instead of ${before.id}`
    },
    left: leftOf(state)
  }
}

const skipped = (state: TrackerState, { id, metricsOfMove, ply }: TrackedGame, plies: number): Missed | undefined =>
  plies === 0 || ply === undefined
    ? undefined
    : {
      plies,
      metrics: plies * metricsOfMove,
      from: state.lostAt,
      detail: `game ${id}: ${plies === 1 ? `ply ${ply + 1}` : `plies ${ply + 1} to ${ply + plies}`} never came`
    }

const moved = (state: TrackerState, channel: TrackedChannel, move: FeedMove, now: number): TrackerStep => {
  const { game } = state
  const nothing = { state, snapshot: undefined, missed: undefined, left: undefined }
  if (game === undefined) {
    const metrics = move.wc === undefined ? metricsOfMove.unclocked : metricsOfMove.clocked
    const detail = "a move of a game that was not announced readably"
    return { ...nothing, outcome: "unknown-game", missed: { plies: 1, metrics, from: undefined, detail } }
  }
  const fen = parseFen(move.fen)
  if (typeof fen === "string") {
    // The ply of the next move tells that this one is missing.
    const known = { ...game, clocks: undefined }
    return { ...nothing, state: { ...state, game: known }, outcome: "unreadable-position" }
  }
  if (move.fen === game.lastMoved) return { ...nothing, outcome: "duplicate" }

  const { ply } = fen
  const advance = ply === undefined || game.ply === undefined ? undefined : ply - game.ply
  // A first move after the announcement may be the one that led to the
  // announced position, so that only from the second on a standstill is a takeback.
  const back = advance !== undefined && (advance < 0 || (advance === 0 && game.lastMoved !== undefined))
  const clocks: Clocks = {
    ...(move.wc === undefined ? undefined : { white: move.wc }),
    ...(move.bc === undefined ? undefined : { black: move.bc })
  }
  const next: TrackedGame = {
    ...game,
    ply,
    position: { fen: move.fen, ...(move.lm === undefined ? undefined : { lastMove: move.lm }) },
    lastMoved: move.fen,
    clocks,
    highest: { ...higher("white", game.highest, clocks), ...higher("black", game.highest, clocks) },
    metricsOfMove: Math.max(
      game.metricsOfMove,
      move.wc === undefined ? metricsOfMove.unclocked : metricsOfMove.clocked
    )
  }
  const clockSpent = advance === 1 ? spent(fen, game.clocks, clocks) : undefined
  return {
    state: { ...state, game: next },
    outcome: back ? "takeback" : "move",
    snapshot: snapshotOf("move", channel, next, now, fen, clockSpent),
    missed: skipped(state, game, advance === undefined ? 0 : Math.max(0, advance - 1)),
    left: undefined
  }
}

const higher = (color: Color, before: Clocks, now: Clocks): Clocks => {
  const seconds = Math.max(before[color] ?? -1, now[color] ?? -1)
  return seconds < 0 ? {} : { [color]: seconds }
}

const spent = (fen: Fen, before: Clocks | undefined, after: Clocks): ChessGameMetrics["clockSpent"] => {
  if (before === undefined || fen.ply === undefined || fen.ply <= 2 || fen.turn === undefined) return undefined
  const color = fen.turn === "white" ? "black" : "white"
  const from = before[color]
  const to = after[color]
  return from === undefined || to === undefined ? undefined : { color, seconds: from - to }
}

const thought = (
  spent: ChessGameMetrics["clockSpent"],
  highest: Clocks,
  details: GameDetails | undefined
): ChessGameMetrics["thinkTime"] => {
  const clock = details?.terms.clock
  if (spent === undefined || details === undefined || clock === undefined) return undefined
  const { increment, initial } = clock
  // Shown seconds are rounded, so that half a second more proves nothing.
  if (details.berserkable && increment > 0 && (highest[spent.color] ?? 0) <= initial / 2 + 1) return undefined
  const seconds = spent.seconds + increment
  return seconds < -1 ? undefined : { color: spent.color, seconds }
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

const variantChannels = new Set([
  "chess960",
  "crazyhouse",
  "kingOfTheHill",
  "threeCheck",
  "antichess",
  "atomic",
  "horde",
  "racingKings"
])

const speedChannels = new Set(["ultraBullet", "bullet", "blitz", "rapid", "classical"])

/** What the name of a channel tells of all its games. */
const termsOfChannel = (channel: string): ChessTerms =>
  variantChannels.has(channel)
    ? { variant: channel }
    : speedChannels.has(channel)
    ? { variant: "standard", speed: channel }
    : {}

/** By what rules a game is played, as far as its channel and its details tell. */
export const termsOf = (channel: string, details: ChessTerms | undefined): ChessTerms | undefined => {
  const terms = { ...termsOfChannel(channel), ...details }
  return Object.keys(terms).length === 0 ? undefined : terms
}

const snapshotOf = (
  event: "start" | "move",
  channel: TrackedChannel,
  game: TrackedGame,
  timestamp: number,
  fen: Fen | undefined,
  clockSpent?: ChessGameMetrics["clockSpent"]
): ChessGameMetrics => {
  const details = channel.details(game.id)
  const terms = termsOf(channel.name, details?.terms)
  const thinkTime = thought(clockSpent, game.highest, details)
  const force = fen === undefined ? undefined : forceOf(fen)
  const { orientation, players, position } = game
  // Unchecked: the schema of the frames has done it.
  return new ChessGameMetrics({
    event,
    timestamp,
    gameId: game.id,
    channel: channel.name,
    players,
    clocks: game.clocks ?? {},
    ...(orientation === undefined ? undefined : { orientation }),
    ...(terms === undefined ? undefined : { terms }),
    ...(position === undefined ? undefined : { position }),
    ...(fen?.ply === undefined ? undefined : { ply: fen.ply }),
    ...(fen?.halfmoves === undefined ? undefined : { halfmoves: fen.halfmoves }),
    ...(fen?.checks === undefined ? undefined : { checks: fen.checks }),
    ...(clockSpent === undefined ? undefined : { clockSpent }),
    ...(thinkTime === undefined ? undefined : { thinkTime }),
    ...(force === undefined ? undefined : { force })
  }, true)
}
