import type { JsonObject } from "../domain/Json.js"
import type { Points, Series } from "../domain/Series.js"
import type { LatestPoint, SeriesInfo, StoredLoss } from "../store/MetricStore.js"
import { identityJson } from "../store/query/AnswerText.js"
import type { LossEntry, SeriesEntry } from "../wire/Api.js"

const number = (value: number): string => Number.isFinite(value) ? String(value === 0 ? 0 : value) : "null"

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
