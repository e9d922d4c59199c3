import { Context, Data, type Effect } from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"
import type { OutboxError } from "./Outbox.js"

/** A metric that cannot be accepted, and why. Nothing of it was kept. */
export class InvalidMetricError extends Data.TaggedError("InvalidMetricError")<{ readonly message: string }> {}

/** Delivery stopped and needs a person; what was accepted is still in the outbox. */
export class DeliveryStoppedError extends Data.TaggedError("DeliveryStoppedError")<{ readonly message: string }> {}

/** What became of a batch of metrics: the invalid ones are named, all others are accepted. */
export interface Acceptance {
  readonly accepted: number
  readonly rejected: ReadonlyArray<{ readonly index: number; readonly message: string }>
}

/**
 * Delivers metrics to a server, each exactly once or its loss written down.
 *
 * Its scope is its life: building the Layer starts delivery, closing the scope
 * flushes within a grace and keeps the rest in the outbox.
 */
export class GenericMetricsSender extends Context.Tag("metrics-collector/sender/GenericMetricsSender")<
  GenericMetricsSender,
  {
    /** Accepts one metric: returns when it is committed to the outbox. */
    readonly sendMetric: (metric: GenericMetric) => Effect.Effect<void, InvalidMetricError | OutboxError>
    /** Accepts many metrics: returns when the valid ones are committed to the outbox. */
    readonly sendMetrics: (metrics: Iterable<GenericMetric>) => Effect.Effect<Acceptance, OutboxError>
    /** Waits until everything accepted before the call is acknowledged by the server. */
    readonly flush: Effect.Effect<void, OutboxError | DeliveryStoppedError>
  }
>() {}
