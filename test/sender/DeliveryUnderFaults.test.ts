import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Schedule, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { Outbox, type OutboxError, type OutboxLimits } from "../../src/sender/Outbox.js"
import { OUTBOX_FILE, SqliteOutbox } from "../../src/sender/SqliteOutbox.js"
import { type Loss, LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { type FakeServer, type Fault, makeFakeServer } from "../../src/testing/FakeServer.js"
import { Dice } from "../../src/testing/simulation/Dice.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"
import { withVirtualClock } from "./VirtualClock.js"

const faults: ReadonlyArray<Fault> = [
  "lose",
  "lose-answer",
  "twice",
  "gap",
  "busy",
  "fail",
  "slow",
  "silent",
  "foreign"
]

const refusals: ReadonlyArray<FakeServer["refuseHttp"]> = [
  undefined,
  undefined,
  { status: 429, body: "", retryAfter: "5" },
  { status: 500, body: "" },
  { status: 503, body: "", retryAfter: "2" },
  { status: 200, body: "<html>" },
  { status: 401, body: "" }
]

/** Does something to the server and the network every few seconds. */
const chaos = (dice: Dice, server: FakeServer, rollbacks: boolean): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    yield* Effect.sleep(`${1 + dice.below(15_000)} millis`)
    switch (dice.below(rollbacks ? 6 : 5)) {
      case 0:
        server.refuseSocket = dice.pick([undefined, 503, 403])
        if (server.refuseSocket !== undefined) server.cut()
        break
      case 1:
        server.refuseHttp = dice.pick(refusals)
        break
      case 2:
        server.cut(dice.pick([1000, 1001, 1006, 4001]))
        break
      case 3:
        server.refuseSocket = undefined
        server.refuseHttp = undefined
        break
      case 4: {
        const rate = dice.pick([0, 0.05, 0.3, 0.8])
        server.fault = () => dice.chance(rate) ? dice.pick(faults) : undefined
        break
      }
      case 5: {
        const stream = dice.pick([...server.next.keys()])
        if (stream !== undefined) server.restore(stream, dice.below(1 + (server.next.get(stream) ?? 0)))
        server.cut()
        break
      }
    }
  }))

const healed = (server: FakeServer): void => {
  server.fault = () => undefined
  server.refuseHttp = undefined
  server.refuseSocket = undefined
}

interface Run {
  readonly dice: Dice
  readonly server: FakeServer
  readonly rollbacks: boolean
  readonly outbox: Layer.Layer<Outbox, OutboxError>
  /** The first value of each stream; the next is one more. */
  readonly firstValue: Map<string, number>
  readonly losses: Array<Loss>
  accepted: number
  /** Told to the ledger as lost before they were accepted. */
  missed: number
}

const metric = (value: number): GenericMetric =>
  new GenericMetric({
    origin: "faults",
    metricType: "count",
    value,
    metadata: { host: `web-${value % 3}`, ply: value }
  })

/** One life of a sender; the last one lives until all is delivered. `midway` runs when half is sent. */
const live = (run: Run, isLast: boolean, midway = Effect.void): Effect.Effect<void, unknown> => {
  const { dice, server } = run
  const layer = GenericMetricsSender.layerWithOutbox({
    endpointUrl: "ws://fake.test",
    durable: true,
    shutdownGrace: "0 millis"
  }).pipe(
    Layer.provide(server.layer),
    Layer.provideMerge(run.outbox),
    Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default))
  )
  return Effect.gen(function*() {
    const sender = yield* GenericMetricsSender
    const outbox = yield* Outbox
    const ledger = yield* LossLedger
    run.firstValue.set(outbox.stream, run.accepted)
    yield* Effect.addFinalizer(() => Effect.map(ledger.losses, (losses) => run.losses.push(...losses)))
    const send = Effect.gen(function*() {
      const pieces = 3 + dice.below(10)
      for (let piece = 0; piece < pieces; piece++) {
        if (piece === Math.floor(pieces / 2)) yield* midway
        const count = 1 + dice.below(400)
        const values = Array.from({ length: count }, (_, i) => metric(run.accepted + i))
        const { accepted } = yield* sender.sendMetrics(values)
        run.accepted += accepted
        if (dice.chance(0.3)) {
          const count = 1 + dice.below(9)
          run.missed += count
          yield* ledger.record({ source: "dice", reason: "missed-tick", count })
        }
        if (dice.chance(0.7)) yield* Effect.sleep(`${dice.below(20_000)} millis`)
      }
    })
    yield* Effect.raceFirst(send, chaos(dice, server, run.rollbacks))
    if (!isLast) return
    healed(server)
    // While delivery is stopped it looks once a minute.
    const flush = sender.flush.pipe(
      Effect.retry({ schedule: Schedule.spaced("30 seconds"), times: 20 }),
      Effect.timeout("1 hour")
    )
    yield* flush
    // A server that went back when all was delivered is found out by the next hello.
    if (run.rollbacks) yield* Effect.zipRight(Effect.sleep("5 minutes"), flush)
    assert.strictEqual((yield* outbox.stats).metrics, 0)
  }).pipe(Effect.provide(layer), Effect.scoped)
}

const isRejected = (value: number): boolean => value % 97 === 5

/**
 * Every accepted metric is stored once, in order, or declared to the server, or
 * rejected by it: never two of these. What was lost before is declared once.
 */
const check = ({ accepted, firstValue, losses, missed, server }: Run, exact: boolean): void => {
  let total = 0
  let skippedAll = 0
  let rejected = 0
  for (const [stream, next] of server.next) {
    const declarations = server.skips.filter((skip) => skip.stream === stream && skip.loss !== undefined)
    for (const { from, to } of declarations) assert.strictEqual(to, from + 1)
    total += next - declarations.length
    const base = firstValue.get(stream)
    assert.isDefined(base, `nobody opened the stream ${stream}`)
    const own = server.points.filter((point) => point.stream === stream)
    for (let i = 1; i < own.length; i++) assert.isAbove(own[i].offset, own[i - 1].offset, "in order")
    for (const { tags, value } of own) assert.deepStrictEqual(tags, { host: `web-${value % 3}` }, "of its own series")
    const stored = new Map(own.map(({ offset, value }) => [offset, value]))
    const skips = server.skips.filter((skip) => skip.stream === stream && skip.loss === undefined)
    let value = (base ?? 0) - 1
    for (let offset = 0; offset < next; offset++) {
      if (declarations.some(({ from }) => from === offset)) {
        assert.isFalse(stored.has(offset), `offset ${offset} is a declaration and stored`)
        continue
      }
      value++
      const isSkipped = skips.some(({ from, to }) => from <= offset && offset < to)
      if (isSkipped) skippedAll++
      else if (isRejected(value)) rejected++
      if (stored.has(offset)) {
        assert.isFalse(isSkipped, `offset ${offset} is stored and declared as lost`)
        assert.strictEqual(stored.get(offset), value)
      } else assert.isTrue(isSkipped || isRejected(value), `offset ${offset} of ${stream}, value ${value}, is gone`)
    }
  }
  assert.strictEqual(total, accepted, "all accepted metrics reached the server, or their loss did")
  const told = server.skips.reduce(
    (sum, { loss, reason }) => sum + (reason === "missed-tick" ? loss?.count ?? 0 : 0),
    0
  )
  assert.strictEqual(told, missed, "each loss of a generator was declared once")
  const declared = (...reasons: ReadonlyArray<string>): number =>
    losses.reduce((sum, { count, reason }) => sum + (reasons.includes(reason) && count !== "unknown" ? count : 0), 0)
  const declaredLost = declared("outbox-overflow", "server-rollback")
  assert.isAtLeast(declaredLost, skippedAll)
  assert.isAtLeast(declared("server-rejected"), rejected)
  if (!exact) return
  assert.strictEqual(declaredLost, skippedAll)
  assert.strictEqual(declared("server-rejected"), rejected)
}

const newRun = (seed: number, rollbacks: boolean, outbox: Layer.Layer<Outbox, OutboxError>): Run => {
  const server = makeFakeServer()
  server.reject = (value) => isRejected(value) ? "not today" : undefined
  return { dice: new Dice(seed), server, rollbacks, outbox, firstValue: new Map(), losses: [], accepted: 0, missed: 0 }
}

const quietly = <A, E, R>(seed: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Scope.Scope> =>
  withVirtualClock(effect).pipe(
    Effect.provide(Logger.remove(Logger.defaultLogger)),
    Effect.tapErrorCause(() => Effect.sync(() => process.stderr.write(`the failing seed is ${seed}\n`)))
  )

const seeds = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i + 1)

const inDirectory = (dataDir: string, limits: Partial<OutboxLimits> = {}): Layer.Layer<Outbox, OutboxError> =>
  SqliteOutbox.layer({ dataDir, ...limits })

describe("delivery under random faults", () => {
  it.scopedLive(
    "from memory: everything once, and it ends when the faults end",
    () =>
      Effect.forEach(seeds(25), (seed) =>
        quietly(
          seed,
          Effect.gen(function*() {
            const run = newRun(seed, false, MemoryOutbox.layer())
            yield* live(run, true)
            check(run, true)
          })
        ), { discard: true })
  )

  it.scopedLive(
    "from a full outbox that drops: what is gone is declared",
    () =>
      Effect.forEach(seeds(25), (seed) =>
        quietly(
          seed,
          Effect.gen(function*() {
            const run = newRun(seed, false, MemoryOutbox.layer({ overflow: "drop-oldest", maxBytes: 15_000 }))
            yield* live(run, true)
            check(run, false)
          })
        ), { discard: true })
  )

  it.scopedLive("from disk, through several lives of the sender", () =>
    Effect.forEach(seeds(12), (seed) =>
      quietly(
        seed,
        Effect.gen(function*() {
          const run = newRun(seed, false, inDirectory(yield* temporaryDirectory))
          for (let life = run.dice.below(4); life >= 0; life--) yield* live(run, life === 0)
          check(run, true)
        })
      ), { discard: true }))

  it.scopedLive(
    "to a server that is restored from old backups: what both lost is declared",
    () =>
      Effect.forEach(seeds(25), (seed) =>
        quietly(
          seed,
          Effect.gen(function*() {
            const run = newRun(seed, true, MemoryOutbox.layer())
            yield* live(run, true)
            check(run, false)
          })
        ), { discard: true })
  )

  it.scopedLive(
    "from an outbox that was restored from a copy, made while its original was in use",
    () =>
      Effect.forEach(seeds(12), (seed) =>
        quietly(
          seed,
          Effect.gen(function*() {
            const original = yield* temporaryDirectory
            const copy = yield* temporaryDirectory
            const run = newRun(seed, false, inDirectory(original))
            const copyFiles = Effect.sync(() => {
              for (const suffix of ["", "-wal"]) {
                fs.copyFileSync(path.join(original, OUTBOX_FILE + suffix), path.join(copy, OUTBOX_FILE + suffix))
              }
            })
            yield* live(run, true, copyFiles)
            const restored: Run = { ...run, outbox: inDirectory(copy) }
            yield* live(restored, true)
            // Both were told what was rejected of the stream that they share.
            check(restored, false)
          })
        ), { discard: true })
  )

  it.scopedLive("a full outbox that drops makes nobody wait when the connection is lost with all of it in flight", () =>
    quietly(
      0,
      Effect.gen(function*() {
        const server = makeFakeServer()
        server.fault = () => "silent"
        const layer = GenericMetricsSender.layerWithOutbox({
          endpointUrl: "ws://fake.test",
          durable: true,
          shutdownGrace: "0 millis"
        }).pipe(
          Layer.provide(server.layer),
          Layer.provide(MemoryOutbox.layer({ overflow: "drop-oldest", maxBytes: 15_000 })),
          Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default))
        )
        yield* Effect.provide(
          Effect.gen(function*() {
            const { sendMetrics } = yield* GenericMetricsSender
            const { sender: status } = yield* PipelineStatus
            for (let n = 0; n < 2; n++) yield* sendMetrics(Array.from({ length: 250 }, (_, i) => metric(i)))
            yield* Effect.sleep("5 seconds")
            assert.strictEqual(status.batchesSent, 2)
            server.refuseSocket = 503
            server.refuseHttp = { status: 503, body: "" }
            server.cut()
            for (let n = 0; n < 20; n++) yield* sendMetrics(Array.from({ length: 250 }, (_, i) => metric(i)))
          }),
          layer
        ).pipe(Effect.timeout("5400 millis"))
      })
    ))
})
