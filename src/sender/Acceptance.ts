import { FiberRef } from "effect"

/** What became of a batch of metrics: the invalid ones are named, all others are accepted. */
export interface Acceptance {
  readonly accepted: number
  readonly rejected: ReadonlyArray<{ readonly index: number; readonly message: string }>
}

/**
 * Told of what a fiber gives to a sender in the turn in which it is committed: a
 * fiber that is interrupted at that moment cannot learn it from the answer.
 */
export const onAccepted = FiberRef.unsafeMake<(acceptance: Acceptance) => void>(() => {})
