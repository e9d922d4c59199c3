/** A `featured` message as the server writes it; `seconds` is as misleading there as here. */
export const featured = (id: string, fen: string, white = "Ann", black = "Bob"): string =>
  JSON.stringify({
    t: "featured",
    d: {
      id,
      orientation: "white",
      players: [
        { color: "black", user: { name: black, id: black.toLowerCase() }, rating: 2500, seconds: 180 },
        { color: "white", user: { name: white, title: "GM", id: white.toLowerCase() }, rating: 2600, seconds: 180 }
      ],
      fen
    }
  })

/** A `fen` message. */
export const fen = (position: string, lm: string, wc?: number, bc?: number): string =>
  JSON.stringify({ t: "fen", d: { fen: position, lm, wc, bc } })

/** The start of a game of four plies, one FEN a ply, from 0. */
export const positions: ReadonlyArray<string> = [
  "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1",
  "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1",
  "rnbqkbnr/ppp1pppp/8/3p4/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2",
  "rnbqkbnr/ppp1pppp/8/3P4/8/8/PPPP1PPP/RNBQKBNR b KQkq - 0 2",
  "rnb1kbnr/ppp1pppp/8/3q4/8/8/PPPP1PPP/RNBQKBNR w KQkq - 0 3",
  "rnb1kbnr/ppp1pppp/8/3q4/8/2N5/PPPP1PPP/R1BQKBNR b KQkq - 1 3"
]

/** The moves between {@link positions}. */
export const moves: ReadonlyArray<string> = ["e2e4", "d7d5", "e4d5", "d8d5", "b1c3"]

/** The frame of the move that led to this ply, 10 s spent on each. */
export const moveTo = (ply: number): string =>
  fen(positions[ply] ?? "", moves[ply - 1] ?? "", 180 - 10 * Math.ceil(ply / 2), 180 - 10 * Math.floor(ply / 2))
