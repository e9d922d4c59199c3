import type { Series } from "../domain/Series.js"
import type { Columns } from "./Columns.js"
import { LatestPoints } from "./LatestPoints.js"
import type { LatestPoint, SeriesFilter, SeriesInfo } from "./MetricStore.js"
import { seriesMatcher } from "./QueryRun.js"

interface Entry {
  readonly id: number
  series: Series
  points: number
  first: number
  last: number
  readonly latest: LatestPoints
}

/**
 * What a store knows of its series without reading points: their ids, counts,
 * first and last instants, newest points. It changes only after a commit.
 */
export class SeriesIndex {
  private readonly byKey = new Map<string, Entry>()
  private readonly byId = new Map<number, Entry>()
  private total = 0

  /** Points of all series. */
  get points(): number {
    return this.total
  }

  /** Series that have points. */
  get size(): number {
    let size = 0
    for (const { points } of this.byId.values()) if (points > 0) size++
    return size
  }

  idOf(key: string): number | undefined {
    return this.byKey.get(key)?.id
  }

  seriesOf(id: number): Series | undefined {
    return this.byId.get(id)?.series
  }

  define(id: number, series: Series): void {
    const entry: Entry = { id, series, points: 0, first: Infinity, last: -Infinity, latest: new LatestPoints() }
    this.byKey.set(series.key, entry)
    this.byId.set(id, entry)
  }

  /** Counts committed points; `now` is ms since the epoch. */
  add(columns: Columns, now: number): void {
    for (let i = 0; i < columns.time.length; i++) {
      const entry = this.byId.get(columns.series[i])
      if (entry === undefined) continue
      const time = columns.time[i]
      entry.points++
      this.total++
      if (time < entry.first) entry.first = time
      if (time > entry.last) entry.last = time
      entry.latest.add({ time, value: columns.value[i], fields: columns.fields[i] }, now)
    }
  }

  /**
   * Takes points older than `before` out of the counts and answers how many
   * they were. The first instants of their series are unknown until `setFirst`.
   */
  remove(columns: Columns, before: number): number {
    let removed = 0
    for (let i = 0; i < columns.time.length; i++) {
      if (columns.time[i] >= before) continue
      removed++
      const entry = this.byId.get(columns.series[i])
      if (entry === undefined) continue
      entry.points--
      this.total--
    }
    return removed
  }

  /** Sets the first instants of series after a removal and forgets newest points older than `before`. */
  setFirst(first: ReadonlyMap<number, number>, before: number): void {
    for (const entry of this.byId.values()) {
      if (entry.first >= before) continue
      entry.first = first.get(entry.id) ?? Infinity
      entry.latest.expire(before)
      if (entry.points === 0) entry.last = -Infinity
    }
  }

  /** Ids of the series without points. */
  empty(): ReadonlyArray<number> {
    const ids: Array<number> = []
    for (const { id, points } of this.byId.values()) if (points <= 0) ids.push(id)
    return ids
  }

  /** Forgets series. */
  free(ids: ReadonlyArray<number>): void {
    for (const id of ids) {
      const entry = this.byId.get(id)
      if (entry === undefined) continue
      this.byId.delete(id)
      this.byKey.delete(entry.series.key)
    }
  }

  private matching(filter: SeriesFilter): ReadonlyArray<Entry> {
    const matches = seriesMatcher(filter)
    return Array.from(this.byId.values())
      .filter((entry) => entry.points > 0 && matches(entry.series))
      .sort((a, b) => a.series.key < b.series.key ? -1 : a.series.key > b.series.key ? 1 : 0)
  }

  /** The series that the filter means and that have points, in the order of their keys. */
  infos(filter: SeriesFilter): ReadonlyArray<SeriesInfo> {
    return this.matching(filter).map(({ first, last, points, series }) => ({ ...series, points, first, last }))
  }

  latest(filter: SeriesFilter, now: number): ReadonlyArray<LatestPoint> {
    return this.matching(filter).flatMap(({ latest, series }) => {
      const newest = latest.at(now)
      return newest === undefined ? [] : [{ series, ...newest }]
    })
  }
}
