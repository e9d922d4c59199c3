import { Effect } from "effect"
import type { JsonObject } from "../../domain/Json.js"
import { nextTurn } from "../../domain/nextTurn.js"
import type { Points, Series } from "../../domain/Series.js"
import type { LatestPoint, SeriesInfo, StoredLoss } from "../../store/MetricStore.js"
import { identityJson } from "../../store/query/AnswerText.js"
import type { LossEntry, SeriesEntry } from "../../wire/Api.js"

const number = (value: number): string => Number.isFinite(value) ? String(value === 0 ? 0 : value) : "null"

const encoder = new TextEncoder()

// Text of one piece: writing as much takes about 2 ms.
const pieceLength = 262_144

/** Writes a list as JSON, in pieces of some 256 KiB; others have their turn after each. */
const listJson = <A>(list: ReadonlyArray<A>, write: (entry: A) => string): Effect.Effect<ReadonlyArray<Uint8Array>> =>
  Effect.gen(function*() {
    const pieces: Array<Uint8Array> = []
    let text = "["
    for (let i = 0; i < list.length; i++) {
      text += i === 0 ? write(list[i]) : `,${write(list[i])}`
      if (text.length < pieceLength) continue
      pieces.push(encoder.encode(text))
      text = ""
      yield* nextTurn
    }
    pieces.push(encoder.encode(`${text}]`))
    return pieces
  })

const seriesEntry = (series: SeriesInfo): SeriesEntry => ({
  origin: series.origin,
  metric_type: series.metricType,
  tags: series.tags,
  ...(series.kind === undefined ? undefined : { kind: series.kind }),
  ...(series.unit === undefined ? undefined : { unit: series.unit }),
  points: series.points,
  first: series.first,
  last: series.last
})

/** Writes series as the array of `/api/series`, in pieces. */
export const seriesJson = (series: ReadonlyArray<SeriesInfo>): Effect.Effect<ReadonlyArray<Uint8Array>> =>
  listJson(series, (own) => JSON.stringify(seriesEntry(own)))

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

/** Writes the newest points as the array of `/api/latest`, in pieces. */
export const latestJson = (points: ReadonlyArray<LatestPoint>): Effect.Effect<ReadonlyArray<Uint8Array>> =>
  listJson(points, ({ fields, series, time, value }) => entryJson(series, time, value, fields))

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
