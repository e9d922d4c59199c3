import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import * as Http from "node:http"
import type { Points } from "../../src/domain/Series.js"
import { liveEvents } from "../../src/server/Live.js"
import { LiveAudiences } from "../../src/server/reading/LiveAudiences.js"
import { ServerCounters } from "../../src/server/ServerCounters.js"
import { MetricStore, type SeriesFilter, type StoreMatcher } from "../../src/store/MetricStore.js"
import { memoryStore, post, startServer } from "./TestServer.js"

const decoder = new TextDecoder()

const pointsOfOne = (many: number): Points => {
  const series = { origin: "o", metricType: "m", tags: {}, key: "k" }
  return {
    series: Array.from({ length: many }, () => series),
    time: Array.from({ length: many }, (_, i) => i),
    value: Array.from({ length: many }, () => 1),
    fields: Array.from({ length: many }, () => undefined)
  }
}

/** A matcher that counts the points it is asked about: what is written. */
const countingMatcher = (): StoreMatcher & { written: number } => {
  const own = {
    written: 0,
    prepare: () => Effect.void,
    matches: () => {
      own.written++
      return true
    }
  }
  return own
}

describe("live events", () => {
  it.scopedLive("are written as they are read: a reader that stands still costs an event or two, not a commit", () =>
    Effect.gen(function*() {
      const many = 100_000
      const points = pointsOfOne(many)
      const store = {
        ...(yield* MetricStore),
        live: () => Stream.make({ sequence: 1, points }, { sequence: 2, points })
      }
      const matcher = countingMatcher()
      const events = liveEvents(
        store,
        new ServerCounters(),
        new LiveAudiences(1_000_000).join({}, matcher),
        yield* Deferred.make<void>()
      )
      const pull = yield* events.pipe(
        Stream.map((bytes) => decoder.decode(bytes)),
        Stream.filter((text) => text.startsWith("event: metrics")),
        Stream.toPull
      )
      let read = 0
      const readOne = Effect.map(pull, (texts) => {
        for (const text of Chunk.toReadonlyArray(texts)) read += text.match(/"timestamp"/g)?.length ?? 0
      })
      yield* Effect.repeat(readOne, { until: () => read > 0 })
      yield* Effect.sleep("50 millis")
      expect(matcher.written).toBeGreaterThanOrEqual(1_000)
      expect(matcher.written).toBeLessThanOrEqual(4_000)
      yield* Effect.repeat(readOne, { until: () => read >= 2 * many })
      expect([read, matcher.written]).toEqual([2 * many, 2 * many])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("end when the store does", () =>
    Effect.gen(function*() {
      const events = liveEvents(
        { ...(yield* MetricStore), live: () => Stream.die(new Error("closed")) },
        new ServerCounters(),
        new LiveAudiences(1_000_000).join({}, countingMatcher()),
        yield* Deferred.make<void>()
      )
      expect(Exit.isFailure(yield* Effect.exit(Stream.runDrain(events)))).toBe(true)
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("cost one text a commit and filter, however many read them", () =>
    Effect.gen(function*() {
      const store = yield* MetricStore
      const matchers: Array<ReturnType<typeof countingMatcher>> = []
      const counting = {
        ...store,
        matcher: () =>
          Effect.sync(() => {
            const matcher = countingMatcher()
            matchers.push(matcher)
            return matcher
          })
      }
      const server = yield* Effect.provideService(startServer(), MetricStore, counting)
      const readers = 20
      const read = (path: string) =>
        Effect.acquireRelease(
          Effect.async<{ readonly texts: Array<string>; readonly request: Http.ClientRequest }, Error>((resume) => {
            const texts: Array<string> = []
            const request = Http.get({ host: "127.0.0.1", port: server.port, path, agent: false }, (response) => {
              response.setEncoding("utf8")
              response.on("data", (text: string) => {
                texts.push(text)
                // The first beat: it reads.
                if (text.includes("event: beat")) resume(Effect.succeed({ texts, request }))
              })
            })
            request.on("error", (error) => resume(Effect.fail(error)))
          }),
          ({ request }) => Effect.sync(() => request.destroy())
        )
      const same = yield* Effect.all(Array.from({ length: readers }, () => read("/api/live?origin=o")), {
        concurrency: "unbounded"
      })
      const other = yield* read("/api/live?metric_type=m")
      for (let i = 0; i < 3; i++) {
        yield* post(server, Array.from({ length: 10 }, (_, n) => ({ origin: "o", metric_type: "m", value: n })))
      }
      const heard = ({ texts }: { readonly texts: ReadonlyArray<string> }) =>
        texts.join("").match(/"timestamp"/g)?.length ?? 0
      yield* Effect.sleep("5 millis").pipe(
        Effect.repeat({ until: () => [...same, other].every((one) => heard(one) === 30) })
      )
      // The points of three commits, once for each of the two filters.
      expect(matchers.reduce((sum, { written }) => sum + written, 0)).toBe(2 * 30)
    }).pipe(Effect.provide(memoryStore)))
})

describe("LiveAudiences", () => {
  const points = pointsOfOne(2_500)

  const joined = (audiences: LiveAudiences, filter: SeriesFilter, matcher: StoreMatcher) =>
    Effect.map(Scope.make(), (scope) => ({
      audience: Scope.extend(audiences.join(filter, matcher), scope),
      leave: Scope.close(scope, Exit.void)
    })).pipe(Effect.flatMap(({ audience, leave }) => Effect.map(audience, (own) => ({ ...own, leave }))))

  it.effect("write what a reader asks for once for all, in the matcher of the first, and again what was forgotten", () =>
    Effect.gen(function*() {
      const audiences = new LiveAudiences(300_000)
      const matcher = countingMatcher()
      const unused = countingMatcher()
      const one = yield* joined(audiences, { origin: "o" }, matcher)
      const two = yield* joined(audiences, { origin: "o" }, unused)
      const [first, again] = yield* Effect.all([
        one.event({ sequence: 1, points }, 0),
        two.event({ sequence: 1, points }, 0)
      ], { concurrency: 2 })
      expect(again.bytes).toBe(first.bytes)
      expect([first.to, matcher.written, unused.written]).toEqual([1_000, 1_000, 0])
      expect((yield* two.event({ sequence: 1, points }, 2_000)).to).toBe(2_500)
      expect(matcher.written).toBe(1_500)
      // Some 75 kB each: the first is forgotten.
      for (let sequence = 2; sequence < 6; sequence++) yield* one.event({ sequence, points }, 0)
      expect(matcher.written).toBe(5_500)
      yield* two.event({ sequence: 5, points }, 0)
      expect(matcher.written).toBe(5_500)
      yield* two.event({ sequence: 1, points }, 0)
      expect(matcher.written).toBe(6_500)
    }))

  it.effect("go on for the others when who writes goes away", () =>
    Effect.gen(function*() {
      const audiences = new LiveAudiences(1_000_000)
      const begun = yield* Deferred.make<void>()
      let prepared = 0
      const matcher = {
        ...countingMatcher(),
        prepare: () =>
          Effect.suspend(() =>
            prepared++ === 0 ? Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never) : Effect.void
          )
      }
      const one = yield* joined(audiences, {}, matcher)
      const two = yield* joined(audiences, {}, matcher)
      const writing = yield* Effect.fork(one.event({ sequence: 1, points }, 0))
      yield* Deferred.await(begun)
      const waiting = yield* Effect.fork(two.event({ sequence: 1, points }, 0))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(writing)
      yield* one.leave
      expect((yield* Fiber.join(waiting)).to).toBe(1_000)
    }))

  it.effect("keep nothing when nobody reads any more, and no other's filter", () =>
    Effect.gen(function*() {
      const audiences = new LiveAudiences(1_000_000)
      const read = (matcher: StoreMatcher, filter: SeriesFilter) =>
        Effect.gen(function*() {
          const one = yield* joined(audiences, filter, matcher)
          const two = yield* joined(audiences, filter, matcher)
          yield* one.event({ sequence: 1, points }, 0)
          yield* Effect.zipRight(one.leave, two.leave)
        })
      const matchers = [countingMatcher(), countingMatcher(), countingMatcher()]
      const stays = yield* joined(audiences, { origin: "stays" }, countingMatcher())
      yield* read(matchers[0], { origin: "a" })
      yield* read(matchers[1], { origin: "b" })
      yield* read(matchers[2], { origin: "a" })
      yield* stays.leave
      expect(matchers.map(({ written }) => written)).toEqual([1_000, 1_000, 1_000])
    }))
})
