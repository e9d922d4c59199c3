import { Either } from "effect"
import type { JsonObject } from "../domain/Json.js"
import type { Points, Series } from "../domain/Series.js"
import type { Aggregate, QueryAnswer, SeriesPoints, StoreQuery } from "./MetricStore.js"
import { QueryError } from "./MetricStore.js"
import { matches } from "./SeriesIndex.js"

interface RawPoint {
  readonly series: Series
  readonly time: number
  readonly value: number
  readonly fields: JsonObject | undefined
  /** Place in the store: points of equal time come in the order in which they were stored. */
  readonly row: number
  readonly index: number
}

interface Bucket {
  sum: number
  count: number
  min: number
  max: number
  lastTime: number
  last: number
}

interface Group {
  readonly origin: string
  readonly metricType: string
  readonly tags: Series["tags"]
  readonly key: string
  readonly buckets: Map<number, Bucket>
}

const inOrder = (a: RawPoint, b: RawPoint): number => a.time - b.time || a.row - b.row || a.index - b.index

const valueOf: { readonly [A in Aggregate]: (bucket: Bucket) => number } = {
  avg: ({ count, sum }) => sum / count,
  min: ({ min }) => min,
  max: ({ max }) => max,
  sum: ({ sum }) => sum,
  count: ({ count }) => count,
  last: ({ last }) => last
}

type Position = Pick<RawPoint, "time" | "row" | "index">

const encodeCursor = ({ index, row, time }: Position): string =>
  Buffer.from(`${time}:${row}:${index}`).toString("base64url")

const decodeCursor = (cursor: string): Either.Either<Position, QueryError> => {
  const match = /^(-?\d{1,16}):(\d{1,16}):(\d{1,16})$/.exec(Buffer.from(cursor, "base64url").toString("latin1"))
  return match === null
    ? Either.left(new QueryError({ message: "cursor: expected the cursor of an earlier answer, unchanged" }))
    : Either.right({ time: Number(match[1]), row: Number(match[2]), index: Number(match[3]) })
}

/** A query while its answer is put together from rows, in whatever order they are read. */
export interface Scan {
  /** Takes in a row of the store. Rows are numbered in the order in which they were stored. */
  readonly add: (row: number, points: Points) => Either.Either<void, QueryError>
  readonly answer: () => QueryAnswer
}

const rawScan = (query: StoreQuery, after: Position | undefined): Scan => {
  let points: Array<RawPoint> = []
  let cut = false
  const wanted = new Map<string, boolean>()

  // Only the oldest `limit` points matter; one more tells that there are more.
  const trim = (): void => {
    if (points.length <= query.limit) return
    points.sort(inOrder)
    points.length = query.limit
    cut = true
  }

  return {
    add: (row, { fields, series, time, value }) => {
      for (let i = 0; i < time.length; i++) {
        if (time[i] < query.from || time[i] >= query.to) continue
        let match = wanted.get(series[i].key)
        if (match === undefined) {
          match = matches(query, series[i])
          wanted.set(series[i].key, match)
        }
        if (!match) continue
        const point: RawPoint = { series: series[i], time: time[i], value: value[i], fields: fields[i], row, index: i }
        if (after !== undefined && inOrder(point, { ...point, ...after }) <= 0) continue
        points.push(point)
      }
      if (points.length > 2 * query.limit + 1000) trim()
      return Either.void
    },
    answer: () => {
      trim()
      points = points.sort(inOrder)
      const bySeries = new Map<string, { series: Series; time: Array<number>; value: Array<number>; fields: Array<JsonObject | undefined> }>()
      for (const point of points) {
        let own = bySeries.get(point.series.key)
        if (own === undefined) {
          own = { series: point.series, time: [], value: [], fields: [] }
          bySeries.set(point.series.key, own)
        }
        own.time.push(point.time)
        own.value.push(point.value)
        own.fields.push(point.fields)
      }
      const series = Array.from(bySeries.values())
        .sort((a, b) => a.series.key < b.series.key ? -1 : 1)
        .map(({ fields, series, time, value }): SeriesPoints => ({
          origin: series.origin,
          metricType: series.metricType,
          tags: series.tags,
          time,
          value,
          fields
        }))
      const last = points.at(-1)
      return cut && last !== undefined
        ? { series, truncated: true, cursor: encodeCursor(last) }
        : { series, truncated: false }
    }
  }
}

const groupOf = (series: Series, by: ReadonlyArray<string> | undefined): Omit<Group, "buckets"> => {
  if (by === undefined) return series
  const tags = Object.fromEntries(
    by.filter((key) => Object.hasOwn(series.tags, key)).sort().map((key) => [key, series.tags[key]])
  )
  return {
    origin: series.origin,
    metricType: series.metricType,
    tags,
    key: JSON.stringify([series.origin, series.metricType, Object.entries(tags)])
  }
}

const bucketScan = (query: StoreQuery, step: number, aggregate: Aggregate, by?: ReadonlyArray<string>): Scan => {
  const groups = new Map<string, Group>()
  const groupOfSeries = new Map<string, Group | undefined>()
  let buckets = 0

  const find = (series: Series): Group | undefined => {
    if (groupOfSeries.has(series.key)) return groupOfSeries.get(series.key)
    let group: Group | undefined
    if (matches(query, series)) {
      const named = groupOf(series, by)
      group = groups.get(named.key)
      if (group === undefined) {
        group = { ...named, buckets: new Map() }
        groups.set(group.key, group)
      }
    }
    groupOfSeries.set(series.key, group)
    return group
  }

  return {
    add: (_, { series, time, value }) => {
      for (let i = 0; i < time.length; i++) {
        if (time[i] < query.from || time[i] >= query.to) continue
        const group = find(series[i])
        if (group === undefined) continue
        const start = Math.floor(time[i] / step) * step
        const own = value[i]
        const bucket = group.buckets.get(start)
        if (bucket === undefined) {
          group.buckets.set(start, { sum: own, count: 1, min: own, max: own, lastTime: time[i], last: own })
          if (++buckets > query.limit) {
            return Either.left(
              new QueryError({
                message: `the answer would hold more than ${query.limit} points; take a larger step, ` +
                  "a shorter time or a higher limit"
              })
            )
          }
          continue
        }
        bucket.sum += own
        bucket.count++
        if (own < bucket.min) bucket.min = own
        if (own > bucket.max) bucket.max = own
        if (time[i] >= bucket.lastTime) {
          bucket.lastTime = time[i]
          bucket.last = own
        }
      }
      return Either.void
    },
    answer: () => ({
      series: Array.from(groups.values())
        .sort((a, b) => a.key < b.key ? -1 : 1)
        .filter((group) => group.buckets.size > 0)
        .map(({ buckets, metricType, origin, tags }): SeriesPoints => {
          const entries = Array.from(buckets.entries()).sort(([a], [b]) => a - b)
          return {
            origin,
            metricType,
            tags,
            time: entries.map(([time]) => time),
            value: entries.map(([, bucket]) => valueOf[aggregate](bucket)),
            fields: entries.map(() => undefined)
          }
        }),
      truncated: false
    })
  }
}

/** Begins a query, or says what is wrong with it. Every store answers by it, so all answer alike. */
export const makeScan = (query: StoreQuery): Either.Either<Scan, QueryError> =>
  Either.gen(function*() {
    if (!(query.limit >= 1)) return yield* Either.left(new QueryError({ message: "limit: expected 1 or more" }))
    if (query.buckets !== undefined) {
      const { aggregate, by, step } = query.buckets
      if (!(Number.isInteger(step) && step >= 1)) {
        return yield* Either.left(new QueryError({ message: "step: expected 1 ms or more" }))
      }
      if (query.cursor !== undefined) {
        return yield* Either.left(new QueryError({ message: "cursor: only answers of raw points are cut" }))
      }
      return bucketScan(query, step, aggregate, by)
    }
    return rawScan(query, query.cursor === undefined ? undefined : yield* decodeCursor(query.cursor))
  })
