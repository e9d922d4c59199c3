/** One line of a chart. */
export interface ChartLine {
  readonly key: string
  /** What tells it from its neighbours; empty when there is nothing to tell. */
  readonly label: string
  readonly metricType: string
}
