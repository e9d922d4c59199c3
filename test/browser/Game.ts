/** A position of a game with its players, clocks and material, as the Lichess generator gives it at `at` (epoch ms). */
export const game = (at: number) => {
  const about = (ply: number) => ({
    id: "game-1",
    ply,
    orientation: "black",
    players: { white: { name: "Ada", title: "WGM", rating: 2400 }, black: { ai: 8 } }
  })
  const one = (metric_type: string, value: number, metadata: object) => ({
    origin: "game",
    metric_type,
    value,
    timestamp: at,
    metadata: { channel: "blitz", ...metadata }
  })
  return [
    one("move", 60, {
      position: { fen: "8/5k2/3p4/1p1Pp2p/pP2Pp1P/P4P1K/8/6q1 w", lastMove: "g2g1" },
      game: about(60)
    }),
    one("clock_seconds", 61, { color: "white", game: about(60) }),
    one("clock_seconds", 75, { color: "black", game: about(60) }),
    one("material", 6, { color: "white", game: about(60) }),
    one("material", 14, { color: "black", game: about(60) }),
    one("material_balance", -8, { game: about(60) })
  ]
}
