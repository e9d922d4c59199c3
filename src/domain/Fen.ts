/** A side of the board. */
export type Color = "white" | "black"

/** A kind of chess piece. */
export type Role = "pawn" | "knight" | "bishop" | "rook" | "queen" | "king"

/** One value for each side. */
export interface Sides<A> {
  readonly white: A
  readonly black: A
}

/** A piece on a square. */
export interface Piece {
  readonly color: Color
  readonly role: Role
  /** Crazyhouse: it was a pawn, and goes to the pocket as one when it is taken. */
  readonly promoted: boolean
}

/** The pieces of one side, on the board or in its pocket. */
export interface Army {
  /** How many there are of each role. */
  readonly roles: Readonly<Record<Role, number>>
  /** How many there are in all, kings included. */
  readonly pieces: number
  /** Their worth in pawns: see {@link roleValues}. */
  readonly material: number
}

/** Worth of a piece in pawns, as Lichess counts it (scalachess `Role.valueOf`). Kings count nothing. */
export const roleValues: Readonly<Record<Role, number>> = { pawn: 1, knight: 3, bishop: 3, rook: 5, queen: 9, king: 0 }

/**
 * A position, as a FEN of any chess variant on Lichess describes it. Fields
 * that a short FEN leaves out are `undefined`.
 */
export interface Fen {
  /** The 64 squares in the order of the text: a8, b8, … h8, a7, … h1. */
  readonly squares: ReadonlyArray<Piece | undefined>
  /** Pieces on the board. */
  readonly board: Sides<Army>
  /** Crazyhouse: pieces in hand. */
  readonly pockets: Sides<Army> | undefined
  /** Whose move it is. */
  readonly turn: Color | undefined
  /** Plies since a pawn moved or a piece was taken. */
  readonly halfmoves: number | undefined
  /** Plies played: 0 at the start of a game, 1 after White's first move. */
  readonly ply: number | undefined
  /** Three-check: how many checks each side has given. */
  readonly checks: Sides<number> | undefined
}

/** Most characters of a FEN: a full crazyhouse board of promoted pieces with full pockets needs about 200. */
const maxLength = 256

const roleOf: { readonly [letter: string]: Role | undefined } = {
  p: "pawn",
  n: "knight",
  b: "bishop",
  r: "rook",
  q: "queen",
  k: "king"
}

const pieceOf = (letter: string): Piece | undefined => {
  const lower = letter.toLowerCase()
  const role = roleOf[lower]
  return role === undefined ? undefined : { color: letter === lower ? "black" : "white", role, promoted: false }
}

class ArmyCount {
  readonly roles: Record<Role, number> = { pawn: 0, knight: 0, bishop: 0, rook: 0, queen: 0, king: 0 }
  pieces = 0
  material = 0

  add(role: Role): void {
    this.roles[role]++
    this.pieces++
    this.material += roleValues[role]
  }
}

const armies = (): Sides<ArmyCount> => ({ white: new ArmyCount(), black: new ArmyCount() })

// This file is read by the dashboard too, which has no Effect: a function that
// reads answers what it read, or a text that says what is wrong.

const parseSquares = (ranks: ReadonlyArray<string>): Fen["squares"] | string => {
  if (ranks.length !== 8) return `expected 8 ranks, got ${ranks.length}`
  const squares: Array<Piece | undefined> = []
  for (const [index, rank] of ranks.entries()) {
    const name = `rank ${8 - index}`
    const first = squares.length
    let previous: Piece | undefined
    for (const letter of rank) {
      if (letter >= "1" && letter <= "8") {
        for (let i = 0; i < Number(letter); i++) squares.push(undefined)
        previous = undefined
      } else if (letter === "~") {
        if (previous === undefined) return `${name}: "~" must follow a piece`
        squares[squares.length - 1] = { ...previous, promoted: true }
        previous = undefined
      } else {
        previous = pieceOf(letter)
        if (previous === undefined) {
          return `${name}: "${letter}" is neither a piece nor a number of squares`
        }
        squares.push(previous)
      }
    }
    const files = squares.length - first
    if (files !== 8) return `${name}: expected 8 files, got ${files}`
  }
  return squares
}

const parsePockets = (text: string): Sides<Army> | string => {
  const pockets = armies()
  // Some programs write an empty pocket as "-".
  for (const letter of text === "-" ? "" : text) {
    const piece = pieceOf(letter)
    if (piece === undefined || piece.role === "king") {
      return `pockets: "${letter}" is no piece to hold in hand`
    }
    pockets[piece.color].add(piece.role)
  }
  return pockets
}

/** Splits the pockets off: a ninth rank as Lichess writes them, or `[…]` as others do. */
const splitPockets = (placement: string): { readonly ranks: ReadonlyArray<string>; readonly pockets?: string } => {
  const bracket = placement.indexOf("[")
  if (bracket >= 0 && placement.endsWith("]")) {
    return { ranks: placement.slice(0, bracket).split("/"), pockets: placement.slice(bracket + 1, -1) }
  }
  const ranks = placement.split("/")
  return ranks.length === 9 ? { ranks: ranks.slice(0, 8), pockets: ranks[8] } : { ranks }
}

const parseCount = (name: string, text: string | undefined): number | undefined | string => {
  if (text === undefined || text === "-") return undefined
  return /^\d{1,5}$/.test(text) ? Number(text) : `${name}: expected a whole number, got "${text}"`
}

// Lichess appends the checks given, as in "+0+2". Winboard puts the checks
// still needed before the halfmove count, as in "3+1".
const checksGiven = /^\+([0-9])\+([0-9])$/
const checksNeeded = /^([0-3])\+([0-3])$/

const parseChecks = (given: string | undefined, needed: string | undefined): Sides<number> | undefined => {
  const forward = given === undefined ? null : checksGiven.exec(given)
  if (forward !== null) return { white: Number(forward[1]), black: Number(forward[2]) }
  const backward = needed === undefined ? null : checksNeeded.exec(needed)
  return backward === null ? undefined : { white: 3 - Number(backward[1]), black: 3 - Number(backward[2]) }
}

/**
 * Reads a FEN, or says in a text why it is none.
 *
 * Takes what Lichess and its neighbours write for every variant: 1, 2, 4, 6 or
 * 7 fields; pockets as a ninth rank (empty or not) or in brackets; `~` behind
 * a promoted piece; checks of three-check in either notation; any number of
 * kings. It counts what stands on the board and does not ask whether the
 * position can arise. The castling and en passant fields are not read, and a
 * seventh field that holds no checks is ignored.
 *
 * An empty board is read as such: Lichess masks the positions of players who
 * play blindfold as one, so that it means "unknown".
 */
export const parseFen = (text: string): Fen | string => {
  if (text.length > maxLength) return `FEN: ${text.length} characters, at most ${maxLength} are allowed`
  const fields = text.trim().split(/\s+/)
  if (![1, 2, 4, 6, 7].includes(fields.length)) {
    return `FEN: expected 1, 2, 4, 6 or 7 fields, got ${fields.length}`
  }
  const fen = parseFields(fields)
  return typeof fen === "string" ? `FEN: ${fen}` : fen
}

const parseFields = (fields: ReadonlyArray<string>): Fen | string => {
  const [placement = "", side, , , ...tail] = fields
  const split = splitPockets(placement)
  const squares = parseSquares(split.ranks)
  if (typeof squares === "string") return squares
  const pockets = split.pockets === undefined ? undefined : parsePockets(split.pockets)
  if (typeof pockets === "string") return pockets

  if (side !== undefined && side !== "w" && side !== "b") return `side to move: expected "w" or "b", got "${side}"`
  const turn = side === undefined ? undefined : side === "w" ? "white" : "black"

  const needed = tail.length === 3 && checksNeeded.test(tail[0] ?? "") ? tail[0] : undefined
  const [halfmove, fullmove, seventh] = needed === undefined ? tail : tail.slice(1)
  const halfmoves = parseCount("halfmove clock", halfmove)
  if (typeof halfmoves === "string") return halfmoves
  const move = parseCount("fullmove number", fullmove)
  if (typeof move === "string") return move

  const board = armies()
  for (const piece of squares) if (piece !== undefined) board[piece.color].add(piece.role)

  return {
    squares,
    board,
    pockets,
    turn,
    halfmoves,
    // Some programs number the first move 0.
    ply: move === undefined || turn === undefined
      ? undefined
      : 2 * (Math.max(move, 1) - 1) + (turn === "black" ? 1 : 0),
    checks: parseChecks(seventh, needed)
  }
}
