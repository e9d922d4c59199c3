import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import * as Http from "node:http"
import { latestJson, seriesJson } from "../../../src/server/reading/AnswerJson.js"
import { MetricStore } from "../../../src/store/MetricStore.js"
import { memoryStore, post, request, startServer } from "../TestServer.js"

const many = 20

/** A store that counts how often it was read, and lets nobody read before `open` is done. */
const gatedStore = Effect.map(Deferred.make<void>(), (open) => {
  const reads = { begun: 0 }
  const gated = <A, E>(read: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      reads.begun++
      return Effect.zipRight(Deferred.await(open), read)
    })
  const layer = Layer.effect(
    MetricStore,
    Effect.map(MetricStore, (store) => ({
      ...store,
      latest: (filter) => gated(store.latest(filter)),
      series: (filter) => gated(store.series(filter))
    }))
  ).pipe(Layer.provideMerge(memoryStore))
  return { open, reads, layer }
})

const metric = { origin: "a", metric_type: "m", value: 1 }

/** Asks so many times at once, and waits until the server has heard all of them. */
const arrived = (server: { readonly port: number }, path: string, count: number) =>
  Effect.gen(function*() {
    const askers = yield* Effect.forEach(Array.from({ length: count }), () => Effect.fork(request(server, path)))
    // These arrive after those, for connections are accepted in the order in which they were made.
    yield* Effect.repeatN(request(server, "/healthz"), 20)
    return askers
  })

/** Asks and does not read: the answer has begun. */
const askSilently = (server: { readonly port: number }, path: string) =>
  Effect.acquireRelease(
    Effect.async<Http.ClientRequest, Error>((resume) => {
      const outgoing = Http.get({ host: "127.0.0.1", port: server.port, path, agent: false }, () => {
        resume(Effect.succeed(outgoing))
      })
      outgoing.on("error", (error) => resume(Effect.fail(error)))
    }),
    (outgoing) => Effect.sync(() => outgoing.destroy())
  )

/** Stores 9,000 series of a metric type, which are listed in 10 MB: more than sockets hold for who does not read. */
const postMany = (server: { readonly port: number }) => {
  const series = Array.from({ length: 9_000 }, (_, i) => ({
    ...metric,
    metadata: { host: "h".repeat(1_000), item: String(i) }
  }))
  return Effect.forEach([0, 4_500], (from) => post(server, series.slice(from, from + 4_500)), { discard: true })
}

describe("scrapes", () => {
  it.scopedLive("are written once for all who ask at the same time, in both formats", () =>
    Effect.gen(function*() {
      const { layer, open, reads } = yield* gatedStore
      yield* Effect.gen(function*() {
        const server = yield* startServer()
        yield* post(server, metric)
        const first = yield* arrived(server, "/metrics", 1)
        const later = yield* arrived(server, "/metrics", many)
        expect(reads.begun).toBe(1)
        const openMetrics = yield* Effect.fork(
          request(server, "/metrics", { headers: { accept: "application/openmetrics-text" } })
        )
        yield* Deferred.succeed(open, undefined)
        const texts = (yield* Fiber.join(Fiber.all(later))).map(({ text }) => text)
        expect(new Set(texts).size).toBe(1)
        expect(texts[0]).toMatch(/^m\{origin="a"\} 1 \d+$/m)
        expect((yield* Fiber.join(first[0])).text).toContain("m{origin=\"a\"} 1 ")
        expect((yield* Fiber.join(openMetrics)).text).toMatch(/# EOF\n$/)
        // The first, those who came while it was written, and the other format.
        expect(reads.begun).toBe(3)
      }).pipe(Effect.provide(layer))
    }))

  it.scopedLive("go on for the others when one who asked goes away", () =>
    Effect.gen(function*() {
      const { layer, open, reads } = yield* gatedStore
      yield* Effect.gen(function*() {
        const server = yield* startServer()
        yield* post(server, metric)
        const [leaver] = yield* arrived(server, "/metrics", 1)
        const others = yield* arrived(server, "/metrics", 3)
        yield* Fiber.interrupt(leaver)
        yield* Fiber.interrupt(others[0])
        yield* Deferred.succeed(open, undefined)
        const answers = yield* Fiber.join(Fiber.all(others.slice(1)))
        expect(answers.map(({ status }) => status)).toEqual([200, 200])
        expect(reads.begun).toBe(2)
      }).pipe(Effect.provide(layer))
    }))

  it.scopedLive("show what was stored before they were asked for, whoever asked earlier", () =>
    Effect.gen(function*() {
      const { layer, open } = yield* gatedStore
      yield* Effect.gen(function*() {
        const server = yield* startServer()
        yield* arrived(server, "/metrics", 1)
        yield* post(server, metric)
        const [asker] = yield* arrived(server, "/metrics", 1)
        yield* Deferred.succeed(open, undefined)
        expect((yield* Fiber.join(asker)).text).toContain("m{origin=\"a\"} 1 ")
      }).pipe(Effect.provide(layer))
    }))

  it.scopedLive("are refused while too many bytes wait for clients that do not read, and given when these are gone", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ maxScrapeBytes: 1 })
      yield* postMany(server)
      const silent = yield* askSilently(server, "/metrics")
      const refused = yield* request(server, "/metrics")
      expect(refused).toMatchObject({ status: 503, json: { code: "busy" }, headers: { "retry-after": "5" } })
      silent.destroy()
      yield* request(server, "/metrics").pipe(Effect.repeat({ until: ({ status }) => status === 200 }))
    }).pipe(Effect.provide(memoryStore)))
})

describe("lists of series and newest points", () => {
  it.scopedLive("are read and written once for all who ask for the same at the same time", () =>
    Effect.gen(function*() {
      const { layer, open, reads } = yield* gatedStore
      yield* Effect.gen(function*() {
        const server = yield* startServer()
        yield* post(server, [metric, { ...metric, origin: "b" }])
        yield* arrived(server, "/api/series", 1)
        const later = yield* arrived(server, "/api/series", many)
        const others = yield* arrived(server, "/api/series?origin=b", many)
        const latest = yield* arrived(server, "/api/latest", many)
        yield* Deferred.succeed(open, undefined)
        const origins = (asked: typeof later) =>
          Effect.map(
            Fiber.join(Fiber.all(asked)),
            (answers) => Array.from(new Set(answers.map(({ text }) => text.match(/"origin":"."/g)?.join() ?? text)))
          )
        expect(yield* origins(later)).toEqual(["\"origin\":\"a\",\"origin\":\"b\""])
        expect(yield* origins(others)).toEqual(["\"origin\":\"b\""])
        expect(yield* origins(latest)).toEqual(["\"origin\":\"a\",\"origin\":\"b\""])
        // Two are read at a time: the first, and the first with the other filter; then for those who came meanwhile, and
        // for all who asked for the newest points.
        expect(reads.begun).toBe(5)
      }).pipe(Effect.provide(layer))
    }))

  it.scopedLive("and answers to queries are refused while too many bytes wait for clients that do not read", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ maxAnswerBytes: 1 })
      yield* postMany(server)
      const paths = ["/api/series", "/api/latest", "/api/query?metric_type=m"]
      for (const path of paths) {
        const silent = yield* askSilently(server, path)
        for (const other of paths) {
          expect(yield* request(server, other), `${other} while ${path}`).toMatchObject({
            status: 503,
            json: { code: "busy" },
            headers: { "retry-after": "5" }
          })
        }
        expect(yield* request(server, "/metrics?limit=1")).toMatchObject({ status: 200 })
        silent.destroy()
        yield* request(server, path).pipe(Effect.repeat({ until: ({ status }) => status === 200 }))
      }
    }).pipe(Effect.provide(memoryStore)))

  it.effect("are written in pieces of some 256 KiB, however long their entries are", () =>
    Effect.gen(function*() {
      const entries = (size: number) =>
        Array.from({ length: 1_000 }, (_, i) => ({
          series: { origin: "o", metricType: "m", tags: {}, key: `${i}` },
          time: i,
          value: i,
          fields: { text: "ä".repeat(size) }
        }))
      for (const [size, most] of [[1, 300_000], [4_000, 600_000]] as const) {
        const points = entries(size)
        const pieces = yield* latestJson(points)
        expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(most)
        expect(JSON.parse(Buffer.concat(pieces).toString("utf8"))).toEqual(points.map(({ fields, time, value }) => ({
          origin: "o",
          metric_type: "m",
          tags: {},
          timestamp: time,
          value,
          fields
        })))
      }
      expect(Buffer.concat(yield* seriesJson([])).toString("utf8")).toBe("[]")
    }))
})
