import { DAY } from "./SeriesColumns.js"

/** The grain of rollups, ms. */
export const MINUTE = 60_000

/** Most rows of a {@link DayRollup}. */
export const MINUTES_A_DAY = DAY / MINUTE

const columnNames = ["minute", "count", "sum", "min", "max", "last", "firstAt", "lastAt", "rising"] as const

/**
 * The points of one series and UTC day, minute by minute: a row for each minute
 * that has points, oldest first, of which the first `rows` entries of every
 * column are filled. Buckets whose edges are whole minutes get from it exactly
 * the count, min, max and last value of their points, and their sum but for the
 * order of additions.
 *
 * Where `rising` is 1 no value of the minute is less than the one before it, so
 * that its first value is `min` and its last `max`: that is enough for the rate
 * of a counter. Where it is 0 that is not known, and the points must be read.
 */
export class DayRollup {
  /** Days since 1970-01-01. */
  day = 0
  rows = 0
  /** Minute of the day, 0 to 1439, ascending. */
  minute = new Float64Array(0)
  count = new Float64Array(0)
  sum = new Float64Array(0)
  min = new Float64Array(0)
  max = new Float64Array(0)
  /** The value of the newest point; of points of one instant, the one that arrived last. */
  last = new Float64Array(0)
  /** Instants of the oldest and the newest point, ms since the minute began. */
  firstAt = new Float64Array(0)
  lastAt = new Float64Array(0)
  rising = new Float64Array(0)

  constructor(day = 0) {
    this.day = day
  }

  /** Begins anew with another day; the room that was made stays. */
  clear(day: number): void {
    this.day = day
    this.rows = 0
  }

  /** Makes room for so many rows. */
  reserve(rows: number): void {
    if (rows <= this.minute.length) return
    const capacity = Math.min(Math.max(rows, this.minute.length * 2, 64), Math.max(rows, MINUTES_A_DAY))
    for (const name of columnNames) {
      const grown = new Float64Array(capacity)
      grown.set(this[name].subarray(0, this.rows))
      this[name] = grown
    }
  }

  /** The first row at or after a minute of the day. */
  rowAt(minute: number): number {
    const { minute: minutes, rows } = this
    if (rows === 0 || minutes[rows - 1] < minute) return rows
    let low = 0
    let high = rows
    while (low < high) {
      const middle = (low + high) >>> 1
      if (minutes[middle] < minute) low = middle + 1
      else high = middle
    }
    return low
  }

  private open(minute: number): number {
    const row = this.rowAt(minute)
    if (row < this.rows && this.minute[row] === minute) return row
    this.reserve(this.rows + 1)
    if (row < this.rows) { for (const name of columnNames) this[name].copyWithin(row + 1, row, this.rows) }
    this.rows++
    this.minute[row] = minute
    this.count[row] = 0
    return row
  }

  /**
   * Adds the points `from` ≤ index < `to`, which are sorted, of this day, and
   * arrived after all that were added before; they may be older than those.
   */
  add(time: Float64Array, value: Float64Array, from = 0, to = time.length): void {
    const start = this.day * DAY
    for (let i = from; i < to;) {
      const minute = Math.floor((time[i] - start) / MINUTE)
      const begin = start + minute * MINUTE
      const end = begin + MINUTE
      const row = this.open(minute)
      let count = this.count[row]
      let sum = 0
      let min = Infinity
      let max = -Infinity
      let firstAt = Infinity
      let lastAt = -Infinity
      let last = 0
      let rising = 1
      if (count > 0) {
        sum = this.sum[row]
        min = this.min[row]
        max = this.max[row]
        firstAt = this.firstAt[row]
        lastAt = this.lastAt[row]
        last = this.last[row]
        rising = this.rising[row]
      }
      for (; i < to && time[i] < end; i++) {
        const own = value[i]
        const at = time[i] - begin
        if (at >= lastAt) {
          if (count > 0 && own < last) rising = 0
          last = own
          lastAt = at
        } else {
          // Where among the others it belongs cannot be told from the row, but before the first it can.
          if (at >= firstAt || own > min) rising = 0
        }
        if (at < firstAt) firstAt = at
        count++
        sum += own
        if (own < min) min = own
        if (own > max) max = own
      }
      this.count[row] = count
      this.sum[row] = sum
      this.min[row] = min
      this.max[row] = max
      this.firstAt[row] = firstAt
      this.lastAt[row] = lastAt
      this.last[row] = last
      this.rising[row] = rising
    }
  }
}
