import { makeSeries, type Points, type Series } from "../../src/domain/Series.js"

/** Points of some series over a day: every `step` ms each series has one. */
export interface Dataset {
  readonly name: string
  readonly points: number
  readonly series: number
  /** Ms between two points of a series. */
  readonly step: number
}

/** The two that the store is measured with, cut off after so many points when that is less. */
export const datasets = (most: number): ReadonlyArray<Dataset> => [
  { name: "200 series at 8.64 s", points: Math.min(most, 2_000_000), series: 200, step: 8_640 },
  { name: "50 series at 1 s", points: Math.min(most, 4_320_000), series: 50, step: 1_000 }
]

/** The first instant, a UTC midnight. */
export const START = 1_763_942_400_000

/** Series of a group: what a query over many series reads. */
export const GROUP = 50

/** Points of a batch. */
export const BATCH = 1_000

/** When the last point of a dataset is over, ms since the epoch. */
export const endOf = ({ points, series, step }: Dataset): number => START + Math.ceil(points / series) * step

/** Numbers from 0 to 1, the same ones in every process (mulberry32). */
const random = (seed: number): () => number => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let word = Math.imul(state ^ (state >>> 15), 1 | state)
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
  }
}

const round = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits

/** Values that wander between bounds. */
const wander = (next: () => number, start: number, step: number, least: number, most: number): () => number => {
  let value = start
  return () => {
    value += (next() + next() + next() - 1.5) * step
    if (value < least) value = 2 * least - value
    if (value > most) value = 2 * most - value
    return value
  }
}

/** What machines measure, an eighth of the series each; only the seventh has all the digits of a double. */
const kinds: ReadonlyArray<(next: () => number) => () => number> = [
  (next) => {
    const busy = wander(next, 20, 3, 0, 100)
    return () => round(busy(), 2)
  },
  (next) => () => round(100 * next(), 2),
  (next) => {
    const load = wander(next, 1, 0.04, 0, 8)
    return () => round(load(), 2)
  },
  (next) => {
    const free = wander(next, 8e6, 800, 1e6, 16e6)
    return () => Math.round(free()) * 1024
  },
  (next) => {
    let total = 8e9
    return () => total += Math.round(1e5 + 4e4 * next())
  },
  () => () => 511_101_108_224,
  (next) => {
    const bytes = wander(next, 50_000, 6_000, 0, 1e7)
    return () => Math.round(bytes()) / (0.998 + 0.004 * next())
  },
  (next) => () => round(5 * Math.exp(2 * next() + next() - 1.5), 3)
]

/** Makes the batches of a dataset, in the order of time. */
export class BenchData {
  private readonly all: ReadonlyArray<Series>
  private readonly next = random(20_415)
  private readonly values: ReadonlyArray<() => number>
  private tick = 0
  private place = 0
  private made = 0

  constructor(readonly dataset: Dataset) {
    this.all = Array.from(
      { length: dataset.series },
      (_, i) => makeSeries("bench", "value", { group: `g${Math.floor(i / GROUP)}`, series: `s${i}` })
    )
    this.values = this.all.map((_, i) => kinds[i % kinds.length](random(i)))
  }

  /** The next batch, or `undefined` when all points were made. */
  batch(): Points | undefined {
    const count = Math.min(BATCH, this.dataset.points - this.made)
    return count > 0 ? this.more(count) : undefined
  }

  /** So many points more, whether the dataset ends there or not. */
  more(count: number): Points {
    const series = new Array<Series>(count)
    const time = new Array<number>(count)
    const value = new Array<number>(count)
    for (let i = 0; i < count; i++) {
      series[i] = this.all[this.place]
      // A timer is late by nothing or a few ms.
      time[i] = START + this.tick * this.dataset.step + Math.floor(this.next() * this.next() * 4)
      value[i] = this.values[this.place]()
      if (++this.place === this.all.length) {
        this.place = 0
        this.tick++
      }
    }
    this.made += count
    return { series, time, value, fields: new Array<undefined>(count).fill(undefined) }
  }

  /** Goes to the end of the dataset without making its points. */
  skip(): void {
    this.made = this.dataset.points
    this.tick = Math.ceil(this.made / this.all.length)
    this.place = 0
  }
}
