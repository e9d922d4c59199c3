import type { GenericMetric } from "../../src/domain/GenericMetric.js"
import type { JsonObject } from "../../src/domain/Json.js"
import { BATCH, BenchData } from "../store/BenchData.js"

/** Series that the metrics belong to. */
export const SERIES = 200

const step = 1_000

// Batches that are made beforehand, so that making them costs next to nothing while others measure.
const pooled = 100

// Numbers outside of the heap, whose size decides how much garbage Node lets gather.
interface Recipe {
  readonly metadata: ReadonlyArray<JsonObject>
  readonly value: Float64Array
  readonly time: Float64Array
}

/**
 * Makes batches of metrics as a generator of a busy host would: 200 series once
 * a second, one metadata object a series, values as in the benchmark of the
 * store. They are plain objects, the same for whoever sends them.
 */
export class BenchMetrics {
  private readonly pool: ReadonlyArray<Recipe>
  private made = 0

  constructor() {
    const data = new BenchData({ name: "delivery", points: pooled * BATCH, series: SERIES, step })
    this.pool = Array.from({ length: pooled }, () => {
      const { series, time, value } = data.more(BATCH)
      return {
        metadata: series.map(({ tags }) => tags),
        value: Float64Array.from(value),
        time: Float64Array.from(time)
      }
    })
  }

  /** The next 1,000. */
  batch(): ReadonlyArray<GenericMetric> {
    const { metadata, time, value } = this.pool[this.made % pooled]
    const later = Math.floor(this.made / pooled) * pooled * (BATCH / SERIES) * step
    this.made++
    const metrics = new Array<GenericMetric>(value.length)
    for (let i = 0; i < value.length; i++) {
      metrics[i] = {
        origin: "bench",
        metricType: "value",
        value: value[i],
        timestamp: time[i] + later,
        metadata: metadata[i]
      }
    }
    return metrics
  }
}
