/** A series and a UTC day, days since 1970-01-01. */
export interface SeriesDay {
  readonly series: number
  readonly day: number
  /** How many points its rollup does not hold yet, as far as that is known. */
  readonly points: number
}

// Most days of one slice, and points after which no further day belongs to it: 1 to 2 ms of work. While there are any, a
// slice is in every turn of the event loop, and a commit waits for it.
const sliceDays = 6
const slicePoints = 8_192

/** How many days, from the one at `from` on, are as much work as one transaction may be. */
export const sliceOf = (due: ReadonlyArray<SeriesDay>, from: number): number => {
  let points = 0
  let days = 0
  while (from + days < due.length && days < sliceDays && points < slicePoints) points += due[from + days++].points
  return days
}

interface Growing {
  day: number
  points: number
}

/** Which rollups should be brought up to date: those of days that grew by much, or that are over. */
export class RollupQueue {
  private readonly growing = new Map<number, Growing>()
  private readonly waiting = new Map<string, SeriesDay>()

  /** A day is due when it grew by so many points. */
  constructor(private readonly points: number) {}

  private push(series: number, day: number, points: number): void {
    const key = `${series} ${day}`
    this.waiting.set(key, { series, day, points: points + (this.waiting.get(key)?.points ?? 0) })
  }

  /** Notes that chunks of so many points were written, which lie in the given days. */
  note(series: number, days: ReadonlyArray<number>, points: number): void {
    const newest = days[days.length - 1]
    // Late points: their days are over.
    for (const day of days) if (day < newest) this.push(series, day, points)
    const own = this.growing.get(series)
    if (own === undefined || own.day < newest) {
      // The day before is over; of an earlier run it may not be known.
      this.push(series, own?.day ?? newest - 1, own?.points ?? 0)
      this.growing.set(series, { day: newest, points })
    } else if (own.day > newest) this.push(series, newest, points)
    else own.points += points
    const current = this.growing.get(series)
    if (current !== undefined && current.points >= this.points) {
      this.push(series, current.day, current.points)
      current.points = 0
    }
  }

  /** Takes out what is work for one transaction. */
  take(): ReadonlyArray<SeriesDay> {
    const first: Array<SeriesDay> = []
    for (const own of this.waiting.values()) {
      if (first.length >= sliceDays) break
      first.push(own)
    }
    const taken = first.slice(0, sliceOf(first, 0))
    for (const { day, series } of taken) this.waiting.delete(`${series} ${day}`)
    return taken
  }
}
