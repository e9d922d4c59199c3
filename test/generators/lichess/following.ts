import type { HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { Data, Effect, type Exit, Fiber, Layer, Logger, type Scope, Stream, TestClock } from "effect"
import type { GenericMetric } from "../../../src/domain/GenericMetric.js"
import { identity, type Tags } from "../../../src/domain/Identity.js"
import type { JsonObject } from "../../../src/domain/Json.js"
import type { LichessOptions } from "../../../src/generators/lichess/LichessOptions.js"
import { LichessMetricsCollector } from "../../../src/generators/LichessMetricsCollector.js"
import type { GeneratorError } from "../../../src/generators/MetricsGenerator.js"
import { type Loss, LossLedger } from "../../../src/telemetry/LossLedger.js"

/** What was waited for did not come. */
export class NotReached extends Data.TaggedError("NotReached")<{ readonly message: string }> {}

/** A metric as tests look at it. */
export interface Row {
  readonly type: string
  readonly value: number
  readonly tags: Tags
  readonly fields: JsonObject | undefined
  readonly timestamp: number | undefined
}

/** A collector that is running, and what came of it so far. */
export interface Following {
  /** What came so far, feed health left out. */
  readonly rows: () => ReadonlyArray<Row>
  readonly types: () => ReadonlyArray<string>
  readonly ofType: (type: string) => ReadonlyArray<Row>
  /** The newest value of a metric of the feeds' health. */
  readonly health: (type: string) => number | undefined
  readonly logged: ReadonlyArray<string>
  readonly losses: Effect.Effect<ReadonlyArray<Loss>>
  readonly metrics: ReadonlyArray<GenericMetric>
  /** Runs the stream once more, to its end. */
  readonly again: Effect.Effect<Exit.Exit<void, GeneratorError>>
  /** The end of the stream. */
  readonly ended: Effect.Effect<Exit.Exit<void, GeneratorError>>
  /** Waits, without moving the clock. */
  readonly until: (reached: () => boolean) => Effect.Effect<void, NotReached>
  /**
   * Moves the clock by a second at a time until it is reached, slowly enough
   * for the sockets: no request may run into its timeout meanwhile.
   */
  readonly advanceUntil: (reached: () => boolean) => Effect.Effect<void, NotReached>
}

/** Lets everything run that does not wait for the clock. */
export const settle: Effect.Effect<void> = Effect.repeatN(
  Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve))),
  4
)

/** Lets time pass; what falls due in it happens in its order, each at its time. */
export const pass = (seconds: number): Effect.Effect<void> =>
  settle.pipe(Effect.zipRight(TestClock.adjust(`${seconds} seconds`)), Effect.zipRight(settle))

const rowOf = (metric: GenericMetric): Row => {
  const { fields, tags } = identity(metric)
  return { type: metric.metricType, value: metric.value, tags, fields, timestamp: metric.timestamp }
}

/** Starts a collector over the given client, real sockets unless given. */
export const following = (
  options: LichessOptions,
  client: Layer.Layer<HttpClient.HttpClient> = NodeHttpClient.layerUndici
): Effect.Effect<Following, never, Scope.Scope> =>
  Effect.gen(function*() {
    const metrics: Array<GenericMetric> = []
    const seen: Array<Row> = []
    const logged: Array<string> = []
    const log = Logger.make(({ message }) => void logged.push([message].flat().join(" ")))
    const context = yield* Layer.build(
      Layer.merge(
        LichessMetricsCollector.layerWithoutDependencies(options).pipe(Layer.provide(client)),
        LossLedger.Default
      ).pipe(Layer.provide(LossLedger.Default), Layer.orDie)
    )
    const { generateMetrics } = yield* Effect.provide(LichessMetricsCollector, context)
    const run = generateMetrics.pipe(
      Stream.runForEachChunk((chunk) =>
        Effect.sync(() => {
          for (const metric of chunk) {
            metrics.push(metric)
            seen.push(rowOf(metric))
          }
        })
      ),
      Effect.provide(Logger.replace(Logger.defaultLogger, log))
    )
    const fiber = yield* Effect.forkScoped(run)
    const losses = Effect.flatMap(Effect.provide(LossLedger, context), (ledger) => ledger.losses)

    const rows = () => seen.filter(({ type }) => !type.startsWith("feed_"))
    const wait = (reached: () => boolean, between: Effect.Effect<void>): Effect.Effect<void, NotReached> =>
      Effect.gen(function*() {
        for (let i = 0; i < 1000; i++) {
          if (reached()) return
          yield* between
        }
        return yield* new NotReached({
          message: `not reached\n${JSON.stringify(seen.slice(-20), undefined, 1)}\n${logged.join("\n")}`
        })
      })
    const turn = (millis: number) => Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, millis)))
    return {
      metrics,
      rows,
      types: () => rows().map(({ type }) => type),
      ofType: (type) => seen.filter((row) => row.type === type),
      health: (type) => seen.findLast((row) => row.type === type)?.value,
      logged,
      losses,
      ended: Fiber.await(fiber),
      again: Effect.exit(run),
      until: (reached) => wait(reached, turn(5)),
      advanceUntil: (reached) => wait(reached, Effect.zipRight(TestClock.adjust("1 second"), turn(20)))
    }
  })
