import { Context } from "effect"

/**
 * Most streams that one hello names. An outbox keeps one for each start of a
 * collector that had something to deliver, and a hello of thousands is more than
 * a server takes, in bytes or in the time for its answer. A simulation provides
 * fewer, to have a sender go on to its next hello often.
 */
export class MostOffered extends Context.Reference<MostOffered>()("metrics-collector/sender/MostOffered", {
  defaultValue: (): number => 200
}) {}
