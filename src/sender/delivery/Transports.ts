import type { Effect, Scope } from "effect"
import type { OutboxError } from "../Outbox.js"
import type { DeliveryFailure, DeliveryRefused } from "../SenderErrors.js"

/** Why a way of delivery ended. */
export type TransportFailure = DeliveryFailure | DeliveryRefused | OutboxError

/** The two ways of one protocol. What leaves over either is said by the `Positions` that both share. */
export interface Transports {
  /**
   * Opens the socket, for as long as the scope; gives what delivers over it until it is lost. `onPart` runs when all
   * that one hello named is delivered, before the next one.
   */
  readonly openSocket: (
    onPart: Effect.Effect<void>
  ) => Effect.Effect<Effect.Effect<never, TransportFailure>, TransportFailure, Scope.Scope>
  /** Delivers over HTTP until it fails; `onAnswer` runs after each answer that takes something. */
  readonly overHttp: (onAnswer: Effect.Effect<void>) => Effect.Effect<never, TransportFailure>
  /** Writes down what is known of delivery and stands nowhere yet. */
  readonly settle: Effect.Effect<void>
}
