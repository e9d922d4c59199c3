import { Chunk, Clock, Effect, Fiber, Stream } from "effect"
import * as assert from "node:assert/strict"
import type { Aggregate } from "../domain/Aggregate.js"
import type { JsonObject } from "../domain/Json.js"
import { makeSeries, type Points, type Series } from "../domain/Series.js"
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from "../domain/Timestamp.js"
import {
  MetricStore,
  type QueryAnswer,
  type Rejection,
  type StoreQuery,
  type StreamBatch,
  type StreamWriter,
  type TagCondition
} from "../store/MetricStore.js"

/**
 * A check of a store; `run` fails when it does not hold. It sleeps by the
 * Clock, up to eleven days: drive a TestClock beside it that begins in this century.
 */
export interface StoreCheck {
  readonly name: string
  readonly run: Effect.Effect<void, unknown, MetricStore>
}

type Store = typeof MetricStore.Service

const check = (name: string, body: (store: Store) => Effect.Effect<void, unknown>): StoreCheck => ({
  name,
  run: Effect.flatMap(MetricStore, body)
})

/** A point as the suite writes it. */
type Point = readonly [series: Series, time: number, value: number, fields?: JsonObject]

const pointsOf = (list: ReadonlyArray<Point>): Points => ({
  series: list.map(([series]) => series),
  time: list.map(([, time]) => time),
  value: list.map(([, , value]) => value),
  fields: list.map(([, , , fields]) => fields)
})

const writer = (changes: Partial<StreamWriter> = {}): StreamWriter => ({
  stream: "stream-1",
  sender: "sender-1",
  owner: "",
  acked: 0,
  ...changes
})

const openOne = (store: Store, writer: StreamWriter, isCurrentOwner: (owner: string) => boolean) =>
  Effect.map(store.openStreams([writer], isCurrentOwner), ([opened]) => opened)

/** A batch whose points and rejections cover the offsets from `first` on without a hole. */
const batch = (
  first: number,
  list: ReadonlyArray<Point>,
  rejected: ReadonlyArray<Rejection> = [],
  changes: Partial<StreamWriter> = {}
): StreamBatch => {
  const refused = new Set(rejected.map(([offset]) => offset))
  const count = list.length + rejected.length
  const offset = Array.from({ length: count }, (_, i) => first + i).filter((o) => !refused.has(o))
  return { ...writer(changes), first, count, points: pointsOf(list), offset, rejected }
}

const t0 = 1_700_000_000_000
const a = makeSeries("suite", "load", { host: "a", zone: "north" })
const b = makeSeries("suite", "load", { host: "b", zone: "north" })
const c = makeSeries("other", "load", { host: "c" })
const d = makeSeries("suite", "heat", {})

/** `count` points of one series, a second apart, with the values 0, 1, 2… */
const run = (series: Series, count: number, from = 0): ReadonlyArray<Point> =>
  Array.from({ length: count }, (_, i) => [series, t0 + (from + i) * 1000, from + i])

const everything: StoreQuery = { from: MIN_TIMESTAMP, to: MAX_TIMESTAMP + 1, limit: 1_000_000 }

/** The answer as `host: [[seconds since t0, value], …]`. */
const shape = (answer: QueryAnswer): { readonly [host: string]: ReadonlyArray<readonly [number, number]> } =>
  Object.fromEntries(answer.series.map(({ metricType, tags, time, value }) => [
    tags["host"] ?? metricType,
    time.map((t, i) => [(t - t0) / 1000, value[i]] as const)
  ]))

/** What the text of an answer says. */
const parsedText = (pieces: ReadonlyArray<Uint8Array>): unknown => JSON.parse(Buffer.concat(pieces).toString("utf8"))

/** An answer as `GET /api/query` gives it. */
const wireForm = (answer: QueryAnswer, { fields: withFields = true }: StoreQuery): unknown => ({
  series: answer.series.map(({ fields, metricType, origin, tags, time, value }) => ({
    origin,
    metric_type: metricType,
    tags,
    points: time.map((at, i) => withFields ? [at, value[i], fields[i] ?? {}] : [at, value[i]])
  })),
  truncated: answer.truncated,
  ...(answer.overflow === undefined ? {} : { overflow: answer.overflow }),
  ...(answer.cursor === undefined ? {} : { cursor: answer.cursor })
})

const valuesOf = (store: Store, query: Partial<StoreQuery> = {}) =>
  Effect.map(store.query({ ...everything, ...query }), ({ series }) => series.flatMap(({ value }) => value))

const tenDays = 10 * 86_400_000

/** All pages of a query, each of which must hold its limit. */
const pages = (store: Store, query: StoreQuery): Effect.Effect<ReadonlyArray<QueryAnswer>, unknown> =>
  Effect.gen(function*() {
    const all: Array<QueryAnswer> = []
    let cursor: string | undefined
    do {
      const answer = yield* store.query({ ...query, cursor })
      const points = answer.series.reduce((sum, { time }) => sum + time.length, 0)
      assert.ok(points <= query.limit, `${points} points, the limit is ${query.limit}`)
      assert.equal(answer.cursor !== undefined, answer.truncated)
      if (answer.truncated) assert.equal(points, query.limit)
      all.push(answer)
      cursor = answer.cursor
    } while (cursor !== undefined)
    return all
  })

const aggregated = (store: Store, aggregate: Aggregate, step: number, by?: ReadonlyArray<string>) =>
  Effect.map(
    store.query({ ...everything, metricType: "load", buckets: { step, aggregate, by } }),
    ({ series }) => series.map(({ origin, tags, time, value }) => ({ origin, tags, time, value }))
  )

const streams: ReadonlyArray<StoreCheck> = [
  check("a stream that was never seen begins at 0", (store) =>
    Effect.gen(function*() {
      assert.deepEqual(yield* openOne(store, writer(), () => true), { next: 0, rejected: [] })
    })),
  check("batches that follow each other are stored, and next moves with them", (store) =>
    Effect.gen(function*() {
      assert.deepEqual(yield* store.commit(batch(0, run(a, 3))), {
        _tag: "Committed",
        next: 3,
        rejected: [],
        stored: 3
      })
      assert.deepEqual(yield* store.commit(batch(3, run(a, 2, 3))), {
        _tag: "Committed",
        next: 5,
        rejected: [],
        stored: 2
      })
      assert.deepEqual(yield* openOne(store, writer(), () => true), { next: 5, rejected: [] })
      assert.deepEqual(yield* valuesOf(store), [0, 1, 2, 3, 4])
    })),
  check("a batch that begins too late takes nothing", (store) =>
    Effect.gen(function*() {
      yield* store.commit(batch(0, run(a, 3)))
      assert.deepEqual(yield* store.commit(batch(4, run(a, 1, 4))), { _tag: "Gap", next: 3 })
      assert.deepEqual(yield* valuesOf(store), [0, 1, 2])
      assert.equal((yield* store.streams)[0].next, 3)
    })),
  check("a batch that was sent again is answered alike and stored once", (store) =>
    Effect.gen(function*() {
      yield* store.commit(batch(0, run(a, 3)))
      assert.deepEqual(yield* store.commit(batch(0, run(a, 3))), {
        _tag: "Committed",
        next: 3,
        rejected: [],
        stored: 0
      })
      assert.deepEqual(yield* valuesOf(store), [0, 1, 2])
    })),
  check("of a batch that overlaps only the new part is stored", (store) =>
    Effect.gen(function*() {
      yield* store.commit(batch(0, run(a, 3)))
      const answer = yield* store.commit(batch(1, run(a, 4, 1)))
      assert.deepEqual(answer, { _tag: "Committed", next: 5, rejected: [], stored: 2 })
      assert.deepEqual(yield* valuesOf(store), [0, 1, 2, 3, 4])
    })),
  check("one batch over two connections at once is stored once", (store) =>
    Effect.gen(function*() {
      const answers = yield* Effect.all(
        [store.commit(batch(0, run(a, 5))), store.commit(batch(0, run(a, 5))), store.commit(batch(2, run(a, 5, 2)))],
        { concurrency: "unbounded" }
      )
      assert.deepEqual(answers.map((answer) => answer.next), [5, 5, 7])
      assert.deepEqual(yield* valuesOf(store), [0, 1, 2, 3, 4, 5, 6])
    })),
  check("streams know nothing of each other", (store) =>
    Effect.gen(function*() {
      const names = Array.from({ length: 20 }, (_, i) => `stream-${i}`)
      yield* Effect.forEach(
        names,
        (stream, i) =>
          store.commit(batch(0, [[a, t0, i], [makeSeries("suite", "own", { stream }), t0, i]], [], { stream })),
        { concurrency: "unbounded", discard: true }
      )
      assert.deepEqual(
        new Map((yield* store.streams).map(({ next, stream }) => [stream, next])),
        new Map(names.map((name) => [name, 2]))
      )
      assert.deepEqual(
        (yield* valuesOf(store, { metricType: "load" })).toSorted((x, y) => x - y),
        names.map((_, i) => i)
      )
      assert.equal((yield* store.series({ metricType: "own" })).length, 20)
    })),
  check("rejections are repeated until the sender knows them, and kept as losses", (store) =>
    Effect.gen(function*() {
      const rejected: ReadonlyArray<Rejection> = [[1, "value: no"], [2, "value: no"], [4, "time: no"]]
      const first = yield* store.commit(batch(0, run(a, 2), rejected))
      assert.deepEqual(first, { _tag: "Committed", next: 5, rejected, stored: 2 })
      const again = yield* store.commit(batch(0, run(a, 2), rejected))
      assert.deepEqual(again, { _tag: "Committed", next: 5, rejected, stored: 0 })
      assert.deepEqual((yield* openOne(store, writer({ acked: 2 }), () => true)).rejected, rejected.slice(1))
      const next = yield* store.commit(batch(5, run(a, 1, 5), [[6, "late"]], { acked: 5 }))
      assert.deepEqual(next, { _tag: "Committed", next: 7, rejected: [[6, "late"]], stored: 1 })
      assert.deepEqual((yield* openOne(store, writer({ acked: 7 }), () => true)).rejected, [])
      assert.equal((yield* store.streams)[0].rejected, 4)
      const losses = yield* store.losses(10)
      assert.deepEqual(
        losses.map(({ count, fromOffset, reason, toOffset }) => [reason, fromOffset, toOffset, count]),
        [["rejected: late", 6, 7, 1], ["rejected: time: no", 4, 5, 1], ["rejected: value: no", 1, 3, 2]]
      )
      assert.deepEqual((yield* store.losses(1)).map(({ fromOffset }) => fromOffset), [6])
    })),
  check("of an overlapping batch only the new rejections count", (store) =>
    Effect.gen(function*() {
      yield* store.commit(batch(0, run(a, 1), [[1, "no"]]))
      yield* store.commit(batch(1, run(a, 1), [[1, "no"], [3, "no"]]))
      assert.equal((yield* store.streams)[0].rejected, 2)
      assert.deepEqual((yield* store.losses(9)).map(({ fromOffset }) => fromOffset), [3, 1])
    })),
  check("a stream belongs to the token that opened it", (store) =>
    Effect.gen(function*() {
      yield* store.commit(batch(0, run(a, 2), [], { owner: "token-1" }))
      const other = { owner: "token-2" }
      const refused = { _tag: "StreamOwnedError", stream: "stream-1" }
      const errors = [
        yield* Effect.flip(store.commit(batch(2, run(a, 2), [], other))),
        yield* Effect.flip(store.skip(writer(other), 2, 3, "no")),
        yield* Effect.flip(openOne(store, writer(other), () => true))
      ]
      for (const error of errors) assert.deepEqual({ ...error }, refused)
      assert.deepEqual(yield* valuesOf(store), [0, 1])
      assert.deepEqual(yield* store.losses(9), [])
    })),
  check("a token that is no longer known gives its streams to the next", (store) =>
    Effect.gen(function*() {
      yield* store.commit(batch(0, run(a, 2), [], { owner: "token-1" }))
      const opened = yield* openOne(store, writer({ owner: "token-2" }), (owner) => owner === "token-2")
      assert.equal(opened.next, 2)
      assert.equal((yield* store.commit(batch(2, run(a, 1, 2), [], { owner: "token-2" }))).next, 3)
      const error = yield* Effect.flip(store.commit(batch(3, run(a, 1, 3), [], { owner: "token-1" })))
      assert.equal(error._tag, "StreamOwnedError")
    })),
  check(
    "streams are opened together, each as it stands, and none where one belongs to another token",
    (store) =>
      Effect.gen(function*() {
        yield* store.commit(batch(0, run(a, 2), [[2, "no"]], { stream: "known" }))
        const names = ["new", "known", "newer"]
        const opened = yield* store.openStreams(names.map((stream) => writer({ stream })), () => true)
        assert.deepEqual(opened, [{ next: 0, rejected: [] }, { next: 3, rejected: [[2, "no"]] }, {
          next: 0,
          rejected: []
        }])
        const seen = Effect.map(store.streams, (streams) => streams.map(({ stream }) => stream).toSorted())
        assert.deepEqual(yield* seen, names.toSorted())
        const others = ["newest", "known"].map((stream) => writer({ stream, owner: "token-2" }))
        const error = yield* Effect.flip(store.openStreams(others, () => true))
        assert.deepEqual({ ...error }, { _tag: "StreamOwnedError", stream: "known" })
        assert.deepEqual(yield* seen, names.toSorted())
      })
  ),
  check("what is skipped is a loss, and the stream goes on behind it", (store) =>
    Effect.gen(function*() {
      yield* store.commit(batch(0, run(a, 2)))
      const skipped = yield* store.skip(writer(), 2, 10, "drop-oldest")
      assert.deepEqual(skipped, { _tag: "Committed", next: 10, rejected: [], stored: 0 })
      // Said again, and said of what has come: no second loss.
      assert.equal((yield* store.skip(writer(), 2, 10, "drop-oldest")).next, 10)
      assert.equal((yield* store.skip(writer(), 0, 2, "drop-oldest")).next, 10)
      assert.deepEqual(yield* store.skip(writer(), 11, 12, "drop-oldest"), { _tag: "Gap", next: 10 })
      assert.equal((yield* store.skip(writer(), 8, 12, "more")).next, 12)
      assert.equal((yield* store.commit(batch(12, run(a, 1, 2)))).next, 13)
      assert.deepEqual(
        (yield* store.losses(9)).map((
          { count, fromOffset, reason, sender, toOffset }
        ) => [reason, fromOffset, toOffset, count, sender]),
        [["more", 10, 12, 2, "sender-1"], ["drop-oldest", 2, 10, 8, "sender-1"]]
      )
    })),
  check(
    "an offset that tells of a collector's loss is one once, and counts as no metric",
    (store) =>
      Effect.gen(function*() {
        yield* store.commit(batch(0, run(a, 2)))
        const loss = { generator: "system", count: 17, from: 1_000, to: 2_000 }
        for (let times = 0; times < 2; times++) {
          assert.equal((yield* store.skip(writer(), 2, 3, "missed-tick", loss)).next, 3)
        }
        assert.deepEqual(yield* store.skip(writer(), 4, 5, "missed-tick", loss), { _tag: "Gap", next: 3 })
        assert.equal((yield* store.skip(writer(), 3, 4, "unclean-end", { ...loss, count: null })).next, 4)
        yield* store.skip(writer(), 4, 9, "drop-oldest")
        assert.deepEqual(
          (yield* store.losses(9)).map(({ count, fromOffset, generator, reason, timeFrom, timeTo, toOffset }) => [
            reason,
            fromOffset,
            toOffset,
            count,
            generator,
            timeFrom,
            timeTo
          ]),
          [
            ["drop-oldest", 4, 9, 5, null, null, null],
            ["unclean-end", 3, 4, null, "system", 1_000, 2_000],
            ["missed-tick", 2, 3, 17, "system", 1_000, 2_000]
          ]
        )
        const [{ declarations, lost, next, rejected }] = yield* store.streams
        assert.deepEqual({ declarations, lost, next, rejected }, { declarations: 2, lost: 5, next: 9, rejected: 0 })
      })
  ),
  check("first and last sight of a stream are kept", (store) =>
    Effect.gen(function*() {
      const first = yield* Clock.currentTimeMillis
      yield* store.commit(batch(0, run(a, 1)))
      yield* Effect.sleep("1 minute")
      yield* store.commit(batch(1, run(a, 1)))
      const [info] = yield* store.streams
      assert.ok(info.firstSeen >= first)
      assert.ok(info.lastSeen >= info.firstSeen + 60_000)
      assert.equal(info.sender, "sender-1")
      assert.ok(!("owner" in info))
    }))
]

const points: ReadonlyArray<StoreCheck> = [
  check("late, out of order, of equal time, alike: every point is kept", (store) =>
    Effect.gen(function*() {
      const list: ReadonlyArray<Point> = [
        [a, t0 + 5000, 1],
        [a, t0 + 1000, 2],
        [a, t0 + 5000, 3],
        [a, t0 + 5000, 3],
        [a, t0 - 86_400_000, 4],
        [b, t0 + 5000, 5],
        [a, t0 + 2000, 6]
      ]
      yield* store.commit(batch(0, list))
      yield* store.commitPlain(pointsOf([[a, t0 + 5000, 3], [a, t0 + 1500, 7]]))
      assert.deepEqual(shape(yield* store.query(everything)), {
        a: [[-86_400, 4], [1, 2], [1.5, 7], [2, 6], [5, 1], [5, 3], [5, 3], [5, 3]],
        b: [[5, 5]]
      })
    })),
  check("points of plain mode are stored beside the streams", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf(run(a, 2)))
      yield* store.commitPlain(pointsOf([]))
      assert.deepEqual(yield* valuesOf(store), [0, 1])
      assert.deepEqual(yield* store.streams, [])
    })),
  check("values, times, tags and fields come back exactly", (store) =>
    Effect.gen(function*() {
      const strange = makeSeries("ørigin \u0000 \"quoted\"", "типа", { "10": "ten", "9": "nine", "": "empty", z: "🎲" })
      const values = [0, 5e-324, -5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, 0.1, 1 / 3, -1e-308, 2 ** 53 + 2, -17]
      const fields: JsonObject = { ply: 31, game: { id: "x", moves: ["e4", null, true] }, "10": -0.5, text: "é\n" }
      const times = [
        MIN_TIMESTAMP,
        MIN_TIMESTAMP + 1,
        -1,
        0,
        1,
        t0,
        t0,
        MAX_TIMESTAMP - 1,
        MAX_TIMESTAMP,
        MAX_TIMESTAMP
      ]
      yield* store.commit(
        batch(
          0,
          values.map((value, i) => i % 3 === 0 ? [strange, times[i], value, fields] : [strange, times[i], value])
        )
      )
      const { series: [own] } = yield* store.query(everything)
      assert.deepEqual([own.origin, own.metricType, own.tags], [strange.origin, strange.metricType, strange.tags])
      assert.deepEqual(own.time, times)
      assert.deepEqual(own.value, values)
      assert.deepEqual(own.fields, values.map((_, i) => i % 3 === 0 ? fields : undefined))
    })),
  check("kind and unit of a series are kept and do not part it", (store) =>
    Effect.gen(function*() {
      const hinted = makeSeries("suite", "load", a.tags, { kind: "gauge", unit: "percent" })
      yield* store.commitPlain(pointsOf([[hinted, t0, 1], [a, t0 + 1, 2]]))
      const [info, ...more] = yield* store.series({})
      assert.deepEqual(more, [])
      assert.deepEqual([info.kind, info.unit, info.points], ["gauge", "percent", 2])
    }))
]

const queries: ReadonlyArray<StoreCheck> = [
  check("an empty store answers with nothing", (store) =>
    Effect.gen(function*() {
      assert.deepEqual(yield* store.query(everything), { series: [], truncated: false })
      assert.deepEqual(yield* store.query({ ...everything, buckets: { step: 1000, aggregate: "avg" } }), {
        series: [],
        truncated: false
      })
      assert.deepEqual(yield* store.series({}), [])
      assert.deepEqual(yield* store.latest({}), [])
      assert.deepEqual(yield* store.losses(10), [])
      assert.equal(yield* store.expire(MAX_TIMESTAMP), 0)
    })),
  check("filters by metric type, origin and tags, each absent part matching all", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf([[a, t0, 1], [b, t0, 2], [c, t0, 3], [d, t0, 4]]))
      const hosts = (filter: Partial<StoreQuery>) =>
        Effect.map(store.query({ ...everything, ...filter }), (answer) => Object.keys(shape(answer)).sort())
      assert.deepEqual(yield* hosts({}), ["a", "b", "c", "heat"])
      assert.deepEqual(yield* hosts({ metricType: "load" }), ["a", "b", "c"])
      assert.deepEqual(yield* hosts({ origin: "suite" }), ["a", "b", "heat"])
      assert.deepEqual(yield* hosts({ tags: { zone: "north" } }), ["a", "b"])
      assert.deepEqual(yield* hosts({ tags: { zone: "north", host: "b" } }), ["b"])
      assert.deepEqual(yield* hosts({ tags: { zone: "south" } }), [])
      assert.deepEqual(yield* hosts({ tags: { constructor: "x" } }), [])
      assert.deepEqual(yield* hosts({ metricType: "heat", tags: { host: "a" } }), [])
    })),
  check(
    "filters by what tags are not, any of several values, and patterns for whole values",
    (store) =>
      Effect.gen(function*() {
        yield* store.commitPlain(pointsOf([[a, t0, 1], [b, t0, 2], [c, t0, 3], [d, t0, 4]]))
        const hosts = (...where: ReadonlyArray<TagCondition>) =>
          Effect.map(store.query({ ...everything, where }), (answer) => Object.keys(shape(answer)).sort())
        assert.deepEqual(yield* hosts({ _tag: "AnyOf", key: "host", values: ["a", "c", "x"] }), ["a", "c"])
        assert.deepEqual(yield* hosts({ _tag: "AnyOf", key: "host", values: [] }), [])
        assert.deepEqual(yield* hosts({ _tag: "NoneOf", key: "host", values: ["a", "c"] }), ["b", "heat"])
        assert.deepEqual(yield* hosts({ _tag: "Matches", key: "host", pattern: "[ab]" }), ["a", "b"])
        assert.deepEqual(yield* hosts({ _tag: "Matches", key: "zone", pattern: "nor" }), [])
        assert.deepEqual(yield* hosts({ _tag: "MatchesNot", key: "zone", pattern: "n.*" }), ["c", "heat"])
        assert.deepEqual(
          yield* hosts({ _tag: "Matches", key: "zone", pattern: "n.*" }, {
            _tag: "NoneOf",
            key: "host",
            values: ["a"]
          }),
          ["b"]
        )
        const where: ReadonlyArray<TagCondition> = [{ _tag: "Matches", key: "host", pattern: "b|c" }]
        assert.equal((yield* store.series({ where })).length, 2)
        assert.equal((yield* store.latest({ where })).length, 2)
      })
  ),
  check(
    "a pattern that cannot be read or takes for ever is refused, and stops nobody",
    (store) =>
      Effect.gen(function*() {
        yield* store.commitPlain(pointsOf([[makeSeries("suite", "load", { host: `${"a".repeat(60)}!` }), t0, 1]]))
        for (const pattern of ["(", "(a+)+b|(a*)*c", "x".repeat(5000)]) {
          const where: ReadonlyArray<TagCondition> = [{ _tag: "Matches", key: "host", pattern }]
          for (
            const error of [
              yield* Effect.flip(store.query({ ...everything, where })),
              yield* Effect.flip(store.series({ where }))
            ]
          ) {
            assert.equal(error._tag, "QueryError")
            assert.match(error.message, /pattern for tag host/)
          }
        }
      })
  ),
  check("from is inside, to is outside", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf(run(a, 10)))
      assert.deepEqual(yield* valuesOf(store, { from: t0 + 2000, to: t0 + 5000 }), [2, 3, 4])
      assert.deepEqual(yield* valuesOf(store, { from: t0 + 2000, to: t0 + 2000 }), [])
      assert.deepEqual(yield* valuesOf(store, { from: t0 + 2001, to: t0 + 5001 }), [3, 4, 5])
    })),
  check("raw points go on at the cursor, also through equal times", (store) =>
    Effect.gen(function*() {
      const list: ReadonlyArray<Point> = [
        ...run(a, 7),
        ...run(b, 7),
        ...Array.from({ length: 9 }, (_, i): Point => [i % 2 === 0 ? b : a, t0 + 3000, 100 + i])
      ]
      yield* store.commitPlain(pointsOf(list))
      const whole = yield* store.query(everything)
      for (let limit = 1; limit <= 24; limit++) {
        const all = yield* pages(store, { ...everything, limit })
        const joined = new Map<string, Array<readonly [number, number]>>()
        for (const page of all) {
          for (const [host, own] of Object.entries(shape(page))) joined.set(host, [...joined.get(host) ?? [], ...own])
        }
        assert.deepEqual(Object.fromEntries(joined), shape(whole))
      }
    })),
  check("a cursor stays exact while points come in", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf(run(a, 4)))
      yield* store.commitPlain(pointsOf(run(b, 4)))
      const first = yield* store.query({ ...everything, limit: 5 })
      assert.deepEqual(shape(first), { a: [[0, 0], [1, 1], [2, 2]], b: [[0, 0], [1, 1]] })
      yield* store.commitPlain(pointsOf([[a, t0, 9], [b, t0 + 2000, 9], [a, t0 + 3000, 9]]))
      const rest = yield* store.query({ ...everything, limit: 50, cursor: first.cursor })
      assert.deepEqual(shape(rest), { a: [[3, 3], [3, 9]], b: [[2, 2], [2, 9], [3, 3]] })
    })),
  check("buckets hold what their aggregate says", (store) =>
    Effect.gen(function*() {
      // 1, 4, 2 in the first ten seconds; the third is the latest, though not the last to come.
      yield* store.commitPlain(pointsOf([
        [a, t0 + 1000, 1],
        [a, t0 + 9000, 2],
        [a, t0 + 5000, 4],
        [a, t0 + 10_000, -3]
      ]))
      const values = (aggregate: Aggregate) =>
        Effect.map(aggregated(store, aggregate, 10_000), ([{ time, value }]) => {
          assert.deepEqual(time, [t0, t0 + 10_000])
          return value
        })
      assert.deepEqual(yield* values("avg"), [7 / 3, -3])
      assert.deepEqual(yield* values("min"), [1, -3])
      assert.deepEqual(yield* values("max"), [4, -3])
      assert.deepEqual(yield* values("sum"), [7, -3])
      assert.deepEqual(yield* values("count"), [3, 1])
      assert.deepEqual(yield* values("last"), [2, -3])
    })),
  check("percentiles lie on the line between two points", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf(Array.from({ length: 101 }, (_, i): Point => [a, t0 + i, 100 - i])))
      yield* store.commitPlain(pointsOf([[a, t0 + 1000, 7], [a, t0 + 2000, 1], [a, t0 + 2001, 2]]))
      const values = (aggregate: Aggregate) => Effect.map(aggregated(store, aggregate, 1000), ([{ value }]) => value)
      assert.deepEqual(yield* values("p50"), [50, 7, 1.5])
      assert.deepEqual(yield* values("p95"), [95, 7, 1.95])
      assert.deepEqual(yield* values("p99"), [99, 7, 1.99])
    })),
  check(
    "rate is the growth of counters per second, over restarts, late points and groups",
    (store) =>
      Effect.gen(function*() {
        yield* store.commitPlain(pointsOf([
          [a, t0, 100],
          [a, t0 + 4000, 140],
          [a, t0 + 12_000, 10],
          [a, t0 + 8000, 160],
          [b, t0 + 1000, 0],
          [b, t0 + 2000, 5],
          [c, t0 + 2000, 5]
        ]))
        assert.deepEqual(yield* aggregated(store, "rate", 10_000), [
          { origin: "suite", tags: a.tags, time: [t0, t0 + 10_000], value: [6, 1] },
          { origin: "suite", tags: b.tags, time: [t0], value: [0.5] }
        ])
        assert.deepEqual(yield* aggregated(store, "rate", 10_000, ["zone"]), [
          { origin: "suite", tags: { zone: "north" }, time: [t0, t0 + 10_000], value: [6.5, 1] }
        ])
      })
  ),
  check("buckets are aligned to the epoch, also before it", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf([[a, -1, 1], [a, 0, 2], [a, 6999, 3], [a, 7000, 4], [a, -7000, 5]]))
      const [{ time, value }] = yield* aggregated(store, "sum", 7000)
      assert.deepEqual(time, [-7000, 0, 7000])
      assert.deepEqual(value, [6, 5, 4])
    })),
  check("a bucket that the interval cuts holds only what lies inside", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf(run(a, 30)))
      const { series: [{ time, value }] } = yield* store.query({
        ...everything,
        from: t0 + 5000,
        to: t0 + 15_000,
        buckets: { step: 10_000, aggregate: "count" }
      })
      assert.deepEqual(time, [t0, t0 + 10_000])
      assert.deepEqual(value, [5, 5])
    })),
  check("series are put together by their tags, never across origins", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf([[a, t0, 1], [b, t0, 2], [c, t0, 4]]))
      assert.deepEqual(yield* aggregated(store, "sum", 1000, ["zone"]), [
        { origin: "other", tags: {}, time: [t0], value: [4] },
        { origin: "suite", tags: { zone: "north" }, time: [t0], value: [3] }
      ])
      assert.deepEqual(yield* aggregated(store, "sum", 1000, []), [
        { origin: "other", tags: {}, time: [t0], value: [4] },
        { origin: "suite", tags: {}, time: [t0], value: [3] }
      ])
      assert.equal((yield* aggregated(store, "sum", 1000)).length, 3)
    })),
  check("buckets go on at the cursor", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf([...run(a, 25), ...run(b, 25), ...run(c, 12)]))
      const query: StoreQuery = { ...everything, metricType: "load", buckets: { step: 2000, aggregate: "sum" } }
      const whole = shape(yield* store.query(query))
      for (let limit = 1; limit <= 12; limit++) {
        const joined = new Map<string, Array<readonly [number, number]>>()
        for (const page of yield* pages(store, { ...query, limit })) {
          for (const [host, own] of Object.entries(shape(page))) joined.set(host, [...joined.get(host) ?? [], ...own])
        }
        assert.deepEqual(Object.fromEntries(joined), whole)
      }
    })),
  check("the text of an answer says the same", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf([...run(a, 15_000), ...run(b, 15_000), [d, t0, 1e-7], [d, t0 + 1, -1 / 3]]))
      const quoted = makeSeries("suite \"ü\"", "load\n", { "k\u2028": "\ud83d\ude00\\" })
      yield* store.commitPlain({ series: [quoted], time: [t0], value: [1e300], fields: [{ ply: 7, note: ["é"] }] })
      const buckets = { step: 60_000, aggregate: "avg" } as const
      const queries: ReadonlyArray<Partial<StoreQuery>> = [
        {},
        { fields: false },
        { limit: 3 },
        { buckets },
        { buckets, fields: false },
        { metricType: "nothing" }
      ]
      for (const query of queries) {
        const asked = { ...everything, ...query }
        const { giveBack, pieces } = yield* store.queryText(asked)
        assert.deepEqual(parsedText(pieces), wireForm(yield* store.query(asked), asked))
        giveBack()
      }
      const error = yield* Effect.flip(store.queryText({ ...everything, limit: 0 }))
      assert.equal(error._tag, "QueryError")
    })),
  check("raw points carry their fields unless they are not wanted", (store) =>
    Effect.gen(function*() {
      const own: ReadonlyArray<Point> = [[a, t0, 1, { ply: 1 }], [a, t0 + 1, 2], [b, t0 + 2, 3, { ply: 3 }]]
      yield* store.commitPlain(pointsOf(own))
      const fieldsOf = (query: Partial<StoreQuery>) =>
        Effect.map(store.query({ ...everything, ...query }), ({ series }) => series.flatMap(({ fields }) => fields))
      assert.deepEqual(yield* fieldsOf({}), [{ ply: 1 }, undefined, { ply: 3 }])
      assert.deepEqual(yield* fieldsOf({ fields: true }), [{ ply: 1 }, undefined, { ply: 3 }])
      assert.deepEqual(yield* fieldsOf({ fields: false }), [undefined, undefined, undefined])
    })),
  check("a question that cannot be answered says what to change", (store) =>
    Effect.gen(function*() {
      yield* store.commitPlain(pointsOf(run(a, 4)))
      const problem = (query: Partial<StoreQuery>) =>
        Effect.map(Effect.flip(store.query({ ...everything, ...query })), (error) => {
          assert.equal(error._tag, "QueryError")
          return error.message.slice(0, error.message.indexOf(":"))
        })
      assert.equal(yield* problem({ limit: 0 }), "limit")
      assert.equal(yield* problem({ limit: 1.5 }), "limit")
      assert.equal(yield* problem({ limit: NaN }), "limit")
      assert.equal(yield* problem({ buckets: { step: 0, aggregate: "avg" } }), "step")
      assert.equal(yield* problem({ buckets: { step: 0.5, aggregate: "avg" } }), "step")
      assert.equal(yield* problem({ cursor: "what" }), "cursor")
      const { cursor } = yield* store.query({ ...everything, limit: 1 })
      assert.equal(yield* problem({ cursor, buckets: { step: 1000, aggregate: "avg" } }), "cursor")
    })),
  check("one large answer leaves others their turn", (store) =>
    Effect.gen(function*() {
      for (let i = 0; i < 30; i++) yield* store.commitPlain(pointsOf(run(a, 5000, i * 5000)))
      let turns = 0
      const counting = yield* Effect.fork(Effect.forever(Effect.zipRight(
        Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
        Effect.sync(() => turns++)
      )))
      const values = yield* valuesOf(store)
      yield* Fiber.interrupt(counting)
      assert.deepEqual(values, Array.from({ length: 150_000 }, (_, i) => i))
      assert.ok(turns > 0, `${turns} turns`)
    }))
]

const knowledge: ReadonlyArray<StoreCheck> = [
  check("series are listed with their counts, first and last instants", (store) =>
    Effect.gen(function*() {
      yield* store.commit(batch(0, [...run(a, 3, 5), ...run(d, 1), ...run(a, 1, 2)]))
      const infos = yield* store.series({})
      assert.deepEqual(
        infos.map(({ first, last, metricType, origin, points, tags }) => ({
          origin,
          metricType,
          tags,
          points,
          first,
          last
        })),
        [
          { origin: "suite", metricType: "heat", tags: {}, points: 1, first: t0, last: t0 },
          { origin: "suite", metricType: "load", tags: a.tags, points: 4, first: t0 + 2000, last: t0 + 7000 }
        ]
      )
      assert.deepEqual((yield* store.series({ tags: { host: "a" } })).map(({ metricType }) => metricType), ["load"])
    })),
  check("the newest point of each series, of equal times the one that came last", (store) =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      yield* store.commitPlain(pointsOf([
        [a, now - 1000, 1, { n: 1 }],
        [a, now - 1000, 2, { n: 2 }],
        [a, now - 5000, 3],
        [b, now - 9000, 4]
      ]))
      const newest = yield* store.latest({ metricType: "load" })
      assert.deepEqual(
        newest.map(({ fields, series, time, value }) => [series.tags["host"], now - time, value, fields]),
        [
          ["a", 1000, 2, { n: 2 }],
          ["b", 9000, 4, undefined]
        ]
      )
      assert.equal((yield* store.latest({ tags: { host: "b" } })).length, 1)
    })),
  check("a clock that runs ahead does not hide the newest point", (store) =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      yield* store.commitPlain(pointsOf([[a, now - 1000, 1], [a, now + tenDays, 2], [b, now + tenDays, 3]]))
      assert.deepEqual((yield* store.latest({})).map(({ value }) => value), [1])
      yield* Effect.sleep("11 days")
      assert.deepEqual((yield* store.latest({})).map(({ value }) => value), [2, 3])
      assert.equal((yield* store.series({}))[0].last, now + tenDays)
    })),
  check("what is too old goes, and nothing else", (store) =>
    Effect.gen(function*() {
      yield* store.commit(batch(0, [...run(a, 10), ...run(b, 3)]))
      yield* store.commitPlain(pointsOf([[d, t0 - 5000, 1], ...run(a, 2, 100)]))
      assert.equal(yield* store.expire(t0 + 4000), 8)
      assert.equal(yield* store.expire(t0 + 4000), 0)
      assert.deepEqual(shape(yield* store.query(everything)), {
        a: [[4, 4], [5, 5], [6, 6], [7, 7], [8, 8], [9, 9], [100, 100], [101, 101]]
      })
      const infos = yield* store.series({})
      assert.deepEqual(infos.map(({ first, last, points }) => [first - t0, last - t0, points]), [[4000, 101_000, 8]])
      assert.deepEqual((yield* store.latest({})).map(({ value }) => value), [101])
      const { points, series } = yield* store.stats
      assert.deepEqual({ points, series }, { points: 8, series: 1 })
      // A stream goes on where it was, and a series that was freed may come again.
      assert.equal((yield* store.commit(batch(13, run(b, 1, 50)))).next, 14)
      assert.deepEqual(shape(yield* store.query({ ...everything, tags: { host: "b" } })), { b: [[50, 50]] })
    })),
  check("all goes, and the store works on", (store) =>
    Effect.gen(function*() {
      for (let i = 0; i < 100; i++) yield* store.commitPlain(pointsOf(run(a, 3, i * 3)))
      assert.equal(yield* store.expire(MAX_TIMESTAMP + 1), 300)
      assert.deepEqual(yield* store.query(everything), { series: [], truncated: false })
      assert.deepEqual(yield* store.series({}), [])
      yield* store.commitPlain(pointsOf(run(a, 2)))
      assert.deepEqual(yield* valuesOf(store), [0, 1])
    })),
  check("counts are of what was stored", (store) =>
    Effect.gen(function*() {
      yield* store.commit(batch(0, run(a, 5), [[5, "no"]]))
      yield* store.commit(batch(0, run(a, 5), [[5, "no"]]))
      yield* store.commitPlain(pointsOf(run(d, 2)))
      const { points, series } = yield* store.stats
      assert.deepEqual({ points, series }, { points: 7, series: 2 })
      assert.match(store.id, /^[0-9a-f]{32}$/)
    }))
]

const live: ReadonlyArray<StoreCheck> = [
  check("commits are shown as they happen, each once", (store) =>
    Effect.gen(function*() {
      const reading = yield* Effect.fork(Stream.runCollect(Stream.take(store.live(16), 3)))
      yield* Effect.sleep("1 second")
      yield* store.commit(batch(0, run(a, 2), [[2, "no"]]))
      yield* store.commit(batch(0, run(a, 2), [[2, "no"]]))
      yield* store.commit(batch(2, run(a, 3, 2)))
      yield* store.commitPlain(pointsOf(run(d, 1)))
      const commits = Chunk.toReadonlyArray(yield* Fiber.join(reading))
      assert.deepEqual(commits.map(({ points: { value } }) => value), [[0, 1], [3, 4], [0]])
      assert.deepEqual(commits.map(({ sequence }) => sequence - commits[0].sequence), [0, 1, 2])
      assert.deepEqual(commits[2].points.series[0].key, d.key)
    })),
  check("what is shown can be asked for", (store) =>
    Effect.gen(function*() {
      const reading = yield* store.live(16).pipe(
        Stream.take(1),
        Stream.mapEffect(() => valuesOf(store)),
        Stream.runHead,
        Effect.fork
      )
      yield* Effect.sleep("1 second")
      yield* store.commitPlain(pointsOf(run(a, 2)))
      assert.deepEqual((yield* Fiber.join(reading)).pipe((head) => head._tag === "Some" ? head.value : undefined), [
        0,
        1
      ])
    })),
  check("a reader that is slow loses the oldest, sees it, and stops nobody", (store) =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      const reading = yield* store.live(4).pipe(
        Stream.tap(({ sequence }) =>
          Effect.suspend(() => {
            seen.push(sequence)
            return seen.length === 1 ? Effect.sleep("1 day") : Effect.void
          })
        ),
        Stream.take(5),
        Stream.runDrain,
        Effect.fork
      )
      yield* Effect.sleep("1 second")
      yield* store.commitPlain(pointsOf(run(a, 1)))
      yield* Effect.sleep("1 second")
      for (let i = 1; i < 20; i++) yield* store.commitPlain(pointsOf(run(a, 1, i)))
      yield* Fiber.join(reading)
      assert.deepEqual(seen.map((sequence) => sequence - seen[0]), [0, 16, 17, 18, 19])
      assert.equal((yield* valuesOf(store)).length, 20)
    }))
]

/** What holds for every {@link MetricStore}, whatever it keeps its points in. Each check wants a store of its own. */
export const storeSuite: ReadonlyArray<StoreCheck> = [...streams, ...points, ...queries, ...knowledge, ...live]
