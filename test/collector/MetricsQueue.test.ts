import { describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, TestClock } from "effect"
import * as assert from "node:assert/strict"
import { type Gathered, makeMetricsQueue, type MetricsQueueOptions } from "../../src/collector/MetricsQueue.js"
import { GenericMetric } from "../../src/domain/GenericMetric.js"

const piece = (generator: string, from: number, count: number): Gathered => ({
  generator,
  metrics: Array.from({ length: count }, (_, i) => new GenericMetric({ origin: "o", metricType: "m", value: from + i }))
})

const valuesOf = (pieces: ReadonlyArray<Gathered>): ReadonlyArray<number> =>
  pieces.flatMap(({ metrics }) => metrics.map(({ value }) => value))

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

const make = (options: Partial<MetricsQueueOptions> = {}) => {
  const dropped: Array<Gathered> = []
  const sizes: Array<number> = []
  const queue = makeMetricsQueue({
    capacity: 10,
    overflow: "suspend",
    batchSize: 5,
    linger: "250 millis",
    onDropped: (gathered) => Effect.sync(() => void dropped.push(gathered)),
    onSize: (size) => void sizes.push(size),
    ...options
  })
  return { queue, dropped, sizes }
}

/** A queue whose first batch, which does not linger, was taken. */
const makeLingering = (options: Partial<MetricsQueueOptions> = {}) =>
  Effect.gen(function*() {
    const made = make(options)
    yield* made.queue.offer(piece("first", 0, 1))
    yield* made.queue.awaitBatch
    made.queue.take(100)
    return made
  })

describe("when a batch is due", () => {
  it.effect("the first at once, with all that comes in the same turn", () =>
    Effect.gen(function*() {
      const { queue } = make()
      const due = yield* Effect.fork(queue.awaitBatch)
      yield* TestClock.adjust("1 hour")
      assert.equal((yield* Fiber.poll(due))._tag, "None")
      yield* queue.offer(piece("a", 0, 1))
      yield* Effect.yieldNow()
      yield* queue.offer(piece("b", 1, 1))
      yield* Fiber.join(due)
      assert.deepEqual(valuesOf(queue.take(100)), [0, 1])
    }))

  it.effect("at once when enough metrics wait, without a timer", () =>
    Effect.gen(function*() {
      const { queue } = yield* makeLingering()
      yield* queue.offer(piece("a", 0, 5))
      yield* queue.awaitBatch
      assert.deepEqual(valuesOf(queue.take(100)), upTo(5))
    }))

  it.effect("after the linger when fewer wait", () =>
    Effect.gen(function*() {
      const { queue } = yield* makeLingering()
      const due = yield* Effect.fork(queue.awaitBatch)
      yield* TestClock.adjust("1 hour")
      assert.equal(yield* Fiber.poll(due).pipe(Effect.map(({ _tag }) => _tag)), "None")
      yield* queue.offer(piece("a", 0, 1))
      yield* TestClock.adjust("249 millis")
      assert.equal((yield* Fiber.poll(due))._tag, "None")
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(due)
    }))

  it.effect("before the linger is over when the batch fills up", () =>
    Effect.gen(function*() {
      const { queue } = yield* makeLingering()
      yield* queue.offer(piece("a", 0, 1))
      const due = yield* Effect.fork(queue.awaitBatch)
      yield* TestClock.adjust("10 millis")
      yield* queue.offer(piece("a", 1, 4))
      yield* Fiber.join(due)
      assert.deepEqual(valuesOf(queue.take(100)), upTo(5))
    }))

  it.effect("at once when the queue has ended, also empty", () =>
    Effect.gen(function*() {
      const { queue } = yield* makeLingering()
      yield* queue.offer(piece("a", 0, 2))
      yield* queue.end
      yield* queue.awaitBatch
      assert.deepEqual(valuesOf(queue.take(100)), [0, 1])
      yield* queue.awaitBatch
      assert.deepEqual(queue.take(100), [])
    }))

  it.effect("an interrupted wait takes nothing", () =>
    Effect.gen(function*() {
      const { queue } = yield* makeLingering()
      const waiting = yield* Effect.fork(queue.awaitBatch)
      yield* queue.offer(piece("a", 0, 2))
      yield* Fiber.interrupt(waiting)
      assert.deepEqual(valuesOf(queue.take(100)), [0, 1])
    }))
})

describe("a full queue", () => {
  it.effect("suspend: waits for room, keeps the order, drops nothing", () =>
    Effect.gen(function*() {
      const { dropped, queue } = make()
      const offering = yield* Effect.fork(queue.offer(piece("a", 0, 25)))
      yield* TestClock.adjust("1 hour")
      assert.equal((yield* Fiber.poll(offering))._tag, "None")
      const taken: Array<number> = []
      while (taken.length < 25) {
        taken.push(...valuesOf(queue.take(7)))
        yield* Effect.yieldNow()
      }
      yield* Fiber.join(offering)
      assert.deepEqual(taken, upTo(25))
      assert.deepEqual(dropped, [])
    }))

  it.effect("drop-newest: keeps what waits, and tells what it dropped of whom", () =>
    Effect.gen(function*() {
      const { dropped, queue } = make({ overflow: "drop-newest" })
      yield* queue.offer(piece("a", 0, 8))
      yield* queue.offer(piece("b", 100, 5))
      assert.deepEqual(valuesOf(queue.take(100)), [...upTo(8), 100, 101])
      assert.deepEqual(dropped.map(({ generator, metrics }) => [generator, metrics.length]), [["b", 3]])
      assert.deepEqual(valuesOf(dropped), [102, 103, 104])
    }))

  it.effect("drop-oldest: makes room for the newest, and tells what it dropped of whom", () =>
    Effect.gen(function*() {
      const { dropped, queue } = make({ overflow: "drop-oldest" })
      yield* queue.offer(piece("a", 0, 8))
      yield* queue.offer(piece("b", 100, 5))
      assert.deepEqual(valuesOf(dropped), [0, 1, 2])
      yield* queue.offer(piece("c", 200, 30))
      assert.deepEqual(valuesOf(queue.take(100)), Array.from({ length: 10 }, (_, i) => 220 + i))
      assert.deepEqual(dropped.map(({ generator, metrics }) => [generator, metrics.length]), [
        ["a", 3],
        ["a", 5],
        ["b", 5],
        ["c", 20]
      ])
    }))
})

describe("whatever is offered and taken", () => {
  const steps = FastCheck.array(
    FastCheck.oneof(
      FastCheck.record({ offer: FastCheck.integer({ min: 0, max: 30 }) }),
      FastCheck.record({ take: FastCheck.integer({ min: 1, max: 30 }) })
    ),
    { maxLength: 40 }
  )

  for (const overflow of ["suspend", "drop-newest", "drop-oldest"] as const) {
    it.effect.prop(
      `${overflow}: every metric is taken or told as dropped, once, in order`,
      { steps },
      ({ steps }) =>
        Effect.gen(function*() {
          const { dropped, queue, sizes } = make({ overflow })
          const taken: Array<number> = []
          const offering: Array<Fiber.RuntimeFiber<void>> = []
          let offered = 0
          for (const step of steps) {
            if ("offer" in step) {
              const before = offering[offering.length - 1]
              const own = piece("a", offered, step.offer)
              const offer = queue.offer(own)
              offering.push(
                yield* Effect.fork(before === undefined ? offer : Effect.zipRight(Fiber.join(before), offer))
              )
              offered += step.offer
            } else taken.push(...valuesOf(queue.take(step.take)))
            yield* Effect.yieldNow()
          }
          for (let i = 0; i < 1_000 && taken.length + valuesOf(dropped).length < offered; i++) {
            taken.push(...valuesOf(queue.take(7)))
            yield* Effect.yieldNow()
          }
          yield* Effect.forEach(offering, Fiber.join)
          const ascending = [...taken].sort((a, b) => a - b)
          assert.deepEqual(taken, ascending)
          assert.deepEqual([...taken, ...valuesOf(dropped)].sort((a, b) => a - b), upTo(offered))
          assert.ok(sizes.every((size) => size >= 0 && size <= 10))
          if (overflow === "suspend") assert.equal(dropped.length, 0)
        })
    )
  }
})
