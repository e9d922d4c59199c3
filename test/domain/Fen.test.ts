import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { type Fen, parseFen, roleValues } from "../../src/domain/Fen.js"

const read = (text: string): Fen => {
  const fen = parseFen(text)
  if (typeof fen === "string") throw new Error(`${fen} in ${text}`)
  return fen
}

const letters = "pnbrqkPNBRQK"
const roles = ["pawn", "knight", "bishop", "rook", "queen", "king"] as const

const square = fc.oneof(
  { weight: 2, arbitrary: fc.constant("") },
  fc.record({ letter: fc.constantFrom(...letters), promoted: fc.boolean() }).map(({ letter, promoted }) =>
    promoted ? `${letter}~` : letter
  )
)

const writeRank = (squares: ReadonlyArray<string>): string =>
  squares.map((one) => one === "" ? "1" : one).join("").replace(/1+/g, (run) => String(run.length))

const boards = fc.array(square, { minLength: 64, maxLength: 64 })

const placementOf = (squares: ReadonlyArray<string>): string =>
  Array.from({ length: 8 }, (_, i) => writeRank(squares.slice(8 * i, 8 * i + 8))).join("/")

const countOf = (text: string, letter: string): number => text.split(letter).length - 1

describe("parseFen", () => {
  it("counts every piece of any board, with any pockets, in either notation", () => {
    const pocket = fc.string({ unit: fc.constantFrom(..."pnbrqPNBRQ"), maxLength: 8 })
    fc.assert(fc.property(boards, pocket, fc.constantFrom("none", "rank", "brackets"), (squares, held, notation) => {
      fc.pre(squares.filter((one) => one.length === 2).length < 40)
      const placement = placementOf(squares)
      const suffix = notation === "none" ? "" : notation === "rank" ? `/${held}` : `[${held}]`
      const fen = read(`${placement}${suffix} b KQkq - 0 12`)
      for (const [i, role] of roles.entries()) {
        expect(fen.board.black.roles[role]).toBe(countOf(placement, letters[i]))
        expect(fen.board.white.roles[role]).toBe(countOf(placement, letters[i + 6]))
      }
      const worth = roles.reduce((sum, role, i) => sum + roleValues[role] * countOf(placement, letters[i + 6]), 0)
      expect(fen.board.white.material).toBe(worth)
      expect(fen.board.white.pieces + fen.board.black.pieces).toBe(squares.filter((one) => one !== "").length)
      expect(fen.squares.map((piece) => piece?.promoted ?? false)).toEqual(squares.map((one) => one.endsWith("~")))
      expect(fen.ply).toBe(23)
      if (notation === "none") expect(fen.pockets).toBeUndefined()
      else expect((fen.pockets?.white.pieces ?? 0) + (fen.pockets?.black.pieces ?? 0)).toBe(held.length)
    }))
  })

  it("never throws, whatever it is given", () => {
    fc.assert(fc.property(
      fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: fc.constantFrom(..."pK18/ ~[]-wb+03") })),
      (text) => {
        const parsed = parseFen(text)
        if (typeof parsed === "string") expect(parsed).toMatch(/^FEN: /)
        else expect(parsed.squares).toHaveLength(64)
      }
    ))
  })

  it("reads ply and side from six fields, and leaves out what shorter ones do not say", () => {
    const start = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR"
    expect(read(`${start} w KQkq - 0 1`)).toMatchObject({ ply: 0, turn: "white", halfmoves: 0 })
    expect(read(`${start} b HAha - 3 1`)).toMatchObject({ ply: 1, turn: "black", halfmoves: 3 })
    expect(read(start)).toMatchObject({ ply: undefined, turn: undefined, checks: undefined, pockets: undefined })
    expect(read(`${start} w`)).toMatchObject({ ply: undefined, turn: "white" })
    expect(read(`${start} w KQ -`)).toMatchObject({ ply: undefined, halfmoves: undefined })
    expect(read(start).board.white).toMatchObject({ pieces: 16, material: 39 })
  })

  it("reads the variants", () => {
    expect(read("4k3/8/8/8/8/8/8/4K3 w - - 0 30 +1+2").checks).toEqual({ white: 1, black: 2 })
    expect(read("4k3/8/8/8/8/8/8/4K3 w - - 3+1 0 30")).toMatchObject({ checks: { white: 0, black: 2 }, ply: 58 })
    expect(read("4k3/8/8/8/8/8/8/4K3/ w - - 0 1").pockets?.white.pieces).toBe(0)
    expect(read("4k3/8/8/8/8/8/8/4K3/QPn w - - 0 1").pockets).toMatchObject({
      white: { pieces: 2, material: 10 },
      black: { pieces: 1, material: 3 }
    })
    expect(read("8/8/8/8/8/8/8/8").board.white.pieces).toBe(0)
  })

  it("counts what stands on the board in every variant", () => {
    const counted = (text: string) => {
      const { board, pockets } = read(text)
      const { black, white } = board
      return {
        white: [white.pieces, white.material],
        black: [black.pieces, black.material],
        pockets: pockets !== undefined
      }
    }
    const horde = "rnbqkbnr/pppppppp/8/1PP2PP1/PPPPPPPP/PPPPPPPP/PPPPPPPP/PPPPPPPP w kq - 0 1"
    expect(counted(horde)).toEqual({ white: [36, 36], black: [16, 39], pockets: false })
    const racingKings = "8/8/8/8/8/8/krbnNBRK/qrbnNBRQ w - - 0 1"
    expect(counted(racingKings)).toEqual({ white: [8, 31], black: [8, 31], pockets: false })
    expect(read(racingKings).board.white.roles.pawn).toBe(0)
    const manyKings = "3KK3/8/8/8/8/8/8/k6K b - - 5 40"
    expect(counted(manyKings)).toEqual({ white: [3, 0], black: [1, 0], pockets: false })
    const exploded = "rnbq1bnr/ppp2ppp/8/8/8/8/PPPPPPPP/R1BQKB1R b KQ - 0 9"
    expect(counted(exploded)).toEqual({ white: [14, 33], black: [13, 37], pockets: false })
    const chess960 = "nrbkqrbn/pppppppp/8/8/8/8/PPPPPPPP/NRBKQRBN w FBfb - 0 1"
    expect(counted(chess960)).toEqual({ white: [16, 39], black: [16, 39], pockets: false })
    const crazyhouse = "r1bQ~kb1r/ppp2ppp/8/8/8/8/PPP2PPP/RNBQKBNR/NNpp w KQkq - 0 12"
    expect(counted(crazyhouse)).toEqual({ white: [15, 46], black: [11, 22], pockets: true })
    expect(read(crazyhouse).squares.filter((piece) => piece?.promoted)).toEqual([
      { color: "white", role: "queen", promoted: true }
    ])
  })

  it("says what is wrong", () => {
    const problem = (text: string) => {
      const fen = parseFen(text)
      return typeof fen === "string" ? fen : "nothing"
    }
    expect(problem("8/8/8/8/8/8/8 w - - 0 1")).toBe("FEN: expected 8 ranks, got 7")
    expect(problem("8/8/8/8/8/8/8/7 w - - 0 1")).toBe("FEN: rank 1: expected 8 files, got 7")
    expect(problem("9/8/8/8/8/8/8/8")).toContain("\"9\"")
    expect(problem("8/8/8/8/8/8/8/8 x")).toContain("side to move")
    expect(problem("8/8/8/8/8/8/8/8 w - - 0 -1")).toContain("fullmove number")
    expect(problem("8/8/8/8/8/8/8/8/K")).toContain("pockets")
    expect(problem("~7/8/8/8/8/8/8/8")).toContain("must follow a piece")
    expect(problem("")).toContain("8 ranks")
    expect(problem("8".repeat(300))).toContain("300 characters")
  })
})
