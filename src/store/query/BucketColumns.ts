import type { ColumnRoom } from "./ColumnRoom.js"

const columnNames = ["start", "count", "sum", "min", "max", "last", "lastTime", "lastSeries"] as const

const none = new Float64Array(0)

/**
 * The buckets of one group of series in columns, a row for each bucket that
 * has points, of which the first `rows` entries of every column are filled.
 * Buckets that come in the order of time, as they mostly do, are found without
 * an index; the first that does not makes one.
 */
export class BucketColumns {
  rows = 0
  /** First instant of the bucket, ms since the epoch. */
  start = none
  count = none
  sum = none
  min = none
  max = none
  /** The newest value, its instant, and the series that it is of. */
  last = none
  lastTime = none
  lastSeries = none
  /** Every value of each bucket, where an aggregate needs them all. */
  readonly values: Array<Array<number>> | undefined
  private rowOf: Map<number, number> | undefined
  /** All columns, one after another. */
  private block: Float64Array<ArrayBuffer> | undefined

  constructor(holdsValues: boolean, private readonly room: ColumnRoom) {
    this.values = holdsValues ? [] : undefined
  }

  private resize(capacity: number): void {
    const block = this.room.take(columnNames.length * capacity)
    columnNames.forEach((name, i) => {
      const resized = block.subarray(i * capacity, (i + 1) * capacity)
      resized.set(this[name].subarray(0, this.rows))
      this[name] = resized
    })
    if (this.block !== undefined) this.room.give(this.block)
    this.block = block
  }

  /** Gives the memory back: there are no buckets any more. */
  clear(): void {
    this.rows = 0
    for (const name of columnNames) this[name] = none
    this.rowOf = undefined
    if (this.values !== undefined) this.values.length = 0
    if (this.block !== undefined) this.room.give(this.block)
    this.block = undefined
  }

  /** The row of the bucket that begins at `start`; −1 when there is none. */
  find(start: number): number {
    const { rows, start: starts } = this
    if (rows === 0) return -1
    if (starts[rows - 1] === start) return rows - 1
    if (this.rowOf !== undefined) return this.rowOf.get(start) ?? -1
    if (starts[rows - 1] < start) return -1
    let low = 0
    let high = rows
    while (low < high) {
      const middle = (low + high) >>> 1
      if (starts[middle] < start) low = middle + 1
      else high = middle
    }
    return starts[low] === start ? low : -1
  }

  /** Makes the row of a bucket that is not there. */
  add(start: number): number {
    const row = this.rows
    if (row === this.start.length) this.resize(Math.max(64, row * 2))
    if (this.rowOf === undefined && row > 0 && start < this.start[row - 1]) {
      this.rowOf = new Map()
      for (let i = 0; i < row; i++) this.rowOf.set(this.start[i], i)
    }
    this.rowOf?.set(start, row)
    this.rows++
    this.start[row] = start
    this.count[row] = 0
    this.sum[row] = 0
    this.min[row] = Infinity
    this.max[row] = -Infinity
    this.last[row] = 0
    this.lastTime[row] = -Infinity
    this.lastSeries[row] = -1
    this.values?.push([])
    return row
  }

  /** Removes the buckets that begin after `bound`; answers how many values they held. */
  cut(bound: number): number {
    let held = 0
    let kept = 0
    for (let row = 0; row < this.rows; row++) {
      if (this.start[row] > bound) {
        held += this.values?.[row].length ?? 0
        continue
      }
      if (kept < row) {
        for (const name of columnNames) this[name][kept] = this[name][row]
        if (this.values !== undefined) this.values[kept] = this.values[row]
      }
      kept++
    }
    this.rows = kept
    if (this.values !== undefined) this.values.length = kept
    if (this.rowOf !== undefined) {
      this.rowOf.clear()
      for (let row = 0; row < kept; row++) this.rowOf.set(this.start[row], row)
    }
    return held
  }

  /** The rows in the order of time. */
  ordered(): ArrayLike<number> {
    const order = new Uint32Array(this.rows)
    for (let row = 0; row < order.length; row++) order[row] = row
    return this.rowOf === undefined ? order : order.sort((a, b) => this.start[a] - this.start[b])
  }
}
