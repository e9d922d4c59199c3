import { HttpClient } from "@effect/platform"
import { Context, Duration, Effect, Fiber, Layer, type Redacted } from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"
import { LossLedger } from "../telemetry/LossLedger.js"
import { PipelineStatus } from "../telemetry/PipelineStatus.js"
import { type EndpointError, parseEndpoint, parsePlainEndpoint } from "../wire/Endpoint.js"
import { httpConnections } from "../wire/HttpConnections.js"
import type { Acceptance } from "./Acceptance.js"
import { makeBatcher } from "./Batcher.js"
import { makeDelivery } from "./delivery/Delivery.js"
import { SocketConnector } from "./delivery/SocketConnector.js"
import { MemoryOutbox } from "./MemoryOutbox.js"
import { Outbox, OutboxError, type OutboxLimits } from "./Outbox.js"
import { declareLosses, keepDeclaring } from "./outbox/LossDeclarations.js"
import type { PlainFormat } from "./plain/PlainPieces.js"
import type { DeliveryStoppedError, InvalidMetricError } from "./SenderErrors.js"
import { SqliteOutbox } from "./SqliteOutbox.js"

export type { Acceptance } from "./Acceptance.js"
export type { PlainFormat } from "./plain/PlainPieces.js"
export { DeliveryStoppedError, InvalidMetricError } from "./SenderErrors.js"

/** Time for writing down at the end what was lost. */
const LAST_DECLARATION = Duration.seconds(1)

/** Where and how a sender delivers. */
export interface DeliveryTarget {
  /** The server, as in `ws://localhost:5000/ws/metrics` or `http://localhost:5000`. */
  readonly endpointUrl: string
  /** Where HTTP goes when it cannot be told from `endpointUrl`. */
  readonly httpEndpointUrl?: string | undefined
  /** Sent as a bearer token. */
  readonly token?: Redacted.Redacted | undefined
  /**
   * Sends metrics as plain JSON in this form, to a server that does not speak
   * batches: at least once, and what is in doubt is written down as `unverified`.
   * The path of `endpointUrl` may be any.
   */
  readonly plain?: PlainFormat | undefined
  /** How long closing may take to deliver what is left; 5 s unless given. */
  readonly shutdownGrace?: Duration.DurationInput | undefined
}

/** Options of {@link GenericMetricsSender.layer}. */
export interface SenderOptions extends DeliveryTarget {
  /** Folder of the outbox. Without it the outbox is in memory, and what is not delivered at the end is lost. */
  readonly dataDir?: string | undefined
  /** Bounds of the outbox. */
  readonly outbox?: Partial<OutboxLimits> | undefined
  /** Certificates (PEM) that are trusted in place of the authorities that Node trusts. */
  readonly ca?: string | undefined
  /** Name of this sender, for people; a UUID unless given. */
  readonly senderName?: string | undefined
}

/**
 * Delivers metrics to a server, each exactly once or its loss written down.
 *
 * Its scope is its life: building the Layer starts delivery, closing the scope
 * flushes within a grace and keeps the rest in the outbox. What it guarantees
 * stands in `docs/delivery.md`.
 */
export class GenericMetricsSender extends Context.Tag("metrics-collector/sender/GenericMetricsSender")<
  GenericMetricsSender,
  {
    /**
     * Accepts one metric: returns when it is committed to the outbox.
     * Interrupted before that, the metric is not accepted.
     */
    readonly sendMetric: (metric: GenericMetric) => Effect.Effect<void, InvalidMetricError | OutboxError>
    /** Accepts many metrics: returns when the valid ones are committed to the outbox, all together. */
    readonly sendMetrics: (metrics: Iterable<GenericMetric>) => Effect.Effect<Acceptance, OutboxError>
    /** Waits until everything accepted before the call is acknowledged by the server. */
    readonly flush: Effect.Effect<void, OutboxError | DeliveryStoppedError>
  }
>() {
  /**
   * A sender over real sockets, with an outbox in `dataDir` or in memory.
   * `PipelineStatus` and `LossLedger` are those of the whole build, because
   * Layers are shared by reference.
   */
  static readonly layer = (
    options: SenderOptions
  ): Layer.Layer<GenericMetricsSender, EndpointError | OutboxError> => {
    const { ca, dataDir, outbox, senderName } = options
    const limits = { ...outbox, ...(senderName === undefined ? undefined : { sender: senderName }) }
    return GenericMetricsSender.layerWithOutbox({ ...options, durable: dataDir !== undefined }).pipe(
      Layer.provide(dataDir === undefined ? MemoryOutbox.layer(limits) : SqliteOutbox.layer({ dataDir, ...limits })),
      Layer.provide(Layer.mergeAll(
        SocketConnector.layerTrusting(ca),
        httpConnections(ca),
        PipelineStatus.Default,
        LossLedger.Default
      ))
    )
  }

  /**
   * A sender over a given outbox and network, for tests and for hosts that own
   * either. `durable` says whether the outbox outlives the process.
   */
  static readonly layerWithOutbox = (
    options: DeliveryTarget & { readonly durable: boolean }
  ): Layer.Layer<
    GenericMetricsSender,
    EndpointError | OutboxError,
    Outbox | SocketConnector | HttpClient.HttpClient | PipelineStatus | LossLedger
  > =>
    Layer.scoped(
      GenericMetricsSender,
      Effect.gen(function*() {
        const outbox = yield* Outbox
        const ledger = yield* LossLedger
        const { sender: status } = yield* PipelineStatus
        const endpoint = yield* (options.plain === undefined ? parseEndpoint : parsePlainEndpoint)(
          options.endpointUrl,
          options.httpEndpointUrl
        )
        const delivery = yield* makeDelivery({
          outbox,
          connector: yield* SocketConnector,
          client: yield* HttpClient.HttpClient,
          endpoint,
          token: options.token,
          status,
          ledger,
          plain: options.plain
        })
        const batcher = yield* makeBatcher(outbox, status, delivery.refresh)
        const declaring = yield* Effect.forkScoped(keepDeclaring(ledger, outbox))
        yield* delivery.refresh

        // What was written down until now. A full disk must not hold up the end for long.
        const declareRest = declareLosses(ledger, outbox).pipe(
          Effect.interruptible,
          Effect.timeoutFail({
            duration: LAST_DECLARATION,
            onTimeout: () => new OutboxError({ reason: "Full", message: "the disk is full" })
          }),
          Effect.catchAll((error) => Effect.logError(`losses could not be written down at the end: ${error.message}`))
        )

        const close = Effect.gen(function*() {
          yield* Fiber.interrupt(declaring)
          yield* declareRest
          // Interruptible first: a timeout alone would wait for what it times out.
          yield* Effect.zipRight(batcher.drain, delivery.flush).pipe(
            Effect.interruptible,
            Effect.timeoutOption(options.shutdownGrace ?? Duration.seconds(5)),
            Effect.catchAll((error) => Effect.logDebug(`not all was delivered at the end: ${error.message}`))
          )
          yield* delivery.settle
          yield* declareRest
          yield* delivery.refresh
          const left = status.pending
          if (left === 0) return
          if (options.durable) {
            return yield* Effect.logWarning(
              `${left} metrics were not delivered before the end; they stay in the outbox and are sent at the next start`
            )
          }
          yield* ledger.record({
            source: "sender",
            reason: "undelivered",
            count: left,
            detail: status.lastError ?? "the grace of the shutdown was over"
          })
          yield* Effect.logWarning(
            `${left} metrics were not delivered before the end and are lost, because the outbox is in memory only; ` +
              "a data directory would keep them"
          )
        })
        yield* Effect.addFinalizer(() => close)
        return {
          sendMetric: batcher.sendMetric,
          sendMetrics: batcher.sendMetrics,
          flush: delivery.flush
        }
      })
    )
}
