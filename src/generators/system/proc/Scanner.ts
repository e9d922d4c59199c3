const space = 32
const newline = 10
const zero = 48
const nine = 57
const dot = 46
const minus = 45

/** So many decimal digits always fit a float; with more, adding digit by digit would round more than once. */
const exactDigits = 15

/**
 * Reads words and numbers from a text, line by line, without cutting it into
 * lines and columns first. Blanks (everything up to and including the space,
 * except the newline) separate words.
 */
export class Scanner {
  private at = 0

  constructor(private readonly text: string) {}

  /** Whether the text has been read to its end. */
  get done(): boolean {
    return this.at >= this.text.length
  }

  /** The next word of this line, or `""` at its end. */
  word(): string {
    this.skipBlanks()
    const start = this.at
    while (this.at < this.text.length && this.text.charCodeAt(this.at) > space) this.at++
    return this.text.slice(start, this.at)
  }

  /** The next word of this line up to a character and past it: `eth0` of `eth0:12 34`. `""` when it does not come. */
  wordBefore(end: string): string {
    this.skipBlanks()
    const lineEnd = this.text.indexOf("\n", this.at)
    const found = this.text.indexOf(end, this.at)
    if (found < 0 || (lineEnd >= 0 && found > lineEnd)) return ""
    const word = this.text.slice(this.at, found)
    this.at = found + end.length
    return word
  }

  /** The number that comes next on this line, decimals included, or `NaN` when something else or nothing comes. */
  number(): number {
    this.skipBlanks()
    const { text } = this
    let at = this.at
    const negative = text.charCodeAt(at) === minus
    if (negative) at++
    const start = at
    let value = 0
    let digits = 0
    let scale = 0
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code >= zero && code <= nine) {
        value = value * 10 + (code - zero)
        digits++
        scale *= 10
      } else if (code === dot && scale === 0) scale = 1
      else break
    }
    if (digits === 0) return NaN
    this.at = at
    if (digits > exactDigits) value = Number(text.slice(start, at))
    else if (scale > 1) value /= scale
    return negative ? -value : value
  }

  /** Passes over words of this line. */
  skipWords(count: number): void {
    for (let i = 0; i < count; i++) {
      this.skipBlanks()
      while (this.at < this.text.length && this.text.charCodeAt(this.at) > space) this.at++
    }
  }

  /** Goes to the start of the next line. */
  nextLine(): void {
    const end = this.text.indexOf("\n", this.at)
    this.at = end < 0 ? this.text.length : end + 1
  }

  private skipBlanks(): void {
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at)
      if (code > space || code === newline) return
    }
  }
}
