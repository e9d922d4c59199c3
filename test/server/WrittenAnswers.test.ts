import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import * as Http from "node:http"
import { MetricStore } from "../../src/store/MetricStore.js"
import { memoryStore, post, request, startServer } from "./TestServer.js"

const many = 20

/** A store that counts how often it was read, and lets nobody read before `open` is done. */
const gatedStore = Effect.map(Deferred.make<void>(), (open) => {
  const reads = { begun: 0 }
  const layer = Layer.effect(
    MetricStore,
    Effect.map(MetricStore, (store) => ({
      ...store,
      latest: (filter) =>
        Effect.suspend(() => {
          reads.begun++
          return Effect.zipRight(Deferred.await(open), store.latest(filter))
        })
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
      const series = Array.from({ length: 40_000 }, (_, i) => ({
        ...metric,
        metadata: { host: "h".repeat(200), item: String(i % 9_000) },
        metric_type: `m${Math.floor(i / 9_000)}`
      }))
      for (let from = 0; from < series.length; from += 10_000) yield* post(server, series.slice(from, from + 10_000))
      const silent = yield* Effect.acquireRelease(
        Effect.async<Http.ClientRequest, Error>((resume) => {
          const outgoing = Http.get({ host: "127.0.0.1", port: server.port, path: "/metrics", agent: false }, () => {
            // The answer has begun, and nobody reads it.
            resume(Effect.succeed(outgoing))
          })
          outgoing.on("error", (error) => resume(Effect.fail(error)))
        }),
        (outgoing) => Effect.sync(() => outgoing.destroy())
      )
      const refused = yield* request(server, "/metrics")
      expect(refused).toMatchObject({ status: 503, json: { code: "busy" }, headers: { "retry-after": "5" } })
      silent.destroy()
      yield* request(server, "/metrics").pipe(Effect.repeat({ until: ({ status }) => status === 200 }))
    }).pipe(Effect.provide(memoryStore)))
})
