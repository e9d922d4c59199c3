import { Clock, Effect, Either } from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"
import { type Points, pointsOf } from "../domain/Series.js"
import { decodeMetricOrPoint } from "../domain/TimeseriesPoint.js"
import type { MetricStore, StoreError } from "../store/MetricStore.js"
import type { PlainAnswer } from "../wire/Api.js"
import { nextTurn } from "../store/nextTurn.js"
import type { ServerCounters } from "./ServerCounters.js"

/** Reads JSON text, or says why it is none. */
export const parseJson = (text: string): Either.Either<unknown, string> =>
  Either.try({
    try: () => JSON.parse(text) as unknown,
    catch: (cause) => `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`
  })

// Items decoded in one turn of the event loop: about 5 ms.
const slice = 5_000

const isArray = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

const decodeItems = (items: ReadonlyArray<unknown>) =>
  Effect.gen(function*() {
    const metrics: Array<GenericMetric> = []
    const rejected: Array<{ readonly index: number; readonly message: string }> = []
    for (let from = 0; from < items.length; from += slice) {
      if (from > 0) yield* nextTurn
      const to = Math.min(items.length, from + slice)
      for (let index = from; index < to; index++) {
        const decoded = decodeMetricOrPoint(items[index])
        if (Either.isRight(decoded)) metrics.push(decoded.right)
        else rejected.push({ index, message: decoded.left })
      }
    }
    return { metrics, rejected }
  })

/**
 * Takes what a plain client sent: one metric, one point, or an array of them.
 * Every bad one is named by its place and costs its neighbours nothing. Those
 * without a timestamp get the time of arrival.
 */
export const takePlain = (
  store: typeof MetricStore.Service,
  counters: ServerCounters,
  json: unknown
): Effect.Effect<PlainAnswer, StoreError> =>
  Effect.gen(function*() {
    const { metrics, rejected } = yield* decodeItems(isArray(json) ? json : [json])
    if (metrics.length > 0) {
      const points: Points = pointsOf(metrics, yield* Clock.currentTimeMillis)
      yield* store.commitPlain(points)
    }
    counters.plainRequests++
    counters.points += metrics.length
    counters.rejected += rejected.length
    return { accepted: metrics.length, rejected }
  })
