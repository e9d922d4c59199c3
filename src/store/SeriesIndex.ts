import type { JsonObject } from "../domain/Json.js"
import type { Points, Series } from "../domain/Series.js"
import type { LatestPoint, SeriesFilter, SeriesInfo } from "./MetricStore.js"

/** Points further ahead of the clock than this (ms) do not count as the newest: a wrong clock would hide all others. */
const maxAhead = 300_000

/** Most points ahead of the clock that a series remembers until their time has come. */
const maxFuture = 64

interface Newest {
  readonly time: number
  readonly value: number
  readonly fields: JsonObject | undefined
}

interface Entry {
  series: Series
  points: number
  first: number
  last: number
  newest: Newest | undefined
  future: Array<Newest>
}

/** Whether a series has every part that the filter names. */
export const matches = (filter: SeriesFilter, series: Series): boolean => {
  if (filter.origin !== undefined && filter.origin !== series.origin) return false
  if (filter.metricType !== undefined && filter.metricType !== series.metricType) return false
  for (const [key, value] of Object.entries(filter.tags ?? {})) {
    if (!Object.hasOwn(series.tags, key) || series.tags[key] !== value) return false
  }
  return true
}

const settle = (entry: Entry, now: number): void => {
  if (entry.future.length === 0) return
  const left: Array<Newest> = []
  for (const point of entry.future) {
    if (point.time > now + maxAhead) left.push(point)
    else if (entry.newest === undefined || point.time >= entry.newest.time) entry.newest = point
  }
  entry.future = left
}

/** Which series a store holds, with the count, the bounds and the newest point of each; kept in memory. */
export class SeriesIndex {
  readonly #entries = new Map<string, Entry>()
  #points = 0

  /** How many series there are. */
  get size(): number {
    return this.#entries.size
  }

  /** How many points there are. */
  get points(): number {
    return this.#points
  }

  /** Takes in points that were stored; `now` is ms since the epoch. */
  add(points: Points, now: number): void {
    for (let i = 0; i < points.time.length; i++) {
      const series = points.series[i]
      const time = points.time[i]
      let entry = this.#entries.get(series.key)
      if (entry === undefined) {
        entry = { series, points: 0, first: time, last: time, newest: undefined, future: [] }
        this.#entries.set(series.key, entry)
      } else if (series.unit !== entry.series.unit || series.kind !== entry.series.kind) {
        entry.series = { ...entry.series, ...(series.unit === undefined ? {} : { unit: series.unit }),
          ...(series.kind === undefined ? {} : { kind: series.kind }) }
      }
      entry.points++
      if (time < entry.first) entry.first = time
      if (time > entry.last) entry.last = time
      if (time > now + maxAhead) {
        if (entry.future.length < maxFuture) {
          entry.future.push({ time, value: points.value[i], fields: points.fields[i] })
        }
      } else if (entry.newest === undefined || time >= entry.newest.time) {
        entry.newest = { time, value: points.value[i], fields: points.fields[i] }
      }
    }
    this.#points += points.time.length
  }

  /** Forgets everything; what is left is added again. */
  clear(): void {
    this.#entries.clear()
    this.#points = 0
  }

  /** The series that match, in order of origin, metric type and tags. */
  series(filter: SeriesFilter): ReadonlyArray<SeriesInfo> {
    return this.#matching(filter).map(({ first, last, points, series }) => ({ ...series, points, first, last }))
  }

  /** The newest point of each series that matches. */
  latest(filter: SeriesFilter, now: number): ReadonlyArray<LatestPoint> {
    const found: Array<LatestPoint> = []
    for (const entry of this.#matching(filter)) {
      settle(entry, now)
      if (entry.newest !== undefined) found.push({ series: entry.series, ...entry.newest })
    }
    return found
  }

  #matching(filter: SeriesFilter): ReadonlyArray<Entry> {
    const found: Array<Entry> = []
    for (const entry of this.#entries.values()) if (matches(filter, entry.series)) found.push(entry)
    return found.sort((a, b) => a.series.key < b.series.key ? -1 : 1)
  }
}
