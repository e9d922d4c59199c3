import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { onAccepted } from "../../src/sender/Acceptance.js"
import { MAX_BATCH_BYTES, MAX_BATCH_POINTS } from "../../src/sender/batch/BatchBuilder.js"
import { makeBatcher } from "../../src/sender/Batcher.js"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { type NewBatch, Outbox, OutboxError } from "../../src/sender/Outbox.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"

const metric = (value: number, metadata: Record<string, string | number> = {}): GenericMetric =>
  new GenericMetric({ origin: "test", metricType: "count", value, metadata })

interface Commit {
  readonly batches: ReadonlyArray<NewBatch>
  readonly proceed: Deferred.Deferred<void, OutboxError>
}

/** A batcher over an outbox that notes its commits; `hold` makes each of them wait for `proceed`. */
const harness = (hold: boolean) =>
  Effect.gen(function*() {
    const { sender: status } = yield* PipelineStatus
    const outbox = yield* Outbox
    const commits: Array<Commit> = []
    const append = (batches: ReadonlyArray<NewBatch>, committed: () => void) =>
      Effect.gen(function*() {
        const proceed = yield* Deferred.make<void, OutboxError>()
        commits.push({ batches, proceed })
        if (hold) yield* Deferred.await(proceed)
        yield* outbox.append(batches, committed)
      })
    const scope = yield* Scope.make()
    const batcher = yield* Scope.extend(makeBatcher({ ...outbox, append }, status, Effect.void), scope)
    return { batcher, commits, outbox, scope, status }
  })

const settle = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

const provided = <A, E>(effect: Effect.Effect<A, E, Outbox | PipelineStatus | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Layer.merge(MemoryOutbox.layer(), PipelineStatus.Default)))

describe("Batcher", () => {
  it.effect("a defect of the outbox fails the calls it concerns, and no later one", () =>
    provided(Effect.gen(function*() {
      const { sender: status } = yield* PipelineStatus
      const outbox = yield* Outbox
      let broken = true
      const append: typeof outbox.append = (batches, committed) => {
        if (broken) throw new Error("no such table")
        return outbox.append(batches, committed)
      }
      const batcher = yield* makeBatcher({ ...outbox, append }, status, Effect.void)
      const error = yield* Effect.flip(batcher.sendMetrics([metric(1)]))
      assert.match(error.message, /no such table.*nothing of this call was accepted/)
      broken = false
      yield* batcher.sendMetric(metric(2))
      assert.strictEqual(status.accepted, 1)
    })))

  it.effect("closes a batch at 1,000 points", () =>
    provided(Effect.gen(function*() {
      const { batcher, commits } = yield* harness(false)
      yield* batcher.sendMetrics(Array.from({ length: 2_500 }, (_, i) => metric(i)))
      assert.deepStrictEqual(commits.map(({ batches }) => batches.map(({ count }) => count)), [[1_000, 1_000, 500]])
      assert.strictEqual(MAX_BATCH_POINTS, 1_000)
    })))

  it.effect("closes a batch before it grows past 512 KiB, with all that is sent of it over HTTP", () =>
    provided(Effect.gen(function*() {
      const { batcher, commits, outbox } = yield* harness(false)
      const note = "ä".repeat(3_000)
      yield* batcher.sendMetrics(Array.from({ length: 300 }, (_, i) => metric(i, { note: `${i} ${note}`, i })))
      const batches = commits.flatMap((commit) => commit.batches)
      assert.isAbove(batches.length, 3)
      for (const { columns, ids } of batches) {
        const definitions = yield* outbox.definitions(outbox.stream, ids)
        const bytes = Buffer.byteLength(columns) + Buffer.byteLength(definitions.join(","))
        assert.isAtMost(bytes, MAX_BATCH_BYTES)
      }
      assert.strictEqual(batches.reduce((sum, { count }) => sum + count, 0), 300)
    })))

  it.effect("commits at once, without waiting for more", () =>
    provided(Effect.gen(function*() {
      const { batcher, status } = yield* harness(false)
      // No time passes on the TestClock.
      yield* batcher.sendMetric(metric(1))
      assert.strictEqual(status.accepted, 1)
    })))

  it.effect("calls of one turn share a commit, and those that come while it is under way the next", () =>
    provided(Effect.gen(function*() {
      const { batcher, commits } = yield* harness(true)
      const first = yield* Effect.forkAll(Array.from({ length: 100 }, (_, i) => batcher.sendMetric(metric(i))))
      yield* settle
      const second = yield* Effect.forkAll(Array.from({ length: 50 }, (_, i) => batcher.sendMetric(metric(100 + i))))
      yield* settle
      assert.deepStrictEqual(commits.map(({ batches }) => batches.map(({ count }) => count)), [[100]])
      yield* Deferred.succeed(commits[0].proceed, undefined)
      yield* Fiber.join(first)
      yield* settle
      assert.strictEqual((yield* Fiber.poll(second))._tag, "None")
      assert.deepStrictEqual(commits.map(({ batches }) => batches.map(({ count }) => count)), [[100], [50]])
      yield* Deferred.succeed(commits[1].proceed, undefined)
      yield* Fiber.join(second)
    })))

  it.effect("a call that is interrupted while another's commit waits is not accepted", () =>
    provided(Effect.gen(function*() {
      const { batcher, commits, status } = yield* harness(true)
      const first = yield* Effect.fork(batcher.sendMetric(metric(1)))
      yield* settle
      const second = yield* Effect.fork(batcher.sendMetric(metric(2)))
      yield* settle
      yield* Fiber.interrupt(second)
      yield* Deferred.succeed(commits[0].proceed, undefined)
      yield* Fiber.join(first)
      yield* settle
      assert.strictEqual(status.accepted, 1)
      assert.strictEqual(commits.length, 1)
    })))

  it.effect("callers that never pause leave the event loop a turn after every commit", () =>
    provided(Effect.gen(function*() {
      const { batcher, commits } = yield* harness(false)
      yield* Effect.forkScoped(Effect.forever(batcher.sendMetric(metric(1))))
      yield* Effect.forkScoped(Effect.forever(batcher.sendMetrics([metric(2), metric(3)])))
      for (let turn = 1; turn <= 20; turn++) {
        yield* settle
        assert.isAtMost(commits.length, turn + 1)
      }
      assert.isAbove(commits.length, 5)
    })))

  it.effect("a call that is interrupted while its commit waits takes its metrics back, and those beside it are accepted", () =>
    provided(Effect.gen(function*() {
      const { batcher, commits, outbox, status } = yield* harness(true)
      const call = yield* Effect.fork(batcher.sendMetrics([metric(1), metric(2)]))
      const neighbour = yield* Effect.fork(batcher.sendMetric(metric(3)))
      yield* settle
      yield* Fiber.interrupt(call)
      yield* settle
      assert.deepStrictEqual(commits.map(({ batches }) => batches.map(({ count }) => count)), [[3], [1]])
      assert.strictEqual(commits[1].batches[0].define.length, 1)
      yield* Deferred.succeed(commits[1].proceed, undefined)
      yield* Fiber.join(neighbour)
      assert.strictEqual(status.accepted, 1)
      assert.strictEqual((yield* outbox.stats).metrics, 1)
    })))

  it.effect("whenever a call is interrupted, it is told whether its metrics were committed before it ends", () =>
    provided(Effect.gen(function*() {
      const { batcher, outbox } = yield* harness(false)
      let told = 0
      for (let n = 0; n < 200; n++) {
        const call = yield* Effect.fork(
          Effect.locally(batcher.sendMetrics([metric(n)]), onAccepted, ({ accepted }) => {
            told += accepted
          })
        )
        for (let turn = 0; turn < n % 12; turn++) yield* Effect.yieldNow()
        yield* Fiber.interrupt(call)
        assert.strictEqual((yield* outbox.stats).metrics, told)
        // Between two commits the event loop has its turn.
        yield* settle
      }
      assert.isAbove(told, 0)
      assert.isBelow(told, 200)
    })))

  it.effect("a commit that failed is told to each of its callers, and the next one defines its series again", () =>
    provided(Effect.gen(function*() {
      const { batcher, commits, status } = yield* harness(true)
      const call = yield* Effect.fork(Effect.flip(batcher.sendMetrics([metric(1), metric(2)])))
      yield* settle
      yield* Deferred.fail(commits[0].proceed, new OutboxError({ reason: "Failed", message: "no" }))
      assert.strictEqual((yield* Fiber.join(call)).message, "no")
      assert.strictEqual(status.accepted, 0)
      const again = yield* Effect.fork(batcher.sendMetric(metric(3)))
      yield* settle
      assert.strictEqual(commits[1].batches[0].define.length, 1)
      yield* Deferred.succeed(commits[1].proceed, undefined)
      yield* Fiber.join(again)
    })))

  it.effect("an invalid metric is named and costs its neighbours nothing", () =>
    provided(Effect.gen(function*() {
      const { batcher, status } = yield* harness(false)
      const bad = new GenericMetric({ origin: "test", metricType: "count", value: NaN }, true)
      const { accepted, rejected } = yield* batcher.sendMetrics([metric(1), bad, metric(2)])
      assert.strictEqual(accepted, 2)
      assert.deepStrictEqual(rejected, [{ index: 1, message: "value: expected a finite number" }])
      assert.match((yield* Effect.flip(batcher.sendMetric(bad))).message, /value: expected a finite number; the metric/)
      assert.strictEqual(status.accepted, 2)
    })))

  it.effect("drained, it has committed what it took, and takes no more", () =>
    provided(Effect.gen(function*() {
      const { batcher, commits, status } = yield* harness(true)
      const call = yield* Effect.fork(batcher.sendMetric(metric(1)))
      yield* settle
      const draining = yield* Effect.fork(batcher.drain)
      yield* settle
      assert.strictEqual((yield* Fiber.poll(draining))._tag, "None")
      const late = yield* Effect.flip(batcher.sendMetric(metric(2)))
      assert.match(late.message, /the sender is closed; nothing of this call was accepted/)
      yield* Deferred.succeed(commits[0].proceed, undefined)
      yield* Fiber.join(draining)
      yield* Fiber.join(call)
      assert.strictEqual(status.accepted, 1)
    })))

  it.effect("when its scope closes, what is not committed is refused", () =>
    provided(Effect.gen(function*() {
      const { batcher, outbox, scope } = yield* harness(true)
      const call = yield* Effect.fork(Effect.flip(batcher.sendMetric(metric(1))))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      const error = yield* Fiber.join(call)
      assert.strictEqual(error._tag === "OutboxError" ? error.reason : error._tag, "Closed")
      assert.strictEqual((yield* outbox.stats).metrics, 0)
    })))
})
