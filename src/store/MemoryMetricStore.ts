import { Clock, Effect, Either, Layer } from "effect"
import { nextTurn } from "../domain/nextTurn.js"
import type { Points } from "../domain/Series.js"
import { type Columns, dropBefore, pointsFrom, timeSpan } from "./Columns.js"
import { LiveFeed } from "./LiveFeed.js"
import {
  type CommitResult,
  MetricStore,
  type QueryAnswer,
  type QueryError,
  type Rejection,
  type SeriesFilter,
  type StoredLoss,
  type StoreQuery,
  StreamOwnedError,
  type StreamWriter
} from "./MetricStore.js"
import { answerText } from "./query/AnswerText.js"
import { startQuery } from "./query/QueryRun.js"
import { learnHere, makeSeriesMatcher, type SeriesMatcher } from "./query/SeriesMatcher.js"
import { TextMemory } from "./query/TextMemory.js"
import { DEFAULT_MAX_LOSSES } from "./retention/Prune.js"
import { RetentionAges, type RetentionOptions, withoutPoints } from "./retention/RetentionAges.js"
import { type Learn, listLatest, listSeries } from "./series/listSeries.js"
import { DEFAULT_MAX_SERIES, placePoints } from "./series/placePoints.js"
import { SeriesIndex } from "./series/SeriesIndex.js"
import { storeId } from "./StoreId.js"
import { admit, admitSkip, firstOwned, lateLosses, lossesOf, newStream, type StreamState } from "./StreamRules.js"

interface Row {
  readonly columns: Columns
  readonly from: number
  readonly to: number
}

// Points read in one turn of the event loop: about 5 ms.
const slice = 50_000

/** How a {@link MemoryMetricStore} behaves. */
export interface MemoryMetricStoreOptions {
  /** Most series of one metric type (default 10,000); points of further ones share an overflow series. */
  readonly maxSeries?: number
  /** Most losses that are listed (default 100,000); `expire` forgets older ones, their metrics stay counted. */
  readonly maxLosses?: number
  /** How long points are kept (default: for ever). */
  readonly retention?: RetentionOptions
}

const make = (
  { maxLosses = DEFAULT_MAX_LOSSES, maxSeries = DEFAULT_MAX_SERIES, retention }: MemoryMetricStoreOptions
) =>
  Effect.gen(function*() {
    const ages = new RetentionAges(retention)
    const id = yield* storeId
    const index = new SeriesIndex()
    const live = new LiveFeed()
    const memory = new TextMemory()
    const streams = new Map<string, StreamState>()
    const rejections = new Map<string, ReadonlyArray<Rejection>>()
    const losses: Array<StoredLoss> = []
    let rows: Array<Row> = []
    let nextSeries = 1

    const owned = (writer: StreamWriter, now: number): StreamState | StreamOwnedError => {
      const state = streams.get(writer.stream) ?? newStream(writer, now)
      return state.owner === writer.owner ? state : new StreamOwnedError({ stream: writer.stream })
    }

    const forget = (writer: StreamWriter): ReadonlyArray<Rejection> => {
      const kept = (rejections.get(writer.stream) ?? []).filter(([offset]) => offset >= writer.acked)
      rejections.set(writer.stream, kept)
      return kept
    }

    const store = (points: Points, now: number): void => {
      if (points.time.length === 0) return
      const { columns, defined } = placePoints(points, index, maxSeries, () => nextSeries++)
      for (const [own, series] of defined) index.define(own, series)
      const [from, to] = timeSpan(points.time)
      rows.push({ columns, from, to })
      index.add(columns, now)
    }

    const learnNow: Learn<QueryError> = (matcher, series) => Effect.suspend(() => learnHere(matcher, () => series))

    const matching = (filter: SeriesFilter): Either.Either<SeriesMatcher["matches"], QueryError> =>
      Either.flatMap(makeSeriesMatcher(filter), (matcher) =>
        Either.map(
          learnHere(matcher, () => Array.from(index.candidates(filter), ({ series }) => series)),
          () => matcher.matches
        ))

    const query = (query: StoreQuery): Effect.Effect<QueryAnswer, QueryError> =>
      Effect.gen(function*() {
        const matches = yield* matching(query)
        const run = yield* startQuery(query, index.select(query, matches))
        // Rows are only added: so many of them are a snapshot.
        const snapshot = rows
        const { length } = snapshot
        let read = 0
        for (let i = 0; i < length; i++) {
          const { columns, from, to } = snapshot[i]
          if (to < run.from || from >= run.to()) continue
          run.add(columns)
          read += columns.time.length
          if (read < slice) continue
          read = 0
          yield* nextTurn
        }
        const answering = run.answer()
        for (;;) {
          const { done, value } = answering.next()
          if (done === true) return yield* value
          yield* nextTurn
        }
      })

    return MetricStore.of({
      id,
      openStreams: (writers, isCurrentOwner) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const stream = firstOwned(writers, (name) => streams.get(name), isCurrentOwner)
          if (stream !== undefined) return new StreamOwnedError({ stream })
          return Effect.succeed(writers.map((writer) => {
            const state = streams.get(writer.stream) ?? newStream(writer, now)
            streams.set(writer.stream, { ...state, owner: writer.owner, sender: writer.sender, lastSeen: now })
            return { next: state.next, rejected: forget(writer) }
          }))
        }),
      commit: (batch) =>
        Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<CommitResult, StreamOwnedError> => {
          const state = owned(batch, now)
          if (state instanceof StreamOwnedError) return state
          const admission = admit(batch, state.next)
          if (admission._tag === "Gap") return Effect.succeed({ _tag: "Gap", next: state.next })
          const offered = pointsFrom(batch.points, admission.firstPoint)
          const late = ages.lateOf(offered, now)
          const points = withoutPoints(offered, late)
          store(points, now)
          streams.set(batch.stream, {
            ...state,
            next: admission.next,
            rejected: state.rejected + admission.rejected.length,
            lost: state.lost + late.length,
            lastSeen: now
          })
          losses.push(...lossesOf(batch, admission.rejected, now), ...lateLosses(batch, admission, late, now))
          rejections.set(batch.stream, [...rejections.get(batch.stream) ?? [], ...admission.rejected])
          const rejected = forget(batch)
          live.publish(points)
          return Effect.succeed({ _tag: "Committed", next: admission.next, rejected, stored: points.time.length })
        }),
      skip: (writer, from, to, reason, loss) =>
        Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<CommitResult, StreamOwnedError> => {
          const state = owned(writer, now)
          if (state instanceof StreamOwnedError) return state
          const admission = admitSkip(state, from, to, reason, loss, now)
          if (admission._tag === "Gap") return Effect.succeed({ _tag: "Gap", next: state.next })
          if (admission.loss !== undefined) losses.push(admission.loss)
          streams.set(writer.stream, admission.state)
          const { next } = admission.state
          return Effect.succeed({ _tag: "Committed", next, rejected: forget(writer), stored: 0 })
        }),
      commitPlain: (points) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const late = ages.lateOf(points, now)
          const kept = withoutPoints(points, late)
          store(kept, now)
          live.publish(kept)
          return late
        }),
      query,
      queryText: (asked) =>
        Effect.flatMap(query(asked), (answer) => answerText(answer, asked.fields !== false, memory)),
      series: (filter) => listSeries(index, filter, learnNow),
      latest: (filter) => Effect.flatMap(Clock.currentTimeMillis, (now) => listLatest(index, filter, learnNow, now)),
      matcher: (filter) =>
        Either.map(makeSeriesMatcher(filter), (matcher) => ({
          prepare: (series) => learnNow(matcher, series),
          matches: matcher.matches
        })),
      losses: (limit, sender) =>
        Effect.sync(() =>
          losses.filter((loss) => sender === undefined || loss.sender === sender).slice(-limit).reverse()
        ),
      streams: Effect.sync(() => Array.from(streams.values(), ({ owner: _, ...info }) => info)),
      stats: Effect.sync(() => ({
        series: index.size,
        points: index.points,
        bytes: 0,
        usedBytes: 0,
        batches: rows.length
      })),
      ready: Effect.void,
      expire: (before) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const beforeOf = (metricType: string) => before ?? ages.before(metricType, now)
          const older = Array.from(index.olderThan(beforeOf, Infinity)).flat()
          const bounds = new Map(older.map(({ id, series }) => [id, beforeOf(series.metricType)]))
          const newest = Math.max(-Infinity, ...bounds.values())
          const left = new Map<number, { points: number; first: number }>()
          for (const { id } of older) left.set(id, { points: 0, first: Infinity })
          const kept: Array<Row> = []
          for (const row of rows) {
            const columns = row.from >= newest ? row.columns : dropBefore(row.columns, (id) => bounds.get(id))
            const [from, to] = timeSpan(columns.time)
            if (columns.time.length === 0) continue
            kept.push({ columns, from, to })
            for (let i = 0; i < columns.time.length; i++) {
              const own = left.get(columns.series[i])
              if (own === undefined) continue
              own.points++
              own.first = Math.min(own.first, columns.time[i])
            }
          }
          rows = kept
          let expired = 0
          for (const { id, points } of older) {
            const own = left.get(id) ?? { points: 0, first: Infinity }
            expired += points - own.points
            if (own.points === 0) index.free([id])
            else index.remove(id, points - own.points, own.first, bounds.get(id) ?? -Infinity)
          }
          if (before === undefined) {
            losses.splice(0, Math.max(0, losses.length - maxLosses))
            for (const { lastSeen, stream } of Array.from(streams.values())) {
              if (lastSeen >= now - ages.longest) continue
              streams.delete(stream)
              rejections.delete(stream)
            }
          }
          return expired
        }),
      live: (capacity) => live.read(capacity)
    })
  })

/** A whole {@link MetricStore} in memory: for tests and for programs that keep nothing. */
export const MemoryMetricStore = {
  layer: Layer.effect(MetricStore, make({})),
  layerWith: (options: MemoryMetricStoreOptions) => Layer.effect(MetricStore, make(options))
} as const
