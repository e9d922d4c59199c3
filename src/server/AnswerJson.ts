import type { JsonObject } from "../domain/Json.js"
import type { Points, Series } from "../domain/Series.js"
import type { LatestPoint, QueryAnswer, SeriesInfo, SeriesPoints, StoredLoss } from "../store/MetricStore.js"
import type { LossEntry, SeriesEntry } from "../wire/Api.js"

/** Points written in one piece of text: about 5 ms of work. */
const pieceSize = 10_000

const number = (value: number): string => Number.isFinite(value) ? String(value === 0 ? 0 : value) : "null"

const identityJson = (series: Pick<Series, "origin" | "metricType" | "tags">): string =>
  `"origin":${JSON.stringify(series.origin)},"metric_type":${JSON.stringify(series.metricType)},"tags":${
    JSON.stringify(series.tags)
  }`

const pointsJson = (series: SeriesPoints, from: number, to: number, withFields: boolean): string => {
  let text = ""
  for (let i = from; i < to; i++) {
    const fields = withFields ? series.fields[i] ?? {} : undefined
    text += `${i === from ? "" : ","}[${series.time[i]},${number(series.value[i])}${
      fields === undefined ? "" : `,${JSON.stringify(fields)}`
    }]`
  }
  return text
}

/**
 * Writes the answer to a query as JSON, in pieces of at most 10,000 points, so
 * that a large answer neither blocks the loop nor stands in memory as one text.
 */
export function* queryJson(answer: QueryAnswer, withFields: boolean): Generator<string> {
  let piece = "{\"series\":["
  let points = 0
  for (let s = 0; s < answer.series.length; s++) {
    const series = answer.series[s]
    piece += `${s === 0 ? "" : ","}{${identityJson(series)},"points":[`
    for (let from = 0; from < series.time.length;) {
      const to = Math.min(series.time.length, from + pieceSize - points)
      piece += (from === 0 ? "" : ",") + pointsJson(series, from, to, withFields)
      points += to - from
      from = to
      if (points >= pieceSize) {
        yield piece
        piece = ""
        points = 0
      }
    }
    piece += "]}"
  }
  yield `${piece}],"truncated":${answer.truncated}${answer.overflow === true ? `,"overflow":true` : ""}${
    answer.cursor === undefined ? "" : `,"cursor":${JSON.stringify(answer.cursor)}`
  }}`
}

/** The entry of a series in `/api/series`. */
export const seriesEntry = (series: SeriesInfo): SeriesEntry => ({
  origin: series.origin,
  metric_type: series.metricType,
  tags: series.tags,
  ...(series.kind === undefined ? undefined : { kind: series.kind }),
  ...(series.unit === undefined ? undefined : { unit: series.unit }),
  points: series.points,
  first: series.first,
  last: series.last
})

/** The entry of a loss in `/api/losses`. */
export const lossEntry = (loss: StoredLoss): LossEntry => ({
  stream: loss.stream,
  sender: loss.sender,
  from: loss.fromOffset,
  to: loss.toOffset,
  count: loss.count,
  reason: loss.reason,
  at: loss.at,
  ...(loss.generator === null ? undefined : { generator: loss.generator }),
  ...(loss.timeFrom === null ? undefined : { timeFrom: loss.timeFrom }),
  ...(loss.timeTo === null ? undefined : { timeTo: loss.timeTo })
})

const entryJson = (series: Series, time: number, value: number, fields: JsonObject | undefined): string =>
  `{${identityJson(series)},"timestamp":${time},"value":${number(value)}${
    fields === undefined ? "" : `,"fields":${JSON.stringify(fields)}`
  }}`

/** Writes the newest points as the array of `/api/latest`. */
export const latestJson = (points: ReadonlyArray<LatestPoint>): string =>
  `[${points.map(({ fields, series, time, value }) => entryJson(series, time, value, fields)).join(",")}]`

/**
 * Writes those points `from` ≤ i < `to` of a commit that `matches` lets
 * through, as the array of a live event; `undefined` when none of them does.
 */
export const liveJson = (
  points: Points,
  matches: (series: Series) => boolean,
  from: number,
  to: number
): string | undefined => {
  let text = ""
  for (let i = from; i < to; i++) {
    const series = points.series[i]
    if (!matches(series)) continue
    text += (text === "" ? "" : ",") + entryJson(series, points.time[i], points.value[i], points.fields[i])
  }
  return text === "" ? undefined : `[${text}]`
}
