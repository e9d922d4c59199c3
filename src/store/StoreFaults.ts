import { Context } from "effect"

/**
 * Where a store may be stopped: between two steps of which a crash must lose
 * nothing.
 *
 * - `append`: a row of the log was written, not committed
 * - `committed`: a transaction was committed, nobody was told
 * - `flush`: chunks of a series were written, its mark was not moved
 * - `trim`: rows of the log were deleted, not committed
 * - `replay`: the log was read at a start
 */
export type StoreStep = "append" | "committed" | "flush" | "trim" | "replay"

/** Told of each {@link StoreStep}; does nothing unless a test provides another one, which may throw or end the process. */
export class StoreFaults extends Context.Reference<StoreFaults>()("metrics-collector/store/StoreFaults", {
  defaultValue: () => ({ reach: (_: StoreStep): void => undefined })
}) {}
