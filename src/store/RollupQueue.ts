/** A series and a UTC day, days since 1970-01-01. */
export interface SeriesDay {
  readonly series: number
  readonly day: number
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

  private push(series: number, day: number): void {
    this.waiting.set(`${series} ${day}`, { series, day })
  }

  /** Notes that chunks of so many points were written, which lie in the given days. */
  note(series: number, days: ReadonlyArray<number>, points: number): void {
    const newest = days[days.length - 1]
    // Late points: their days are over.
    for (const day of days) if (day < newest) this.push(series, day)
    const own = this.growing.get(series)
    if (own === undefined || own.day < newest) {
      // The day before is over; of an earlier run it may not be known.
      this.push(series, own === undefined ? newest - 1 : own.day)
      this.growing.set(series, { day: newest, points })
    } else if (own.day > newest) this.push(series, newest)
    else own.points += points
    const current = this.growing.get(series)
    if (current !== undefined && current.points >= this.points) {
      current.points = 0
      this.push(series, current.day)
    }
  }

  /** Takes at most `most` out. */
  take(most: number): ReadonlyArray<SeriesDay> {
    const taken: Array<SeriesDay> = []
    for (const [key, own] of this.waiting) {
      if (taken.length >= most) break
      taken.push(own)
      this.waiting.delete(key)
    }
    return taken
  }
}
