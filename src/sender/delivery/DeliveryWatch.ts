import { Context } from "effect"
import type { DeliveryEvent, DeliveryState } from "./DeliveryState.js"

/** Told of every transition of delivery; does nothing unless somebody wants to know, as a simulation does. */
export class DeliveryWatch extends Context.Reference<DeliveryWatch>()("metrics-collector/sender/DeliveryWatch", {
  defaultValue: () => ({
    moved: (_from: DeliveryState, _event: DeliveryEvent, _to: DeliveryState): void => undefined
  })
}) {}
