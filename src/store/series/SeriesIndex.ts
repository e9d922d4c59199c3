import type { Series } from "../../domain/Series.js"
import type { Columns } from "../Columns.js"
import type { HeadSeries } from "../log/Head.js"
import type { SeriesFilter } from "../MetricStore.js"
import { FUTURE_TOLERANCE, LatestPoints, type Newest } from "./LatestPoints.js"
import { isOverflow, overflowSeries } from "./Overflow.js"
import { TagIndex } from "./TagIndex.js"

/** What is known of one series. */
export interface SeriesEntry {
  readonly id: number
  readonly series: Series
  readonly points: number
  /** Ms since the epoch; `Infinity` and `-Infinity` without points. */
  readonly first: number
  readonly last: number
}

interface Entry extends SeriesEntry {
  points: number
  first: number
  last: number
  readonly latest: LatestPoints
}

/** Points that were counted before: of an earlier run of the program. */
export interface KnownPoints {
  readonly points: number
  readonly first: number
  readonly last: number
  readonly newest: Newest | undefined
}

// Of fewer series each is looked at.
const leastIndexed = 256

/**
 * What a store knows of its series without reading points: their ids, counts,
 * first and last instants, newest points. It changes only after a commit.
 */
export class SeriesIndex {
  private readonly byKey = new Map<string, Entry>()
  private readonly byId = new Map<number, Entry>()
  private readonly byType = new Map<string, Set<Entry>>()
  private readonly tags = new TagIndex<Entry>()
  private total = 0
  private filled = 0

  constructor(private readonly indexedFrom: number = leastIndexed) {}

  /** Points of all series. */
  get points(): number {
    return this.total
  }

  /** Series that have points. */
  get size(): number {
    return this.filled
  }

  /** Series of a metric type. */
  sizeOf(metricType: string): number {
    return this.byType.get(metricType)?.size ?? 0
  }

  idOf(key: string): number | undefined {
    return this.byKey.get(key)?.id
  }

  seriesOf(id: number): Series | undefined {
    return this.byId.get(id)?.series
  }

  entryOf(id: number): SeriesEntry | undefined {
    return this.byId.get(id)
  }

  define(id: number, series: Series, known?: KnownPoints): void {
    const { first = Infinity, last = -Infinity, newest, points = 0 } = known ?? {}
    const entry: Entry = { id, series, points, first, last, latest: new LatestPoints() }
    if (newest !== undefined) entry.latest.add(newest.time, newest.value, newest.fields, Infinity)
    this.total += points
    if (points > 0) this.filled++
    this.byKey.set(series.key, entry)
    this.byId.set(id, entry)
    const alike = this.byType.get(series.metricType)
    if (alike === undefined) this.byType.set(series.metricType, new Set([entry]))
    else alike.add(entry)
    this.tags.add(entry)
  }

  /** Counts committed points; `now` is ms since the epoch. */
  add(columns: Columns, now: number): void {
    for (let i = 0; i < columns.time.length; i++) {
      const entry = this.byId.get(columns.series[i])
      if (entry === undefined) continue
      const time = columns.time[i]
      if (entry.points++ === 0) this.filled++
      this.total++
      if (time < entry.first) entry.first = time
      if (time > entry.last) entry.last = time
      entry.latest.add(time, columns.value[i], columns.fields[i], now)
    }
  }

  /** Counts points of one series that were committed before, in the order of their arrival. */
  addSeries({ count, fields, id, time, value }: HeadSeries, now: number): void {
    const entry = this.byId.get(id)
    if (entry === undefined || count === 0) return
    if (entry.points === 0) this.filled++
    entry.points += count
    this.total += count
    const horizon = now + FUTURE_TOLERANCE
    let first = Infinity
    let last = -Infinity
    let newest = -1
    for (let i = 0; i < count; i++) {
      const at = time[i]
      if (at < first) first = at
      if (at > last) last = at
      if (at > horizon) entry.latest.add(at, value[i], fields?.[i], now)
      else if (newest === -1 || at >= time[newest]) newest = i
    }
    if (newest !== -1) entry.latest.add(time[newest], value[newest], fields?.[newest], now)
    if (first < entry.first) entry.first = first
    if (last > entry.last) entry.last = last
  }

  /** Makes points that were counted before candidates for the newest. */
  noteNewest(id: number, points: ReadonlyArray<Newest>, now: number): void {
    const latest = this.byId.get(id)?.latest
    if (latest === undefined) return
    for (const { fields, time, value } of points) latest.add(time, value, fields, now)
  }

  /** The newest point of a series at `now`. */
  newestOf(id: number, now: number): Newest | undefined {
    return this.byId.get(id)?.latest.at(now)
  }

  /** Takes `removed` points older than `before` out; `first` is the oldest instant that is left. */
  remove(id: number, removed: number, first: number, before: number): void {
    const entry = this.byId.get(id)
    if (entry === undefined) return
    if (entry.points > 0 && entry.points === removed) this.filled--
    entry.points -= removed
    this.total -= removed
    entry.first = first
    entry.latest.expire(before)
  }

  /** Forgets series. */
  free(ids: ReadonlyArray<number>): void {
    for (const id of ids) {
      const entry = this.byId.get(id)
      if (entry === undefined) continue
      this.total -= entry.points
      if (entry.points > 0) this.filled--
      this.byId.delete(id)
      this.byKey.delete(entry.series.key)
      this.tags.remove(entry)
      const alike = this.byType.get(entry.series.metricType)
      alike?.delete(entry)
      if (alike?.size === 0) this.byType.delete(entry.series.metricType)
    }
  }

  /**
   * The series that hold points older than `before` tells for their metric type, in one list of each `size` series
   * that are looked at; while it is walked through, they may change.
   */
  *olderThan(before: (metricType: string) => number, size: number): Generator<ReadonlyArray<SeriesEntry>, undefined> {
    let older: Array<SeriesEntry> = []
    let looked = 0
    for (const entry of this.byId.values()) {
      if (entry.first < before(entry.series.metricType)) older.push(entry)
      if (++looked % size !== 0) continue
      yield older
      older = []
    }
    yield older
    return undefined
  }

  /** Series that have points, among them all that the filter means; while it is walked through, they may change. */
  *candidates(filter: SeriesFilter): Generator<SeriesEntry, undefined> {
    for (const entry of this.meant(filter)) if (entry.points > 0) yield entry
    return undefined
  }

  /** The {@link candidates} in lists of `size`, of which the last one may be shorter. */
  *slices(filter: SeriesFilter, size: number): Generator<ReadonlyArray<SeriesEntry>, undefined> {
    let slice: Array<SeriesEntry> = []
    for (const entry of this.candidates(filter)) {
      slice.push(entry)
      if (slice.length < size) continue
      yield slice
      slice = []
    }
    if (slice.length > 0) yield slice
    return undefined
  }

  private meant(filter: SeriesFilter): Iterable<Entry> {
    const { metricType } = filter
    if (metricType === undefined) return this.byId.values()
    const alike = this.byType.get(metricType) ?? new Set<Entry>()
    const found = alike.size < this.indexedFrom ? undefined : this.tags.candidates(metricType, alike, filter)
    if (found === undefined) return alike
    const overflow = this.byKey.get(overflowSeries(metricType).key)
    const all = overflow === undefined || found.includes(overflow) ? found : [...found, overflow]
    return Array.from(all).sort((a, b) => a.id - b.id)
  }

  /**
   * The series that a filter means and that have points, and those overflow
   * series in which there may be points of such series. Its `matches` must have
   * learned of the {@link candidates}.
   */
  select(filter: SeriesFilter, matches: (series: Series) => boolean): ReadonlyArray<SeriesEntry> {
    const selected: Array<SeriesEntry> = []
    for (const entry of this.candidates(filter)) {
      if (matches(entry.series) || isOverflow(entry.series)) selected.push(entry)
    }
    return selected
  }
}
