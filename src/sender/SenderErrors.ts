import { Data } from "effect"

/** A metric that cannot be accepted, and why. Nothing of it was kept. */
export class InvalidMetricError extends Data.TaggedError("InvalidMetricError")<{ readonly message: string }> {}

/** Delivery stopped and needs a person; what was accepted is still in the outbox. */
export class DeliveryStoppedError extends Data.TaggedError("DeliveryStoppedError")<{ readonly message: string }> {}

/** An attempt to deliver failed, and may succeed later. */
export class DeliveryFailure extends Data.TaggedError("DeliveryFailure")<{
  readonly message: string
  /** How long the server asks to wait, ms. */
  readonly retryAfterMillis?: number | undefined
  /** Whether it is certain that the server has nothing of what was sent. */
  readonly untaken?: boolean
}> {}

/** The server refused what no retry cures; the message says what to do. */
export class DeliveryRefused extends Data.TaggedError("DeliveryRefused")<{ readonly message: string }> {}
