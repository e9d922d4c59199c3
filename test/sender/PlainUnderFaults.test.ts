import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Schedule } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { GenericMetricsSender, type PlainFormat } from "../../src/sender/GenericMetricsSender.js"
import { Outbox } from "../../src/sender/Outbox.js"
import { SqliteOutbox } from "../../src/sender/SqliteOutbox.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { type FakeServer, type Fault, makeFakeServer } from "../../src/testing/FakeServer.js"
import { Dice } from "../../src/testing/simulation/Dice.js"
import { temporaryDirectory } from "./TemporaryDirectory.js"
import { withVirtualClock } from "./VirtualClock.js"

const faults: ReadonlyArray<Fault> = ["lose", "lose-answer", "busy", "fail", "slow", "silent", "foreign"]

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
const chaos = (dice: Dice, server: FakeServer): Effect.Effect<never> =>
  Effect.forever(Effect.gen(function*() {
    yield* Effect.sleep(`${1 + dice.below(15_000)} millis`)
    switch (dice.below(5)) {
      case 0:
        server.refuseSocket = dice.pick([undefined, 503, 403])
        if (server.refuseSocket !== undefined) server.cut()
        break
      case 1:
        server.refuseHttp = dice.pick(refusals)
        break
      case 2:
        server.cut(dice.pick([1000, 1001, 1006]))
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
    }
  }))

interface Run {
  readonly dice: Dice
  readonly server: FakeServer
  readonly dataDir: string
  accepted: number
  unverified: number
  /** Whether the ledger says that metrics were refused which had left the outbox. */
  refusedLate: boolean
}

const isRejected = (value: number): boolean => value % 97 === 5

const metric = (value: number): GenericMetric =>
  new GenericMetric({
    origin: "faults",
    metricType: "count",
    value,
    metadata: { host: `web-${value % 3}`, ply: value }
  })

/** One life of a sender, in plain mode or not; the last one lives until all is delivered. */
const live = (run: Run, plain: PlainFormat | undefined, isLast: boolean): Effect.Effect<void, unknown> => {
  const { dataDir, dice, server } = run
  const layer = GenericMetricsSender.layerWithOutbox({
    endpointUrl: "ws://fake.test",
    durable: true,
    shutdownGrace: "0 millis",
    plain
  }).pipe(
    Layer.provide(server.layer),
    Layer.provideMerge(SqliteOutbox.layer({ dataDir })),
    Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default))
  )
  return Effect.gen(function*() {
    const sender = yield* GenericMetricsSender
    const ledger = yield* LossLedger
    const { sender: status } = yield* PipelineStatus
    const written = Effect.map(
      ledger.totals,
      (totals) => totals.reduce((sum, { count, reason }) => reason === "unverified" ? sum + count : sum, 0)
    )
    yield* Effect.addFinalizer(() =>
      Effect.map(Effect.all([written, ledger.totals]), ([count, totals]) => {
        if (totals.some(({ reason, uncounted }) => reason === "server-rejected" && uncounted > 0)) {
          run.refusedLate = true
        }
        run.unverified += plain === undefined ? count : status.unverified
        assert.isAtMost(count, plain === undefined ? count : status.unverified)
      })
    )
    const send = Effect.gen(function*() {
      const pieces = 3 + dice.below(10)
      for (let piece = 0; piece < pieces; piece++) {
        const count = 1 + dice.below(400)
        const { accepted } = yield* sender.sendMetrics(
          Array.from({ length: count }, (_, i) => metric(run.accepted + i))
        )
        run.accepted += accepted
        if (dice.chance(0.3)) yield* ledger.record({ source: "dice", reason: "missed-tick", count: 1 })
        if (dice.chance(0.7)) yield* Effect.sleep(`${dice.below(20_000)} millis`)
      }
    })
    yield* Effect.raceFirst(send, chaos(dice, server))
    if (!isLast) return
    server.fault = () => undefined
    server.refuseHttp = undefined
    server.refuseSocket = undefined
    // While delivery is stopped it looks once a minute.
    yield* sender.flush.pipe(
      Effect.retry({ schedule: Schedule.spaced("30 seconds"), times: 20 }),
      Effect.timeout("1 hour")
    )
    assert.strictEqual((yield* (yield* Outbox).stats).metrics, 0)
  }).pipe(Effect.provide(layer), Effect.scoped)
}

/**
 * Nothing is invented; nothing is missing unless the server refused it after it had been taken for one that answers
 * nothing; what is missing or came again is unverified.
 */
const check = ({ accepted, refusedLate, server, unverified }: Run): void => {
  const once = new Set<number>()
  const again = new Set<number>()
  for (const { tags, value } of server.points) {
    assert.deepStrictEqual(tags, { host: `web-${value % 3}` })
    const into = once.has(value) ? again : once
    into.add(value)
    assert.isFalse(isRejected(value))
    assert.isBelow(value, accepted)
  }
  let missing = 0
  for (let value = 0; value < accepted; value++) if (!once.has(value) && !isRejected(value)) missing++
  if (!refusedLate) assert.strictEqual(missing, 0)
  assert.isAtMost(missing + again.size, unverified)
}

const through = (seed: number, modes: (dice: Dice) => ReadonlyArray<PlainFormat | undefined>) =>
  withVirtualClock(Effect.gen(function*() {
    const server = makeFakeServer()
    const dice = new Dice(seed)
    server.reject = (value) => isRejected(value) ? "not today" : undefined
    server.answersPlain = dice.chance(0.7)
    const run: Run = {
      dice,
      server,
      dataDir: yield* temporaryDirectory,
      accepted: 0,
      unverified: 0,
      refusedLate: false
    }
    const lives = modes(dice)
    for (const [life, plain] of lives.entries()) yield* live(run, plain, life === lives.length - 1)
    check(run)
  })).pipe(
    Effect.provide(Logger.remove(Logger.defaultLogger)),
    Effect.tapErrorCause(() => Effect.sync(() => process.stderr.write(`the failing seed is ${seed}\n`)))
  )

const seeds = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i + 1)

describe("plain delivery under random faults", () => {
  it.scopedLive("through several lives: nothing is missing, and what came twice is unverified", () =>
    Effect.forEach(
      seeds(20),
      (seed) => through(seed, (dice) => Array.from({ length: 1 + dice.below(4) }, () => "generic")),
      { discard: true }
    ))

  it.scopedLive(
    "taking turns with batches: nothing is missing, no server seems to have gone back",
    () =>
      Effect.forEach(
        seeds(20),
        (seed) =>
          through(seed, (dice) =>
            Array.from({ length: 2 + dice.below(4) }, () =>
              dice.pick(["generic", "timeseries", undefined] as const))),
        { discard: true }
      )
  )
})
