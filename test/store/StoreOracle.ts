import type { JsonObject } from "../../src/domain/Json.js"
import type { Series } from "../../src/domain/Series.js"
import type { Buckets, SeriesFilter, StoreQuery } from "../../src/store/MetricStore.js"

/** A point of the oracle. */
export interface OraclePoint {
  readonly series: Series
  readonly time: number
  readonly value: number
  readonly fields: JsonObject | undefined
}

/** An answer without its order: for each series or group by its name, `[time, value, fields]`. */
export type OracleAnswer = ReadonlyMap<string, ReadonlyArray<readonly [number, number, JsonObject | undefined]>>

const matches = (filter: SeriesFilter, { metricType, origin, tags }: Series): boolean =>
  (filter.metricType ?? metricType) === metricType && (filter.origin ?? origin) === origin &&
  Object.entries(filter.tags ?? {}).every(([key, value]) => tags[key] === value) &&
  (filter.where ?? []).every((condition) => {
    const value = Object.hasOwn(tags, condition.key) ? tags[condition.key] : undefined
    switch (condition._tag) {
      case "AnyOf":
        return value !== undefined && condition.values.includes(value)
      case "NoneOf":
        return value === undefined || !condition.values.includes(value)
      case "Matches":
        return value !== undefined && new RegExp(`^(?:${condition.pattern})$`).test(value)
      case "MatchesNot":
        return value === undefined || !new RegExp(`^(?:${condition.pattern})$`).test(value)
    }
  })

const byTime = <A extends { readonly time: number }>(points: ReadonlyArray<A>): ReadonlyArray<A> =>
  points.toSorted((a, b) => a.time - b.time)

const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)]
  const rest = place - Math.floor(place)
  return rest === 0 ? below : below * (1 - rest) + sorted[Math.ceil(place)] * rest
}

/** For each point but the first of a series: how much it grew. */
const growth = (points: ReadonlyArray<OraclePoint>): ReadonlyArray<OraclePoint> =>
  Array.from(groupBy(points, ({ series }) => series.key).values()).flatMap((own) =>
    byTime(own).flatMap((point, i, sorted) => {
      if (i === 0) return []
      const before = sorted[i - 1].value
      return [{ ...point, value: point.value < before ? point.value : point.value - before }]
    })
  )

const reduce = (
  points: ReadonlyArray<OraclePoint>,
  order: ReadonlyMap<string, number>,
  { aggregate, step }: Buckets
): number => {
  // Of equal times the point of the series that was defined last counts as the last.
  const bySeries = points.toSorted((a, b) => (order.get(a.series.key) ?? 0) - (order.get(b.series.key) ?? 0))
  const values = byTime(bySeries).map(({ value }) => value)
  const sum = values.reduce((a, b) => a + b, 0)
  switch (aggregate) {
    case "avg":
      return sum / values.length
    case "min":
      return Math.min(...values)
    case "max":
      return Math.max(...values)
    case "sum":
      return sum
    case "count":
      return values.length
    case "last":
      return values[values.length - 1]
    case "p50":
      return percentile(values, 0.5)
    case "p95":
      return percentile(values, 0.95)
    case "p99":
      return percentile(values, 0.99)
    // The values are growth already.
    case "rate":
      return sum / (step / 1000)
  }
}

const groupBy = <A>(items: ReadonlyArray<A>, nameOf: (item: A) => string): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const item of items) {
    const name = nameOf(item)
    groups.set(name, [...groups.get(name) ?? [], item])
  }
  return groups
}

/** A name that is equal for equal origin, metric type and tags. */
export const nameOf = ({ metricType, origin, tags }: Pick<Series, "origin" | "metricType" | "tags">): string =>
  JSON.stringify([origin, metricType, Object.entries(tags).toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)])

/** Answers a query without its limit, in the plainest way there is. Points are in the order of their arrival. */
export const askOracle = (points: ReadonlyArray<OraclePoint>, query: StoreQuery): OracleAnswer => {
  const inside = points.filter((p) => p.time >= query.from && p.time < query.to && matches(query, p.series))
  const { buckets } = query
  const found = buckets?.aggregate === "rate" ? growth(inside) : inside
  const order = new Map(Array.from(groupBy(points, ({ series }) => series.key).keys(), (key, i) => [key, i] as const))
  if (buckets === undefined) {
    return new Map(Array.from(
      groupBy(found, ({ series }) => nameOf(series)),
      ([name, own]) => [name, byTime(own).map(({ fields, time, value }) => [time, value, fields] as const)] as const
    ))
  }
  const groups = groupBy(found, ({ series: { metricType, origin, tags } }) =>
    nameOf({
      origin,
      metricType,
      tags: buckets.by === undefined
        ? tags
        : Object.fromEntries(Object.entries(tags).filter(([key]) => buckets.by?.includes(key)))
    }))
  return new Map(Array.from(groups, ([name, own]) => {
    const cells = groupBy(own, ({ time }) => String(Math.floor(time / buckets.step) * buckets.step))
    return [
      name,
      Array.from(
        cells,
        ([start, inside]) => [Number(start), reduce(inside, order, buckets), undefined] as const
      )
        .toSorted((a, b) => a[0] - b[0])
    ] as const
  }))
}
