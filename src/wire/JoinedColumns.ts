const beforeSeries = "\"series\":["
const beforeTime = "],\"time\":["
const beforeValue = "],\"value\":["

interface Parts {
  readonly series: string
  readonly time: string
  readonly value: string
}

/** The columns that `encodeColumns` wrote; `undefined` when their points carry fields, whose places would be others. */
const split = (columns: string): Parts | undefined => {
  const timeAt = columns.indexOf(beforeTime)
  const valueAt = columns.indexOf(beforeValue, timeAt)
  const end = columns.indexOf("]", valueAt + beforeValue.length)
  return timeAt < 0 || valueAt < 0 || end !== columns.length - 1 ? undefined : {
    series: columns.slice(beforeSeries.length, timeAt),
    time: columns.slice(timeAt + beforeTime.length, valueAt),
    value: columns.slice(valueAt + beforeValue.length, end)
  }
}

const comma = 0x2c
const minus = 0x2d
const zero = 0x30

/** The sum of whole numbers with commas between them. */
const sumOf = (numbers: string): number => {
  let sum = 0
  let own = 0
  let sign = 1
  for (let i = 0; i < numbers.length; i++) {
    const unit = numbers.charCodeAt(i)
    if (unit === comma) {
      sum += sign * own
      own = 0
      sign = 1
    } else if (unit === minus) sign = -1
    else own = own * 10 + unit - zero
  }
  return sum + sign * own
}

/**
 * Joins the columns of batches that follow one another, as `encodeColumns`
 * wrote them, into those of one batch: as text, because that costs a tenth of
 * reading and writing them.
 */
export class JoinedColumns {
  private readonly series: Array<string> = []
  private readonly time: Array<string> = []
  private readonly value: Array<string> = []
  /** The time of the last point: ms since the epoch. */
  private last = 0

  constructor(private readonly first: string) {}

  /** Adds the columns of the batch that follows; `false`: these cannot be joined, and nothing was added. */
  add(columns: string): boolean {
    const added = split(columns)
    if (added === undefined) return false
    if (this.series.length === 0) {
      const first = split(this.first)
      if (first === undefined) return false
      this.push(first, first.time)
      this.last = sumOf(first.time)
    }
    const comesFirst = added.time.indexOf(",")
    const start = Number(comesFirst < 0 ? added.time : added.time.slice(0, comesFirst))
    const rest = comesFirst < 0 ? "" : added.time.slice(comesFirst)
    this.push(added, `${start - this.last}${rest}`)
    this.last = sumOf(added.time)
    return true
  }

  /** The joined columns, as members of a batch frame. */
  get text(): string {
    return this.series.length === 0
      ? this.first
      : `${beforeSeries}${this.series.join(",")}${beforeTime}${this.time.join(",")}${beforeValue}${
        this.value.join(",")
      }]`
  }

  private push({ series, value }: Parts, time: string): void {
    this.series.push(series)
    this.time.push(time)
    this.value.push(value)
  }
}
