import { Context, Effect, Layer, Schedule } from "effect"
import { GenericMetricsSender, type SenderOptions } from "../../src/sender/GenericMetricsSender.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"

/** A sender until the scope closes, with what it tells of itself and the losses it writes down. */
export const startSender = (options: SenderOptions) =>
  GenericMetricsSender.layer(options).pipe(
    Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default)),
    Layer.build,
    Effect.map((context) => ({
      ...Context.get(context, GenericMetricsSender),
      status: Context.get(context, PipelineStatus).sender,
      ledger: Context.get(context, LossLedger)
    }))
  )

/** Waits until something holds. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(Effect.sleep("20 millis"), { until: holds, schedule: Schedule.forever }))
