import type { Effect } from "effect"
import type { StoreError } from "../MetricStore.js"
import type { StoreParts } from "../StoreParts.js"
import type { RetentionAges } from "./RetentionAges.js"

/** Losses that a store lists, unless said otherwise; older ones are forgotten. */
export const DEFAULT_MAX_LOSSES = 100_000

/**
 * Forgets losses beyond the newest `maxLosses`, whose metrics the streams
 * still count, and streams that nobody wrote into for longer than any point is
 * kept: whatever is sent again of them would be beyond the retention, so that
 * nothing can be stored twice. Where points are kept for ever, so are streams.
 */
export const pruneSenders = (
  { commits, statements }: StoreParts,
  ages: RetentionAges,
  maxLosses: number,
  now: number
): Effect.Effect<void, StoreError> =>
  commits.writeNow({
    run: () => {
      const streams = statements.forgetStreams.run(now - ages.longest).changes
      if (streams > 0) statements.forgetOrphans.run()
      statements.forgetLosses.run(maxLosses)
    },
    committed: () => undefined
  })
