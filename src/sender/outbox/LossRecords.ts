import type { LossRecord, SkippedRange } from "../Outbox.js"

const isBefore = (a: LossRecord, b: LossRecord): number => a.offset - b.offset

/** The loss records of an outbox, by stream and offset; all of them fit in memory. */
export class LossRecords {
  private readonly byStream = new Map<string, Array<LossRecord>>()

  /** Takes records in the order in which they were committed. */
  constructor(records: ReadonlyArray<LossRecord>) {
    this.add(records)
  }

  private of(stream: string): ReadonlyArray<LossRecord> {
    return this.byStream.get(stream) ?? []
  }

  add(records: ReadonlyArray<LossRecord>): void {
    for (const record of records) {
      const own = this.byStream.get(record.stream) ?? []
      this.byStream.set(record.stream, own)
      own.push(record)
      if (own.length > 1 && own[own.length - 2].offset > record.offset) own.sort(isBefore)
    }
  }

  remove(records: ReadonlyArray<LossRecord>): void {
    for (const record of records) {
      const left = this.of(record.stream).filter(({ offset }) => offset !== record.offset)
      if (left.length === 0) this.byStream.delete(record.stream)
      else this.byStream.set(record.stream, left)
    }
  }

  /** Where they stand in a stream, in order. */
  offsets(stream: string): ReadonlyArray<number> {
    return this.of(stream).map(({ offset }) => offset)
  }

  /** The record at an offset. */
  at(stream: string, offset: number): LossRecord | undefined {
    return this.of(stream).find((record) => record.offset === offset)
  }

  /** Where the first record after an offset stands. */
  firstAfter(stream: string, offset: number): number | undefined {
    return this.of(stream).find((record) => record.offset > offset)?.offset
  }

  /** How many stand at `from` ≤ o < `to`. */
  count(stream: string, from: number, to: number): number {
    let count = 0
    for (const { offset } of this.of(stream)) if (offset >= from && offset < to) count++
    return count
  }

  /** A range without the offsets of records. */
  leaveOut(range: SkippedRange): ReadonlyArray<SkippedRange> {
    const left: Array<SkippedRange> = []
    let from = range.from
    for (const { offset } of this.of(range.stream)) {
      if (offset < from || offset >= range.to) continue
      if (offset > from) left.push({ ...range, from, to: offset })
      from = offset + 1
    }
    if (from < range.to) left.push({ ...range, from })
    return left
  }

  /** Those that `matches`, but for the newest `kept` of them. */
  older(matches: (record: LossRecord) => boolean, kept: number): ReadonlyArray<LossRecord> {
    const found = Array.from(this.byStream.values()).flat().filter(matches)
    return found.slice(0, Math.max(0, found.length - kept))
  }
}
