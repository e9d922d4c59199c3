import { Clock, Effect } from "effect"
import { nextTurn } from "../../domain/nextTurn.js"
import type { MetricStore, StoreError } from "../../store/MetricStore.js"
import type { PlainAnswer } from "../../wire/Api.js"
import { Refused } from "../Refused.js"
import type { ServerCounters } from "../ServerCounters.js"
import { MAX_EXPLAINED, noPoints, type PlainPoints, type PlainReader } from "./PlainReader.js"

// Work done in one turn of the event loop, in good items: about 1 ms. A bad
// one takes as long as twenty where all that is wrong with it is told.
const slice = 1_000
const costOfExplained = 20

// More items than this cannot be metrics that fit into a body of 8 MiB, and
// each would be answered with a refusal larger than itself.
const maxItems = 250_000

const isArray = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

const readItems = (reader: PlainReader, items: ReadonlyArray<unknown>, now: number): Effect.Effect<PlainPoints> =>
  Effect.gen(function*() {
    const points = noPoints()
    let work = 0
    for (let index = 0; index < items.length; index++) {
      if (work >= slice) {
        yield* nextTurn
        work = 0
      }
      const rejected = points.rejected.length
      reader.read(items[index], index, now, points)
      work += points.rejected.length > rejected && rejected < MAX_EXPLAINED ? costOfExplained : 1
    }
    return points
  })

const tooOld = "timestamp: is older than points of this metric type are kept"

/** What metrics of plain clients are read and stored with. */
export interface PlainParts {
  readonly store: typeof MetricStore.Service
  readonly counters: ServerCounters
  readonly reader: PlainReader
}

/**
 * Takes what a plain client sent: one metric, one point, or an array of them.
 * Every bad one is named by its place and costs its neighbours nothing; after a
 * thousand of them only the first problem of each is told. Those
 * without a timestamp get the time of arrival. Fails with status 413 when there
 * are more than 250,000.
 */
export const takePlain = (
  { counters, reader, store }: PlainParts,
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
    const { place, rejected, ...points } = yield* readItems(reader, items, yield* Clock.currentTimeMillis)
    if (place.length > 0) {
      const late = yield* counters.commits.measure(store.commitPlain(points))
      for (const one of late) rejected.push({ index: place[one], message: tooOld })
      if (late.length > 0) rejected.sort((a, b) => a.index - b.index)
    }
    const accepted = items.length - rejected.length
    counters.plainRequests++
    counters.points += accepted
    counters.rejected += rejected.length
    return { accepted, rejected }
  })
