import { Either } from "effect"
import type { Tags } from "../../domain/Identity.js"
import type { Series } from "../../domain/Series.js"
import type { QueryError, SeriesFilter, TagCondition } from "../MetricStore.js"
import { TagPattern } from "./TagPattern.js"

/** Tells the series that a filter means. */
export interface SeriesMatcher {
  /** Must have been told of series before `matches` is asked; fails when a pattern takes too long. */
  readonly prepare: (series: Iterable<Series>) => Either.Either<void, QueryError>
  readonly matches: (series: Series) => boolean
}

interface Condition {
  readonly key: string
  readonly pattern: TagPattern | undefined
  readonly holds: (value: string | undefined) => boolean
}

const valueOf = (tags: Tags, key: string): string | undefined => Object.hasOwn(tags, key) ? tags[key] : undefined

const conditionOf = (condition: TagCondition): Either.Either<Condition, QueryError> => {
  const { key } = condition
  switch (condition._tag) {
    case "AnyOf":
    case "NoneOf": {
      const values = new Set(condition.values)
      const wanted = condition._tag === "AnyOf"
      return Either.right({
        key,
        pattern: undefined,
        holds: (value) => (value !== undefined && values.has(value)) === wanted
      })
    }
    case "Matches":
    case "MatchesNot": {
      const wanted = condition._tag === "Matches"
      return Either.map(TagPattern.make(key, condition.pattern), (pattern) => ({
        key,
        pattern,
        holds: (value) => (value !== undefined && pattern.test(value)) === wanted
      }))
    }
  }
}

/** Makes the matcher of a filter, or says what is wrong with one of its patterns. */
export const makeSeriesMatcher = (filter: SeriesFilter): Either.Either<SeriesMatcher, QueryError> =>
  Either.map(Either.all((filter.where ?? []).map(conditionOf)), (conditions) => {
    const tags = Object.entries(filter.tags ?? {})
    const patterns = conditions.filter(({ pattern }) => pattern !== undefined)
    return {
      prepare: (series) => {
        if (patterns.length === 0) return Either.void
        const all = Array.from(series)
        for (const { key, pattern } of patterns) {
          const learned = pattern?.learn(all.flatMap((own) => valueOf(own.tags, key) ?? [])) ?? Either.void
          if (Either.isLeft(learned)) return learned
        }
        return Either.void
      },
      matches: (series) =>
        (filter.metricType === undefined || series.metricType === filter.metricType) &&
        (filter.origin === undefined || series.origin === filter.origin) &&
        tags.every(([key, value]) => valueOf(series.tags, key) === value) &&
        conditions.every(({ holds, key }) => holds(valueOf(series.tags, key)))
    }
  })
