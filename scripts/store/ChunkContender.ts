import { Context, Effect, Layer, type Scope } from "effect"
import { MetricStore, type StoreQuery } from "../../src/store/MetricStore.js"
import { QueryThread } from "../../src/store/query/QueryThread.js"
import { SqliteMetricStore } from "../../src/store/SqliteMetricStore.js"
import { answerOf, type Contender } from "./Contender.js"

const stream = "bench"

/**
 * The store of this package behind `MetricStore`. `settling`: points become
 * chunks as soon as they may, so that there is an end to wait for.
 */
export const openChunks = (dataDir: string, settling: boolean): Effect.Effect<Contender, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const layer = Layer.provide(
      SqliteMetricStore.layer({ dataDir, ...(settling ? { flush: { maxAge: 1 } } : {}) }),
      QueryThread.worker(new URL("./ScanWorker.mjs", import.meta.url))
    )
    const store = Context.get(yield* Layer.build(layer), MetricStore)
    const writer = { stream, sender: "bench", owner: "", acked: 0 }
    let [{ next }] = yield* store.openStreams([writer], () => true)

    const asked = (of: "series" | "group", query: Pick<StoreQuery, "from" | "to" | "buckets">): StoreQuery => ({
      ...query,
      metricType: "value",
      tags: of === "series" ? { group: "g0", series: "s0" } : { group: "g0" },
      fields: false,
      limit: 10_000_000
    })
    const ask = (of: "series" | "group", query: Pick<StoreQuery, "from" | "to" | "buckets">) =>
      Effect.map(store.query(asked(of, query)), ({ series }) => answerOf(series.map(({ value }) => value)))
    const byMinute = { step: 60_000, aggregate: "avg" } as const

    return {
      commit: (points) => {
        const count = points.time.length
        const first = next
        next += count
        const offset: Array<number> = []
        for (let i = 0; i < count; i++) offset.push(first + i)
        return store.commit({ ...writer, acked: first, first, count, points, offset, rejected: [] })
      },
      latest: Effect.map(store.latest({}), (points) => answerOf([points.map(({ value }) => value)])),
      raw: (from, to) => ask("series", { from, to }),
      minutes: (of, from, to) => ask(of, { from, to, buckets: byMinute }),
      minutesText: (from, to) =>
        Effect.map(store.queryText(asked("group", { from, to, buckets: byMinute })), ({ giveBack }) => giveBack()),
      expire: (before) => store.expire(before),
      settle: Effect.repeat(Effect.delay(store.stats, "20 millis"), { until: ({ batches }) => batches === 0 })
    }
  })
