import type { GenericMetric } from "../../src/domain/GenericMetric.js"
import { BATCH, BenchData } from "../store/BenchData.js"

// The server guards how many series a metric type may have.
const seriesOfType = 5_000

const step = 1_000

/** Options of {@link SeriesMetrics}. */
export interface SeriesMetricsOptions {
  /** Tells the series of one maker from those of another. */
  readonly owner?: string
  /** Batches that are made beforehand, so that making them costs next to nothing while others measure; 100 unless given. */
  readonly pooled?: number
}

/**
 * Makes batches of metrics of any number of series, one metadata object a
 * series, values as in the benchmark of the store.
 */
export class SeriesMetrics {
  private readonly metadata: ReadonlyArray<{ readonly [key: string]: string }>
  private readonly metricTypes: ReadonlyArray<string>
  private readonly value: Float64Array
  private readonly time: Float64Array
  private made = 0

  constructor(readonly series: number, { owner, pooled = 100 }: SeriesMetricsOptions = {}) {
    // Whole rounds, so that the series stay in turn when the pool begins anew.
    const points = Math.ceil(pooled * BATCH / series) * series
    const data = new BenchData({ name: "growth", points, series, step })
    this.value = new Float64Array(points)
    this.time = new Float64Array(points)
    for (let at = 0; at < points;) {
      const { time, value } = data.more(Math.min(BATCH, points - at))
      this.value.set(value, at)
      this.time.set(time, at)
      at += value.length
    }
    const tags = owner === undefined ? {} : { owner }
    this.metadata = Array.from({ length: series }, (_, i) => ({ series: `s${i}`, ...tags }))
    this.metricTypes = Array.from(
      { length: Math.ceil(series / seriesOfType) },
      (_, i) => i === 0 ? "value" : `value_${i}`
    )
  }

  /** The next ones. */
  batch(count = BATCH): ReadonlyArray<GenericMetric> {
    const { length } = this.value
    const metrics = new Array<GenericMetric>(count)
    for (let i = 0; i < count; i++, this.made++) {
      const at = this.made % length
      const series = this.made % this.series
      metrics[i] = {
        origin: "bench",
        metricType: this.metricTypes[Math.floor(series / seriesOfType)],
        value: this.value[at],
        timestamp: this.time[at] + Math.floor(this.made / length) * (length / this.series) * step,
        metadata: this.metadata[series]
      }
    }
    return metrics
  }
}
