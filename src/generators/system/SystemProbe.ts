import { Context, Data, type Effect } from "effect"
import type { SystemMetrics } from "../../domain/SystemMetrics.js"

/** A probe could tell nothing at all of the host. Single parts that cannot be read are absent instead. */
export class ProbeError extends Data.TaggedError("ProbeError")<{
  /** Name of the probe. */
  readonly probe: string
  /** What could not be read, and what to do about it. */
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * Where {@link SystemMetrics} come from.
 *
 * Rates, such as the CPU's load, are computed between two samples: the probe
 * keeps the counters of the last one, so the first sample has none, and a
 * sample that follows another too closely to measure has none either.
 */
export class SystemProbe extends Context.Tag("metrics-collector/generators/system/SystemProbe")<SystemProbe, {
  /** `proc` or `systeminformation`; names the probe in messages. */
  readonly name: string
  /** Takes a snapshot of the host, stamped by the Clock. */
  readonly sample: Effect.Effect<SystemMetrics, ProbeError>
}>() {}
