import type { JsonObject } from "../../domain/Json.js"
import type { Columns } from "../Columns.js"

// So few numbers stand beside their typed array, not in memory of its own.
const leastRoom = 8

// In one piece of memory, because asking for it costs more than filling it.
const columnsFor = (room: number): readonly [time: Float64Array<ArrayBuffer>, value: Float64Array<ArrayBuffer>] => {
  if (room <= leastRoom) return [new Float64Array(room), new Float64Array(room)]
  const memory = new ArrayBuffer(2 * room * Float64Array.BYTES_PER_ELEMENT)
  return [new Float64Array(memory, 0, room), new Float64Array(memory, memory.byteLength / 2, room)]
}

/**
 * Points of one series that stand in the log and in no chunk yet, in the order
 * of their arrival: the first `count` entries of each column. They only grow,
 * and what is filled never changes: whoever keeps the columns and the count
 * keeps a state. Columns of plain numbers, for the garbage collector would move
 * those of an array again and again.
 */
export class HeadSeries {
  count = 0
  time: Float64Array<ArrayBuffer>
  value: Float64Array<ArrayBuffer>
  /** Fields by the place of their point; made with the first point that has any. */
  fields: Array<JsonObject | undefined> | undefined
  /** The series whose point came after the last one of this series: mostly it will again. */
  follower: HeadSeries | undefined
  /** Whether it has left the head. */
  isGone = false

  constructor(
    readonly id: number,
    /** The row of the log that holds the oldest arrival. */
    readonly firstRow: number,
    /** When that arrived, ms since the epoch. */
    readonly since: number,
    /** Points for which there is room before its columns grow. */
    room: number
  ) {
    const [time, value] = columnsFor(room)
    this.time = time
    this.value = value
  }

  /** Adds a point; answers how many there are. */
  add(time: number, value: number, fields: JsonObject | undefined): number {
    const at = this.count
    if (at === this.time.length) {
      const [times, values] = columnsFor(at * 2)
      times.set(this.time)
      values.set(this.value)
      this.time = times
      this.value = values
    }
    this.time[at] = time
    this.value[at] = value
    if (fields !== undefined) {
      this.fields ??= []
      this.fields[at] = fields
    }
    return ++this.count
  }

  /** The oldest instant, ms since the epoch. */
  get oldest(): number {
    let oldest = Infinity
    for (let i = 0; i < this.count; i++) if (this.time[i] < oldest) oldest = this.time[i]
    return oldest
  }
}

interface Row {
  readonly seq: number
  readonly bytes: number
}

/**
 * The newest points of all series, as they stand in the log. It changes only
 * after a commit.
 */
export class Head {
  // In the order of their oldest arrivals, because a series leaves as a whole.
  private readonly series = new Map<number, HeadSeries>()
  // In the order in which they became full. Those before `firstFull` have left: to take each out would move the rest.
  private full: Array<HeadSeries | undefined> = []
  private firstFull = 0
  private rows: Array<Row> = []
  private bytesOfRows = 0

  private roomOfNew = leastRoom

  /** A series of `chunkPoints` points is full. */
  constructor(private readonly chunkPoints: number) {}

  /**
   * So many points are expected of each series that begins from now on, until the next call: columns that have
   * room from the start need not grow, which would be half the cost of taking a log in.
   */
  expect(points: number): void {
    this.roomOfNew = Math.max(leastRoom, Math.min(this.chunkPoints, Math.ceil(points)))
  }

  /** Bytes of the rows of the log. */
  get logBytes(): number {
    return this.bytesOfRows
  }

  /** The rows of the log. */
  get logRows(): number {
    return this.rows.length
  }

  /** The newest row of the log that was seen; 0 when there was none. */
  lastRow = 0

  /** The oldest row of the log that is still needed when the given series have left. */
  oldestRowWithout(ids: ReadonlyArray<number>): number {
    const gone = new Set(ids)
    for (const { firstRow, id } of this.series.values()) if (!gone.has(id)) return firstRow
    return this.lastRow + 1
  }

  /** The series with the oldest arrival. */
  get oldest(): HeadSeries | undefined {
    for (const own of this.series.values()) return own
    return undefined
  }

  get(id: number): HeadSeries | undefined {
    return this.series.get(id)
  }

  /** The series in the order of their oldest arrivals. */
  get all(): Iterable<HeadSeries> {
    return this.series.values()
  }

  /**
   * Takes a row of the log and its points in. A series that is not here yet is let in by `mayBegin` alone: points of
   * others stand in chunks, or are to be forgotten.
   */
  add(seq: number, bytes: number, columns: Columns, now: number, mayBegin: (id: number) => boolean = () => true): void {
    this.lastRow = seq
    this.rows.push({ seq, bytes })
    this.bytesOfRows += bytes
    const { fields, series, time, value } = columns
    let last: HeadSeries | undefined
    for (let i = 0; i < time.length; i++) {
      const id = series[i]
      // Sources give their series in the same order again and again: a look at the follower spares one into the map.
      let own = last?.follower
      if (own === undefined || own.id !== id || own.isGone) {
        own = this.series.get(id)
        if (own === undefined) {
          if (!mayBegin(id)) continue
          own = new HeadSeries(id, seq, now, this.roomOfNew)
          this.series.set(id, own)
        }
        if (last !== undefined) last.follower = own
      }
      last = own
      if (own.add(time[i], value[i], fields[i]) === this.chunkPoints) this.full.push(own)
    }
  }

  /**
   * At most `most` series that should become chunks: the full ones, else those
   * that wait since `since` or longer, else the oldest while the log holds more
   * than `logCap` bytes.
   */
  due(most: number, since: number, logCap: number): ReadonlyArray<HeadSeries> {
    const due: Array<HeadSeries> = []
    for (let i = this.firstFull; i < this.full.length && due.length < most; i++) {
      const own = this.full[i]
      // One in the middle may have left for another reason, and begun anew.
      if (own?.isGone === false) due.push(own)
    }
    if (due.length === 0) {
      for (const own of this.series.values()) {
        if (due.length >= most || (own.since > since && this.bytesOfRows <= logCap)) break
        due.push(own)
      }
    }
    return due
  }

  /** Whether {@link due} has something to give because of size. */
  isFull(logCap: number): boolean {
    return this.firstFull < this.full.length || this.bytesOfRows > logCap
  }

  /** Forgets series that stand in chunks now. */
  drop(ids: ReadonlyArray<number>): void {
    for (const id of ids) {
      const own = this.series.get(id)
      if (own === undefined) continue
      this.series.delete(id)
      own.isGone = true
      // One that is gone keeps no other alive.
      own.follower = undefined
    }
    while (this.full[this.firstFull]?.isGone === true) this.full[this.firstFull++] = undefined
    if (this.firstFull * 2 <= this.full.length) return
    this.full = this.full.slice(this.firstFull)
    this.firstFull = 0
  }

  /** Forgets the rows of the log below `seq`, which were deleted. */
  trim(seq: number): void {
    let gone = 0
    while (gone < this.rows.length && this.rows[gone].seq < seq) this.bytesOfRows -= this.rows[gone++].bytes
    if (gone > 0) this.rows = this.rows.slice(gone)
  }
}
