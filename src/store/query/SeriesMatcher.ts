import { Either } from "effect"
import type { Tags } from "../../domain/Identity.js"
import type { Series } from "../../domain/Series.js"
import type { QueryError, SeriesFilter, TagCondition } from "../MetricStore.js"
import { judgePatterns, type PatternQuestion, type PatternVerdicts } from "./PatternJudge.js"
import { TagPattern } from "./TagPattern.js"

/** Tells the series that a filter means. */
export interface SeriesMatcher {
  /** What its patterns must be asked before `matches` can tell of these series. */
  readonly questions: (series: () => Iterable<Series>) => ReadonlyArray<PatternQuestion>
  /** Takes the answers to {@link questions} in. */
  readonly learn: (questions: ReadonlyArray<PatternQuestion>, verdicts: PatternVerdicts) => void
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
    const plain = conditions.filter(({ pattern }) => pattern === undefined)
    const patterned = conditions.filter(({ pattern }) => pattern !== undefined)
    const matchesPlainly = (series: Series): boolean =>
      (filter.metricType === undefined || series.metricType === filter.metricType) &&
      (filter.origin === undefined || series.origin === filter.origin) &&
      tags.every(([key, value]) => valueOf(series.tags, key) === value) &&
      plain.every(({ holds, key }) => holds(valueOf(series.tags, key)))
    const asked = new WeakMap<PatternQuestion, TagPattern>()
    return {
      questions: (series) => {
        if (patterned.length === 0) return []
        const all = Array.from(series()).filter(matchesPlainly)
        return patterned.flatMap(({ key, pattern }) => {
          const question = pattern?.question(all.flatMap((own) => valueOf(own.tags, key) ?? []))
          if (pattern === undefined || question === undefined) return []
          asked.set(question, pattern)
          return [question]
        })
      },
      learn: (questions, verdicts) => {
        questions.forEach((question, i) => asked.get(question)?.learn(question, verdicts[i] ?? []))
      },
      matches: (series) =>
        matchesPlainly(series) && patterned.every(({ holds, key }) => holds(valueOf(series.tags, key)))
    }
  })

/** Has a matcher learn of series in this thread; fails when a pattern takes too long. They are not looked for in vain. */
export const learnHere = (matcher: SeriesMatcher, series: () => Iterable<Series>): Either.Either<void, QueryError> => {
  const questions = matcher.questions(series)
  return questions.length === 0
    ? Either.void
    : Either.map(judgePatterns(questions), (verdicts) => matcher.learn(questions, verdicts))
}
