import { Chunk, type Duration, Effect, Option, Stream } from "effect"
import type { ClientError } from "../../client/ClientError.js"
import { MetricsClient, type SeriesQuestion } from "../../client/MetricsClient.js"
import { metadataOf, type Tags } from "../../domain/Identity.js"
import type { Json, JsonObject } from "../../domain/Json.js"
import { makeSeries } from "../../domain/Series.js"
import { formatIso } from "../../domain/Timestamp.js"
import { isOverflow, originalSeries } from "../../store/series/Overflow.js"
import type { QueryResult, SeriesEntry } from "../../wire/Api.js"
import { withPatience } from "../options/Patience.js"
import type { Terminal } from "../terminal/Terminal.js"
import type { MetricsFormat } from "./ImportRecords.js"
import { csvSeries } from "./MetricsCsv.js"

/** Which points are exported: those of `from` ≤ t < `to`, ms since the epoch. */
export interface ExportRange {
  readonly question: SeriesQuestion
  readonly from: number | undefined
  readonly to: number
}

/** Where an export goes on: within a metric type; those that sort before it are done. */
export interface ExportPlace {
  readonly metricType: string
  /** `null`: at its begin. */
  readonly cursor: string | null
}

/** Lines of an export and the place after them. */
export interface ExportPage {
  readonly text: string
  readonly points: number
  /** Points that have a tag and a field of one name, of which a metric carries the field alone. */
  readonly clashes: number
  /** `undefined`: that was all. */
  readonly next: ExportPlace | undefined
}

// Points of one request: some ten megabytes of JSON. A server that does not
// answer in time is asked for less, down to the second of these.
const pagePoints = 50_000
const fewestPoints = 1_000

/** Whether the server may answer later. */
export const mayHeal = (error: ClientError): boolean =>
  error._tag === "Unreachable" ||
  (error._tag === "Failed" && error.status !== undefined && (error.status >= 500 || error.status === 429))

interface SeriesWriter {
  readonly line: (time: number, value: number, fields: JsonObject | undefined) => string
}

const ndjsonSeries = (origin: string, metricType: string, tags: Tags): SeriesWriter => {
  const head = `{"origin":${JSON.stringify(origin)},"metric_type":${JSON.stringify(metricType)},"value":`
  const tagged = `,"metadata":${JSON.stringify(metadataOf(tags, undefined))}}\n`
  return {
    line: (time, value, fields) =>
      `${head}${value === 0 ? 0 : value},"timestamp":"${formatIso(time)}"${
        fields === undefined ? tagged : `,"metadata":${JSON.stringify(metadataOf(tags, fields))}}\n`
      }`
  }
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const clash = (tags: Tags, fields: JsonObject | undefined): boolean =>
  fields !== undefined && Object.keys(fields).some((key) => Object.hasOwn(tags, key))

/** Writes the points of an answer, oldest first. Points of an overflow series become what they were sent as. */
const pageOf = (
  answer: QueryResult,
  format: MetricsFormat
): { readonly text: string; readonly points: number; readonly clashes: number } => {
  const writerOf = format === "csv" ? csvSeries : ndjsonSeries
  const rows: Array<{ readonly time: number; readonly line: string }> = []
  let clashes = 0
  for (const { metric_type: metricType, origin, points, tags } of answer.series) {
    const overflow = isOverflow(makeSeries(origin, metricType, tags))
    const common = writerOf(origin, metricType, tags)
    for (const [time, value, given] of points) {
      // Only a sum can leave the range of numbers.
      if (value === null) continue
      const fields = given === undefined || Object.keys(given).length === 0 ? undefined : given
      const original = overflow ? originalSeries(metricType, fields) : undefined
      if (original === undefined) {
        if (clash(tags, fields)) clashes++
        rows.push({ time, line: common.line(time, value, fields) })
        continue
      }
      const outer = fields?.["overflow"]
      const inner = isObject(outer) ? outer["fields"] : undefined
      const own = isObject(inner) ? inner : undefined
      if (clash(original.tags, own)) clashes++
      rows.push({ time, line: writerOf(original.origin, metricType, original.tags).line(time, value, own) })
    }
  }
  rows.sort((a, b) => a.time - b.time)
  return { text: rows.map(({ line }) => line).join(""), points: rows.length, clashes }
}

/** Names of metric types, in the order in which they are exported. */
export const metricTypesOf = (series: ReadonlyArray<SeriesEntry>): ReadonlyArray<string> =>
  Array.from(new Set(series.map((own) => own.metric_type))).sort()

/** About how many points of a series lie in a range. */
export const pointsWithin = ({ first, last, points }: SeriesEntry, { from = -Infinity, to }: ExportRange): number => {
  if (from <= first && last < to) return points
  const overlap = Math.min(last, to) - Math.max(first, from)
  return overlap < 0 || last === first ? 0 : Math.round(points * overlap / (last - first))
}

/**
 * Reads a range from a server, metric type after metric type, page by page, from
 * `start` on. A server that is away is waited for.
 */
export const exportPages = (
  range: ExportRange,
  metricTypes: ReadonlyArray<string>,
  start: ExportPlace | undefined,
  format: MetricsFormat,
  patience: Duration.Duration
): Stream.Stream<ExportPage, ClientError, MetricsClient | Terminal> => {
  const left = start === undefined ? metricTypes : metricTypes.filter((name) => name >= start.metricType)
  const first = left.length === 0
    ? undefined
    : { metricType: left[0], cursor: left[0] === start?.metricType ? start.cursor : null }
  let limit = pagePoints
  return Stream.paginateChunkEffect(first, (place) =>
    Effect.gen(function*() {
      if (place === undefined) return [Chunk.empty<ExportPage>(), Option.none<ExportPlace | undefined>()] as const
      const client = yield* MetricsClient
      const { from, question, to } = range
      const ask = Effect.suspend(() =>
        client.query({
          ...question,
          metricType: place.metricType,
          from,
          to,
          fields: true,
          limit,
          cursor: place.cursor ?? undefined
        })
      ).pipe(
        Effect.tapError(() => Effect.sync(() => limit = Math.max(fewestPoints, Math.floor(limit / 2))))
      )
      const answer = yield* withPatience(ask, patience, mayHeal)
      limit = Math.min(pagePoints, limit * 2)
      const following = left[left.indexOf(place.metricType) + 1]
      const next: ExportPlace | undefined = answer.cursor !== undefined
        ? { metricType: place.metricType, cursor: answer.cursor }
        : following === undefined
        ? undefined
        : { metricType: following, cursor: null }
      const page: ExportPage = { ...pageOf(answer, format), next }
      return [Chunk.of(page), next === undefined ? Option.none() : Option.some<ExportPlace | undefined>(next)] as const
    }))
}
