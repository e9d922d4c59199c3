import { Clock, Duration, Effect, type Scope } from "effect"
import type { Series } from "../../domain/Series.js"
import type { Head } from "../log/Head.js"
import {
  type LatestPoint,
  type QueryAnswer,
  QueryError,
  type QueryText,
  type SeriesFilter,
  type SeriesInfo,
  type StoreError,
  type StoreMatcher,
  type StoreQuery
} from "../MetricStore.js"
import { type Learn, listLatest, listSeries } from "../series/listSeries.js"
import type { SeriesIndex } from "../series/SeriesIndex.js"
import type { ScanResult } from "./QueryRunner.js"
import { QueryThread } from "./QueryThread.js"
import type { DamagedChunk, ScannedSeries, ScanRequest } from "./Scan.js"
import { makeSeriesMatcher, type SeriesMatcher } from "./SeriesMatcher.js"

/** Most queries that read at the same time; others wait. */
const concurrent = 8

/** Bounds of the queries of one store. */
export interface QueryLimits {
  /** How long a query may take, what it waits for others included. */
  readonly timeout: Duration.Duration
  /** Most series that a query may read. */
  readonly maxSeries: number
}

/** Answers queries from snapshots of a store, beside whoever writes. */
export interface StoreReader {
  readonly ask: (query: StoreQuery) => Effect.Effect<QueryAnswer, StoreError | QueryError>
  readonly askText: (query: StoreQuery) => Effect.Effect<QueryText, StoreError | QueryError>
  readonly series: (filter: SeriesFilter) => Effect.Effect<ReadonlyArray<SeriesInfo>, StoreError | QueryError>
  readonly latest: (filter: SeriesFilter) => Effect.Effect<ReadonlyArray<LatestPoint>, StoreError | QueryError>
  readonly matcher: (filter: SeriesFilter) => Effect.Effect<StoreMatcher, QueryError>
}

/** Makes the {@link StoreReader} of a store's file; what it uses is closed with the scope. */
export const makeStoreReader = (
  path: string,
  index: SeriesIndex,
  head: Head,
  { maxSeries, timeout }: QueryLimits
): Effect.Effect<StoreReader, never, Scope.Scope> =>
  Effect.gen(function*() {
    const runner = yield* (yield* QueryThread).open(path)
    const permits = yield* Effect.makeSemaphore(concurrent)
    const reported = new Set<number>()

    const inTime = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | QueryError> =>
      Duration.isFinite(timeout)
        ? Effect.timeoutFail(effect, {
          duration: timeout,
          onTimeout: () =>
            new QueryError({
              reason: "TooLong",
              message: `the query was not answered within ${Duration.format(timeout)}; ` +
                "ask for a shorter time, a larger step, or fewer series, or try again when less is going on"
            })
        })
        : effect

    const learn = (
      matcher: SeriesMatcher,
      series: () => Iterable<Series>
    ): Effect.Effect<void, StoreError | QueryError> =>
      Effect.suspend(() => {
        const questions = matcher.questions(series)
        return questions.length === 0 ? Effect.void : Effect.flatMap(runner.judge(questions), (verdicts) => {
          matcher.learn(questions, verdicts)
          // Series may have come in meanwhile.
          return learn(matcher, series)
        })
      })

    const learnAll: Learn<StoreError | QueryError> = (matcher, series) => learn(matcher, () => series)

    /** What tells the series that a filter means, of all that are known now. */
    const matching = (filter: SeriesFilter) =>
      Effect.gen(function*() {
        const matcher = yield* makeSeriesMatcher(filter)
        yield* learn(matcher, () => Array.from(index.candidates(filter), ({ series }) => series))
        return matcher.matches
      })

    /** What is meant, in one turn: points that come in later are none of it, points that leave the head are kept. */
    const select = (query: StoreQuery, matches: (series: Series) => boolean): ReadonlyArray<ScannedSeries> =>
      index.select(query, matches).map(({ first, id, last, series }) => {
        const own = head.get(id)
        if (own === undefined) return { id, series, first, last, head: undefined }
        const { count, fields, firstRow, time, value } = own
        return { id, series, first, last, head: { time, value, fields, count, firstRow } }
      })

    const report = (damaged: ReadonlyArray<DamagedChunk>): Effect.Effect<void> =>
      Effect.forEach(damaged.filter(({ chunk }) => !reported.has(chunk)), ({ chunk, message }) => {
        reported.add(chunk)
        return Effect.logError(`${path}: chunk ${chunk} cannot be read and is left out: ${message}`)
      }, { discard: true })

    const answer = <A>(
      query: StoreQuery,
      scan: (request: ScanRequest) => Effect.Effect<ScanResult<A>, StoreError | QueryError>
    ) =>
      inTime(
        permits.withPermits(1)(Effect.gen(function*() {
          const series = select(query, yield* matching(query))
          if (series.length > maxSeries) {
            return yield* new QueryError({
              reason: "TooLarge",
              message: `the filter means ${series.length} series, and a query may read ${maxSeries}; ` +
                "name a metric type, an origin, or more tags"
            })
          }
          const { answer, damaged } = yield* scan({ query, series })
          yield* report(damaged)
          return answer
        }))
      )

    return {
      ask: (query) => answer(query, runner.scan),
      askText: (query) => answer(query, runner.scanText),
      series: (filter) => inTime(listSeries(index, filter, learnAll)),
      latest: (filter) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => inTime(listLatest(index, filter, learnAll, now))),
      matcher: (filter) =>
        Effect.map(makeSeriesMatcher(filter), (matcher) => ({
          prepare: (series) => inTime(learnAll(matcher, series)),
          matches: matcher.matches
        }))
    }
  })
