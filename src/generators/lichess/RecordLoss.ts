import type { Effect } from "effect"
import type { Loss } from "../../telemetry/LossLedger.js"

/** Writes down what Lichess did not tell; without `from` it is a loss of this instant. */
export type RecordLoss = (
  loss: Pick<Loss, "reason" | "count" | "detail"> & { readonly from?: number }
) => Effect.Effect<void>
