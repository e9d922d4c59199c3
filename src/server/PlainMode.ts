import { Clock, Effect, Either } from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"
import { type Points, pointsOf } from "../domain/Series.js"
import { decodeMetricOrPoint } from "../domain/TimeseriesPoint.js"
import type { MetricStore, StoreError } from "../store/MetricStore.js"
import type { PlainAnswer } from "../wire/Api.js"
import { nextTurn } from "../domain/nextTurn.js"
import { Refused } from "./Refused.js"
import type { ServerCounters } from "./ServerCounters.js"

// Items decoded in one turn of the event loop: 1 ms of good ones, about 10 ms of bad ones.
const slice = 1_000

// More items than this cannot be metrics that fit into a body of 8 MiB, and
// each would be answered with a refusal larger than itself.
const maxItems = 250_000

const isArray = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

const decodeItems = (items: ReadonlyArray<unknown>) =>
  Effect.gen(function*() {
    const metrics: Array<GenericMetric> = []
    const places: Array<number> = []
    const rejected: Array<{ readonly index: number; readonly message: string }> = []
    for (let from = 0; from < items.length; from += slice) {
      if (from > 0) yield* nextTurn
      const to = Math.min(items.length, from + slice)
      for (let index = from; index < to; index++) {
        const decoded = decodeMetricOrPoint(items[index])
        if (Either.isRight(decoded)) {
          metrics.push(decoded.right)
          places.push(index)
        } else rejected.push({ index, message: decoded.left })
      }
    }
    return { metrics, places, rejected }
  })

const tooOld = "timestamp: is older than points of this metric type are kept"

/**
 * Takes what a plain client sent: one metric, one point, or an array of them.
 * Every bad one is named by its place and costs its neighbours nothing. Those
 * without a timestamp get the time of arrival. Fails with status 413 when there
 * are more than 250,000.
 */
export const takePlain = (
  store: typeof MetricStore.Service,
  counters: ServerCounters,
  json: unknown
): Effect.Effect<PlainAnswer, StoreError | Refused> =>
  Effect.gen(function*() {
    const items = isArray(json) ? json : [json]
    if (items.length > maxItems) {
      return yield* new Refused({
        status: 413,
        code: "too-large",
        message: `${items.length} items at once; send at most ${maxItems}`
      })
    }
    const { metrics, places, rejected } = yield* decodeItems(items)
    if (metrics.length > 0) {
      const points: Points = pointsOf(metrics, yield* Clock.currentTimeMillis)
      const late = yield* counters.commits.measure(store.commitPlain(points))
      for (const place of late) rejected.push({ index: places[place], message: tooOld })
      if (late.length > 0) rejected.sort((a, b) => a.index - b.index)
    }
    const accepted = items.length - rejected.length
    counters.plainRequests++
    counters.points += accepted
    counters.rejected += rejected.length
    return { accepted, rejected }
  })
