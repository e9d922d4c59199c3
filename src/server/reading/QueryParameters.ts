import { Either } from "effect"
import { aggregates, isAggregate } from "../../domain/Aggregate.js"
import { MAX_TIMESTAMP, MIN_TIMESTAMP, parseTimestamp } from "../../domain/Timestamp.js"
import type { SeriesFilter, StoreQuery, TagCondition } from "../../store/MetricStore.js"
import { DEFAULT_QUERY_LIMIT, DEFAULT_SCRAPE_LIMIT, MAX_QUERY_LIMIT } from "../../wire/Api.js"

/** A query as its URL asked for it. */
export interface ParsedQuery {
  readonly query: StoreQuery
  /** Whether raw points carry their fields. */
  readonly fields: boolean
}

/** Most entries of `/api/losses` at once. */
const maxLosses = 100_000

/** What stands before the key of a tag, and whether it may be given more than once for one key. */
const tagPrefixes = [
  { prefix: "tag.", repeats: false },
  { prefix: "tag-any.", repeats: true },
  { prefix: "tag-not.", repeats: true },
  { prefix: "tag-match.", repeats: true },
  { prefix: "tag-not-match.", repeats: true }
] as const

const prefixOf = (name: string) =>
  tagPrefixes.find(({ prefix }) => name.startsWith(prefix) && name.length > prefix.length)

const known = {
  filter: ["metric_type", "origin"],
  query: ["metric_type", "origin", "from", "to", "step", "aggregate", "by", "fields", "limit", "cursor"],
  losses: ["limit", "sender"],
  status: ["sender"]
} as const

const check = (parameters: URLSearchParams, names: ReadonlyArray<string>, tags: boolean): string | undefined => {
  const unknown = new Set<string>()
  for (const name of parameters.keys()) {
    const tag = tags ? prefixOf(name) : undefined
    if (tag !== undefined) {
      if (!tag.repeats && parameters.getAll(name).length > 1) {
        return `${name}: was given more than once; a series has one value of a tag, tag-any.<key> takes several`
      }
    } else if (!names.includes(name)) unknown.add(name)
    else if (name !== "by" && parameters.getAll(name).length > 1) return `${name}: was given more than once`
  }
  if (unknown.size === 0) return undefined
  return `unknown parameter: ${Array.from(unknown).join(", ")}; known are ${names.join(", ")}` +
    (tags ? ` and ${tagPrefixes.map(({ prefix }) => `${prefix}<key>`).join(", ")}` : "")
}

const filterOf = (parameters: URLSearchParams): SeriesFilter => {
  const tags: Array<readonly [string, string]> = []
  const where: Array<TagCondition> = []
  for (const name of new Set(parameters.keys())) {
    const prefix = prefixOf(name)?.prefix
    if (prefix === undefined) continue
    const key = name.slice(prefix.length)
    const values = parameters.getAll(name)
    switch (prefix) {
      case "tag.":
        tags.push([key, values[0]])
        break
      case "tag-any.":
        where.push({ _tag: "AnyOf", key, values })
        break
      case "tag-not.":
        where.push({ _tag: "NoneOf", key, values })
        break
      case "tag-match.":
        for (const pattern of values) where.push({ _tag: "Matches", key, pattern })
        break
      case "tag-not-match.":
        for (const pattern of values) where.push({ _tag: "MatchesNot", key, pattern })
        break
    }
  }
  return {
    metricType: parameters.get("metric_type") ?? undefined,
    origin: parameters.get("origin") ?? undefined,
    tags: tags.length === 0 ? undefined : Object.fromEntries(tags),
    where: where.length === 0 ? undefined : where
  }
}

const instant = (name: string, text: string | null, absent: number): Either.Either<number, string> => {
  if (text === null) return Either.right(absent)
  // An unescaped + of an offset arrives as a space.
  const written = text.replace(/ (\d{2}:?\d{2})$/, "+$1")
  const millis = parseTimestamp(/^-?\d+(?:\.\d+)?$/.test(written) ? Number(written) : written)
  return millis === undefined
    ? Either.left(
      `${name}: "${text}" is no time; write it like 2026-01-31T12:00:00Z or as milliseconds since the epoch`
    )
    : Either.right(millis)
}

const units: { readonly [unit: string]: number | undefined } = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000
}

const stepOf = (text: string): Either.Either<number, string> => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?$/.exec(text)
  const millis = match === null ? NaN : Math.round(Number(match[1]) * (units[match[2] ?? "ms"] ?? NaN))
  return Number.isSafeInteger(millis) && millis >= 1
    ? Either.right(millis)
    : Either.left(`step: "${text}" is no duration; write it like 500ms, 10s, 1m, 1h or 1d`)
}

const whole = (name: string, text: string | null, absent: number, most: number): Either.Either<number, string> => {
  if (text === null) return Either.right(absent)
  const number = /^\d+$/.test(text) ? Number(text) : NaN
  return number >= 1 && number <= most
    ? Either.right(number)
    : Either.left(`${name}: expected a whole number from 1 to ${most}, got "${text}"`)
}

/** Reads the parameters of `/api/series`, `/api/latest` and `/api/live`, or says what is wrong with them. */
export const parseFilter = (parameters: URLSearchParams): Either.Either<SeriesFilter, string> => {
  const problem = check(parameters, known.filter, true)
  return problem === undefined ? Either.right(filterOf(parameters)) : Either.left(problem)
}

/** Reads the parameters of `/api/losses`, or says what is wrong with them. */
export const parseLosses = (
  parameters: URLSearchParams
): Either.Either<{ readonly limit: number; readonly sender: string | undefined }, string> => {
  const problem = check(parameters, known.losses, false)
  return problem === undefined
    ? Either.map(
      whole("limit", parameters.get("limit"), 1_000, maxLosses),
      (limit) => ({ limit, sender: parameters.get("sender") ?? undefined })
    )
    : Either.left(problem)
}

/** Reads the parameters of `/api/status`: the sender whose streams are meant, all without it. */
export const parseStatus = (parameters: URLSearchParams): Either.Either<string | undefined, string> => {
  const problem = check(parameters, known.status, false)
  return problem === undefined ? Either.right(parameters.get("sender") ?? undefined) : Either.left(problem)
}

/** Reads the parameters of `/metrics`: which series, and how many at the most. */
export const parseScrape = (
  parameters: URLSearchParams
): Either.Either<{ readonly filter: SeriesFilter; readonly limit: number }, string> =>
  Either.gen(function*() {
    const problem = check(parameters, [...known.filter, "limit"], true)
    if (problem !== undefined) return yield* Either.left(problem)
    const limit = yield* whole("limit", parameters.get("limit"), DEFAULT_SCRAPE_LIMIT, MAX_QUERY_LIMIT)
    return { filter: filterOf(parameters), limit }
  })

/** Reads the parameters of `/api/query`, or says what is wrong with them. */
export const parseQuery = (parameters: URLSearchParams): Either.Either<ParsedQuery, string> =>
  Either.gen(function*() {
    const problem = check(parameters, known.query, true)
    if (problem !== undefined) return yield* Either.left(problem)
    const filter = filterOf(parameters)
    if (filter.metricType === undefined || filter.metricType === "") {
      return yield* Either.left("metric_type: is missing; /api/series lists what there is")
    }
    const from = yield* instant("from", parameters.get("from"), MIN_TIMESTAMP)
    const to = yield* instant("to", parameters.get("to"), MAX_TIMESTAMP + 1)
    if (from > to) return yield* Either.left("from: lies after to")
    const aggregate = parameters.get("aggregate")
    if (aggregate !== null && !isAggregate(aggregate)) {
      return yield* Either.left(`aggregate: expected one of ${aggregates.join(", ")}, got "${aggregate}"`)
    }
    const stepText = parameters.get("step")
    const step = stepText === null ? undefined : yield* stepOf(stepText)
    if (step === undefined && aggregate !== null) return yield* Either.left("aggregate: needs step, as in step=1m")
    if (step === undefined && parameters.has("by")) return yield* Either.left("by: needs step, as in step=1m")
    const fieldsText = parameters.get("fields") ?? "false"
    if (fieldsText !== "true" && fieldsText !== "false") {
      return yield* Either.left(`fields: expected true or false, got "${fieldsText}"`)
    }
    if (fieldsText === "true" && step !== undefined) {
      return yield* Either.left("fields: only raw points have them; leave out step or fields")
    }
    const limit = yield* whole("limit", parameters.get("limit"), DEFAULT_QUERY_LIMIT, MAX_QUERY_LIMIT)
    const by = parameters.has("by")
      ? Array.from(new Set(parameters.getAll("by").flatMap((keys) => keys.split(",")).filter((key) => key !== "")))
      : undefined
    return {
      query: {
        ...filter,
        from,
        to,
        limit,
        cursor: parameters.get("cursor") ?? undefined,
        buckets: step === undefined ? undefined : { step, aggregate: aggregate ?? "avg", by }
      },
      fields: fieldsText === "true"
    }
  })
