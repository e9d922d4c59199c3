import { cutToWidth, displayWidth } from "../../domain/DisplayWidth.js"
import type { BlockLine, Tone } from "../../telemetry/StatusBlock.js"

/** What a live block needs to know of the stream that it is drawn on. */
export interface BlockStream {
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  readonly write: (text: string) => unknown
}

/** Columns and rows of a terminal. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

const colours: { readonly [tone in Tone]: string | undefined } = {
  plain: undefined,
  good: "32",
  warning: "33",
  bad: "31",
  dim: "90"
}

/**
 * Lines at the end of what a terminal shows, drawn anew in place, while other
 * lines scroll by above them. Every line is cut to the terminal, so that none
 * wraps; those that wrapped because the terminal became narrower since are
 * counted as what they take now.
 */
export class LiveBlock {
  readonly #stream: BlockStream
  readonly #colour: boolean
  #lines: ReadonlyArray<BlockLine> = []
  /** Columns of each line as it was drawn last. */
  #drawn: ReadonlyArray<number> = []

  constructor(stream: BlockStream, colour: boolean) {
    this.#stream = stream
    this.#colour = colour
  }

  /** Columns and rows now; 80 and 24 where the terminal does not tell. */
  get size(): TerminalSize {
    const { columns = 0, rows = 0 } = this.#stream
    return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 }
  }

  /** Draws these lines in place of those before; without a line the block is gone. */
  show(lines: ReadonlyArray<BlockLine>): void {
    if (lines.length + this.#lines.length === 0) return
    const begin = this.#begin()
    this.#lines = lines
    this.#stream.write(`${begin}${this.#draw()}`)
  }

  /** Writes text that stays, above the block. */
  writeAbove(text: string): void {
    const begin = this.#begin()
    this.#stream.write(`${begin}${text}\n${this.#draw()}`)
  }

  /** Goes to where the block begins, and takes it away. The cursor rests at the beginning of its last line. */
  #begin(): string {
    if (this.#drawn.length === 0) return ""
    const { columns } = this.size
    const above = this.#drawn.slice(0, -1).reduce((rows, width) => rows + Math.max(1, Math.ceil(width / columns)), 0)
    return `\r${above === 0 ? "" : `\u001b[${above}A`}\u001b[J`
  }

  #draw(): string {
    const { columns, rows } = this.size
    // A block as high as the terminal could not be found again.
    const lines = this.#lines.slice(0, Math.max(1, rows - 1)).map((line) => this.#fit(line, columns - 1))
    this.#drawn = lines.map(({ width }) => width)
    return lines.length === 0 ? "" : `${lines.map(({ text }) => text).join("\n")}\r`
  }

  #fit(line: BlockLine, width: number): { readonly text: string; readonly width: number } {
    let text = ""
    let used = 0
    for (const part of line) {
      const cut = cutToWidth(part.text, width - used)
      const colour = this.#colour ? colours[part.tone] : undefined
      text += colour === undefined || cut === "" ? cut : `\u001b[${colour}m${cut}\u001b[0m`
      used += displayWidth(cut)
      if (cut !== part.text) break
    }
    return { text, width: used }
  }
}
