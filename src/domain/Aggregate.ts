/** All that {@link Aggregate} can be. */
export const aggregates = ["avg", "min", "max", "sum", "count", "last", "rate", "p50", "p95", "p99"] as const

/**
 * How the points of a bucket become one value. `last` is the newest value.
 * `p50`, `p95` and `p99` are percentiles, between two points on the line from
 * one to the other. `rate` is how much a counter grew, per second of the step:
 * growth from one point of a series to the next counts where the later one
 * lies, and a value below the one before is a counter that began again at 0.
 */
export type Aggregate = typeof aggregates[number]

/** Whether a text names an aggregate. */
export const isAggregate = (text: string): text is Aggregate => aggregates.some((aggregate) => aggregate === text)
