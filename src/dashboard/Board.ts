import { type Color, type Fen, parseFen, type Piece, type Role } from "../domain/Fen.js"
import { svgElement } from "./element.js"

// Drawn for this page, in a square of 45 units.
const base = "M12 35.5h21a1.5 1.5 0 0 1 1.5 1.5v2.5h-24V37a1.5 1.5 0 0 1 1.5-1.5Z"

const shapes: { readonly [role in Role]: ReadonlyArray<string> } = {
  pawn: ["M22.5 8.5a5.7 5.7 0 0 1 3.6 10.1C27.6 21.4 30 26 30 33.5H15c0-7.5 2.4-12.1 3.9-14.9A5.7 5.7 0 0 1 22.5 8.5Z"],
  knight: [
    "M13.5 33.5c0-7 6-9 6.8-13.2-2.5 1-4.3 2.9-7.6 4.2L10 20.8c3-3 3.6-8.2 8.8-10.600L20 6.500l3.2 3.200c8 1.3 10.3 11 9.3 23.800Z"
  ],
  bishop: [
    "M22.5 4.500a2.6 2.6 0 0 1 1.3 4.900c5.7 4.3 7.2 11.1 2.7 16.600h-8c-4.5-5.5-3-12.3 2.7-16.600A2.6 2.6 0 0 1 22.5 4.500Z",
    "M18 27.500h9c.3 2.2 1.4 4.4 2.8 6h-14.600c1.4-1.6 2.5-3.8 2.8-6Z"
  ],
  rook: ["M12.5 9h4.600v3h3.400V9h4v3h3.400V9h4.600v7l-3 2.500v10l2.5 3v2h-19v-2l2.5-3v-10l-3-2.500Z"],
  queen: [
    "M9.5 11.500a2.3 2.3 0 1 1 2 2.200l4.5 6 2.7-10a2.4 2.4 0 1 1 3.6-.1h.4a2.4 2.4 0 1 1 3.6.1l2.7 10 4.5-6a2.3 2.3 0 1 1 1.3.300L31 27h-17L10.2 13.900a2.3 2.3 0 0 1-.7-2.400Z",
    "M14.5 28.500h16l.8 5h-17.600Z"
  ],
  king: [
    "M21 4h3v3h3v3h-3v4.200c9.5-2.3 15 7.8 6.8 14.300H14.200C6 22 11.5 11.9 21 14.200V10h-3V7h3Z",
    "M14.5 30h16l.5 3.500h-17Z"
  ]
}

const names: { readonly [role in Role]: string } = {
  pawn: "pawn",
  knight: "knight",
  bishop: "bishop",
  rook: "rook",
  queen: "queen",
  king: "king"
}

const drawing = ({ color, role }: Piece, x: number, y: number): SVGGElement =>
  svgElement(
    "g",
    { class: `piece ${color}`, transform: `translate(${x * 45} ${y * 45})` },
    ...[...shapes[role], base].map((d) => svgElement("path", { d }))
  )

/** The squares of a move as Lichess writes it: `e2e4`, `e1h1` (castling), `N@e7` (a drop). */
const squaresOf = (move: string | undefined): ReadonlyArray<string> =>
  move === undefined ? [] : move.includes("@") ? [move.slice(2, 4)] : [move.slice(0, 2), move.slice(2, 4)]

const squareName = (index: number): string => `${"abcdefgh"[index % 8] ?? ""}${8 - Math.floor(index / 8)}`

const inWords = ({ squares }: Fen): string => {
  const of = (color: Color): string =>
    squares.flatMap((piece, i) => piece?.color === color ? [`${names[piece.role]} ${squareName(i)}`] : []).join(", ")
  return `White: ${of("white")}. Black: ${of("black")}.`
}

/** A chess board that shows a position. */
export class Board {
  readonly root = svgElement("svg", {
    class: "board",
    viewBox: "0 0 360 360",
    role: "img",
    "aria-label": "Chess board"
  })
  private shown = ""

  /** Draws a position, given as FEN; answers it read, or `undefined` when it is none. */
  draw(fen: string, lastMove: string | undefined, orientation: Color): Fen | undefined {
    const read = parseFen(fen)
    if (typeof read === "string") return undefined
    const state = `${fen} ${lastMove ?? ""} ${orientation}`
    if (state === this.shown) return read
    this.shown = state
    const marked = new Set(squaresOf(lastMove))
    const turned = orientation === "black"
    const parts: Array<SVGElement> = []
    for (let i = 0; i < 64; i++) {
      const x = turned ? 7 - i % 8 : i % 8
      const y = turned ? 7 - Math.floor(i / 8) : Math.floor(i / 8)
      const light = (x + y) % 2 === 0
      const name = squareName(i)
      parts.push(svgElement("rect", {
        class: `${light ? "light" : "dark"}${marked.has(name) ? " marked" : ""}`,
        x: x * 45,
        y: y * 45,
        width: 45,
        height: 45
      }))
      if (y === 7) {
        parts.push(svgElement("text", { class: light ? "on-light" : "on-dark", x: x * 45 + 37, y: 357 }, name[0] ?? ""))
      }
      if (x === 0) {
        parts.push(svgElement("text", { class: light ? "on-light" : "on-dark", x: 2, y: y * 45 + 11 }, name[1] ?? ""))
      }
      const piece = read.squares[i]
      if (piece !== undefined) parts.push(drawing(piece, x, y))
    }
    this.root.replaceChildren(...parts)
    this.root.setAttribute("aria-label", `${lastMove === undefined ? "" : `After ${lastMove}. `}${inWords(read)}`)
    return read
  }
}
