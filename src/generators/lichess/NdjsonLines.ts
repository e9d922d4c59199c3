const newline = 0x0a
const carriageReturn = 0x0d

/** Most bytes of a line, its newline not counted: 1 MiB. */
export const MAX_LINE_BYTES = 1_048_576

/**
 * Cuts a stream of bytes into the lines of NDJSON, one instance a connection.
 *
 * Bytes are cut before they are decoded, so that a character split between two
 * chunks stays whole. A `\r` at the end of a line is dropped and so are blank
 * lines, which servers send to keep a connection alive. A line longer than the
 * limit is thrown away up to its newline and counted. What is left without a
 * newline when a connection ends was cut off and never becomes a line.
 */
export class NdjsonLines {
  /** Lines thrown away because they were too long. */
  overflows = 0

  private held: Array<Uint8Array> = []
  private heldBytes = 0
  private discarding = false
  private readonly decoder = new TextDecoder()

  constructor(private readonly maxLineBytes: number = MAX_LINE_BYTES) {}

  /** Takes the next bytes and gives the lines that they complete. */
  push(bytes: Uint8Array): ReadonlyArray<string> {
    const lines: Array<string> = []
    let start = 0
    while (start < bytes.length) {
      const end = bytes.indexOf(newline, start)
      this.hold(bytes.subarray(start, end < 0 ? bytes.length : end))
      if (end < 0) break
      const line = this.take()
      if (line !== undefined) lines.push(line)
      start = end + 1
    }
    return lines
  }

  private hold(part: Uint8Array): void {
    if (this.discarding || part.length === 0) return
    if (this.heldBytes + part.length > this.maxLineBytes) {
      this.discarding = true
      this.overflows++
      this.clear()
      return
    }
    // A copy: whoever delivers the bytes may use the buffer again.
    this.held.push(part.slice())
    this.heldBytes += part.length
  }

  private take(): string | undefined {
    if (this.discarding) {
      this.discarding = false
      return undefined
    }
    const line = new Uint8Array(this.heldBytes)
    let offset = 0
    for (const part of this.held) {
      line.set(part, offset)
      offset += part.length
    }
    this.clear()
    const length = line[line.length - 1] === carriageReturn ? line.length - 1 : line.length
    const text = this.decoder.decode(line.subarray(0, length))
    return text.trim() === "" ? undefined : text
  }

  private clear(): void {
    this.held = []
    this.heldBytes = 0
  }
}
