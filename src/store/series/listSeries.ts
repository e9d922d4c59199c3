import { Effect } from "effect"
import { nextTurn } from "../../domain/nextTurn.js"
import type { Series } from "../../domain/Series.js"
import type { LatestPoint, QueryError, SeriesFilter, SeriesInfo } from "../MetricStore.js"
import { makeSeriesMatcher, type SeriesMatcher } from "../query/SeriesMatcher.js"
import type { SeriesEntry, SeriesIndex } from "./SeriesIndex.js"
import { sortInTurns } from "./sortInTurns.js"

// Series looked at in one turn of the event loop: less than 5 ms.
const slice = 2_000

const byKey = (a: SeriesEntry, b: SeriesEntry): number =>
  a.series.key < b.series.key ? -1 : a.series.key > b.series.key ? 1 : 0

// Member by member: to spread a million objects takes seconds.
const infoOf = ({ first, last, points, series }: SeriesEntry): SeriesInfo => {
  const { key, kind, metricType, origin, tags, unit } = series
  const info = { origin, metricType, tags, key, points, first, last }
  return kind === undefined && unit === undefined
    ? info
    : { ...info, ...(kind === undefined ? undefined : { kind }), ...(unit === undefined ? undefined : { unit }) }
}

/** Has a matcher learn of series before it is asked about them. */
export type Learn<E> = (matcher: SeriesMatcher, series: Iterable<Series>) => Effect.Effect<void, E>

/**
 * What `tell` makes of each series that the filter means, in the order of their
 * keys; those of which it tells nothing are left out. Done in slices, for there
 * may be a million: a series that comes or goes meanwhile is listed or not.
 */
const list = <A, E>(
  index: SeriesIndex,
  filter: SeriesFilter,
  learn: Learn<E>,
  tell: (entry: SeriesEntry) => A | undefined
): Effect.Effect<ReadonlyArray<A>, E | QueryError> =>
  Effect.gen(function*() {
    const matcher = yield* makeSeriesMatcher(filter)
    const found: Array<SeriesEntry> = []
    for (const some of index.slices(filter, slice)) {
      yield* learn(matcher, some.map(({ series }) => series))
      for (const entry of some) if (matcher.matches(entry.series)) found.push(entry)
      if (some.length === slice) yield* nextTurn
    }
    const sorted = yield* sortInTurns(found, byKey)
    const told: Array<A> = []
    for (let i = 0; i < sorted.length; i++) {
      const own = tell(sorted[i])
      if (own !== undefined) told.push(own)
      if ((i + 1) % slice === 0) yield* nextTurn
    }
    return told
  })

/** The series that a filter means and that have points, in the order of their keys. */
export const listSeries = <E>(
  index: SeriesIndex,
  filter: SeriesFilter,
  learn: Learn<E>
): Effect.Effect<ReadonlyArray<SeriesInfo>, E | QueryError> =>
  list(
    index,
    filter,
    learn,
    (entry) => entry.points === 0 ? undefined : infoOf(entry)
  )

/** The newest points at `now` of the series that a filter means, in the order of their keys. */
export const listLatest = <E>(
  index: SeriesIndex,
  filter: SeriesFilter,
  learn: Learn<E>,
  now: number
): Effect.Effect<ReadonlyArray<LatestPoint>, E | QueryError> =>
  list(index, filter, learn, ({ id, series }) => {
    const newest = index.newestOf(id, now)
    return newest === undefined ? undefined : { series, ...newest }
  })
