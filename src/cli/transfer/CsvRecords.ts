const newline = 0x0a

/** Most bytes of a line, its newline not counted: 1 MiB. */
const maxLineBytes = 1_048_576

// A record is at most this long when it runs over several lines; far above what a metric may take.
const maxRecordUnits = 65_536

/** A record of a CSV file with the number of its first line, or why that line cannot be read. */
export type CsvRecord =
  | {
    readonly line: number
    readonly cells: ReadonlyArray<string>
    readonly text: string
    readonly problem?: undefined
  }
  | { readonly line: number; readonly problem: string; readonly text?: string; readonly cells?: undefined }

interface Line {
  readonly number: number
  readonly text: string
}

/** Reads one record (RFC 4180), or says that a quote is still open, or what is wrong. */
const readRecord = (text: string): ReadonlyArray<string> | "open" | { readonly problem: string } => {
  const end = text.endsWith("\r") ? text.length - 1 : text.length
  const cells: Array<string> = []
  let at = 0
  for (;;) {
    if (text[at] === "\"") {
      let cell = ""
      for (at++;;) {
        const quote = text.indexOf("\"", at)
        if (quote < 0) return "open"
        cell += text.slice(at, quote)
        at = quote + 1
        if (text[at] !== "\"") break
        cell += "\""
        at++
      }
      cells.push(cell)
    } else {
      const comma = text.indexOf(",", at)
      const stop = comma < 0 ? end : comma
      const cell = text.slice(at, stop)
      if (cell.includes("\"")) {
        return { problem: "a quote stands inside of a cell; quote the whole cell and double its quotes" }
      }
      cells.push(cell)
      at = stop
    }
    if (at >= end) return cells
    if (text[at] !== ",") return { problem: "text stands behind a closing quote" }
    at++
  }
}

/**
 * Cuts a stream of bytes into the records of CSV (RFC 4180), one instance a
 * stream: cells in quotes may hold commas, quotes and line breaks; lines may
 * end with CRLF; a byte order mark at the beginning and blank lines are dropped.
 *
 * A record that cannot be read costs its first line alone: a quote that is never
 * closed does not swallow the lines after it. Line numbers count from 1.
 */
export class CsvRecords {
  private number = 0
  private held: Array<Uint8Array> = []
  private heldBytes = 0
  private open: Array<Line> = []
  private openUnits = 0
  private readonly decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

  /** Takes the next bytes and gives the records that they complete. */
  push(bytes: Uint8Array): ReadonlyArray<CsvRecord> {
    const records: Array<CsvRecord> = []
    let start = 0
    while (start < bytes.length) {
      const end = bytes.indexOf(newline, start)
      // A copy: whoever delivers the bytes may use the buffer again.
      this.hold(end < 0 ? bytes.slice(start) : bytes.subarray(start, end))
      if (end < 0) break
      this.complete(records)
      start = end + 1
    }
    return records
  }

  /** Gives what is left when the stream ends. */
  end(): ReadonlyArray<CsvRecord> {
    const records: Array<CsvRecord> = []
    if (this.heldBytes > 0) this.complete(records)
    while (this.open.length > 0) this.giveUp("a quote is never closed", records)
    return records
  }

  private hold(part: Uint8Array): void {
    this.heldBytes += part.length
    if (this.heldBytes <= maxLineBytes) this.held.push(part)
    else this.held = []
  }

  private complete(records: Array<CsvRecord>): void {
    const number = ++this.number
    const bytes = this.held.length === 1 ? this.held[0] : Buffer.concat(this.held)
    const tooLong = this.heldBytes > maxLineBytes
    this.held = []
    this.heldBytes = 0
    let text: string | undefined
    try {
      text = tooLong ? undefined : this.decoder.decode(bytes)
    } catch {
      text = undefined
    }
    if (text === undefined) {
      while (this.open.length > 0) this.giveUp("a quote is not closed before a line that cannot be read", records)
      records.push({ line: number, problem: tooLong ? `longer than ${maxLineBytes} bytes` : "no UTF-8" })
      return
    }
    this.take({ number, text: number === 1 && text.startsWith("\ufeff") ? text.slice(1) : text }, records)
  }

  private take(line: Line, records: Array<CsvRecord>): void {
    if (this.open.length === 0 && line.text.trim() === "") return
    this.open.push(line)
    this.openUnits += line.text.length + 1
    // Only a quote can close what a quote has opened.
    if (this.open.length === 1 || line.text.includes("\"")) {
      const text = this.open.map((own) => own.text).join("\n")
      const record = readRecord(text)
      if (record === "open") {
        if (this.openUnits <= maxRecordUnits) return
      } else if ("problem" in record) return this.giveUp(record.problem, records)
      else {
        records.push({ line: this.open[0].number, cells: record, text })
        this.open = []
        this.openUnits = 0
        return
      }
    }
    if (this.openUnits > maxRecordUnits) this.giveUp("a quote is not closed", records)
  }

  /** Refuses the first line of the open record and reads the others by themselves. */
  private giveUp(problem: string, records: Array<CsvRecord>): void {
    const [{ number, text }, ...rest] = this.open
    records.push({ line: number, problem, text })
    this.open = []
    this.openUnits = 0
    for (const line of rest) this.take(line, records)
  }
}
