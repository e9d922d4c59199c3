const newline = 0x0a
const carriageReturn = 0x0d

/** Most bytes of a line, its newline not counted: 1 MiB. */
export const MAX_LINE_BYTES = 1_048_576

/** A line of NDJSON, or why it cannot be read. */
export type NdjsonLine =
  | { readonly number: number; readonly text: string; readonly problem?: undefined }
  | { readonly number: number; readonly problem: string; readonly text?: undefined }

/**
 * Cuts a stream of bytes into the lines of NDJSON, one instance a stream.
 *
 * Bytes are cut before they are decoded, so that a character split between two
 * chunks stays whole. A `\r` at the end of a line and a byte order mark at its
 * beginning are dropped, and so are blank lines, which servers send to keep a
 * connection alive. A line longer than the limit is thrown away up to its
 * newline; it and a line that is no UTF-8 are given as problems. Numbers count
 * from 1 and include the lines that are dropped.
 */
export class NdjsonLines {
  private number = 0
  private held: Array<Uint8Array> = []
  private heldBytes = 0
  private discarding = false
  private readonly decoder = new TextDecoder("utf-8", { fatal: true })

  constructor(private readonly maxLineBytes: number = MAX_LINE_BYTES) {}

  /** Takes the next bytes and gives the lines that they complete. */
  push(bytes: Uint8Array): ReadonlyArray<NdjsonLine> {
    const lines: Array<NdjsonLine> = []
    let start = 0
    while (start < bytes.length) {
      const end = bytes.indexOf(newline, start)
      if (end < 0) {
        // A copy: whoever delivers the bytes may use the buffer again.
        this.hold(bytes.slice(start))
        break
      }
      const line = this.complete(bytes.subarray(start, end))
      if (line !== undefined) lines.push(line)
      start = end + 1
    }
    return lines
  }

  /**
   * Gives what is left without a newline when the stream ends. Of a file it is
   * a line like any other; of a connection it was cut off and should be left.
   */
  end(): NdjsonLine | undefined {
    return this.discarding || this.heldBytes > 0 ? this.complete(new Uint8Array()) : undefined
  }

  private hold(part: Uint8Array): void {
    if (this.discarding) return
    if (this.heldBytes + part.length > this.maxLineBytes) {
      this.discarding = true
      this.clear()
      return
    }
    this.held.push(part)
    this.heldBytes += part.length
  }

  private complete(rest: Uint8Array): NdjsonLine | undefined {
    this.number++
    this.hold(rest)
    const line = this.discarding ? undefined : this.joined()
    this.discarding = false
    this.clear()
    const { number } = this
    if (line === undefined) return { number, problem: `longer than ${this.maxLineBytes} bytes` }
    const text = this.decode(line)
    if (text === undefined) return { number, problem: "no UTF-8" }
    return text.trim() === "" ? undefined : { number, text }
  }

  private joined(): Uint8Array {
    const [first] = this.held
    if (this.held.length === 1) return first
    const line = new Uint8Array(this.heldBytes)
    let offset = 0
    for (const part of this.held) {
      line.set(part, offset)
      offset += part.length
    }
    return line
  }

  private decode(line: Uint8Array): string | undefined {
    const length = line[line.length - 1] === carriageReturn ? line.length - 1 : line.length
    try {
      return this.decoder.decode(line.subarray(0, length))
    } catch {
      return undefined
    }
  }

  private clear(): void {
    this.held = []
    this.heldBytes = 0
  }
}
