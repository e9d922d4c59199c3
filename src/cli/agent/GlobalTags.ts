import { Chunk, Stream } from "effect"
import { GenericMetric } from "../../domain/GenericMetric.js"
import type { Tags } from "../../domain/Identity.js"
import type { JsonObject } from "../../domain/Json.js"
import type { MetricsGenerator } from "../../generators/MetricsGenerator.js"

/**
 * Puts tags on every metric of a generator; a tag that a metric has of its own
 * stays. Metrics that share a metadata object still share one afterwards,
 * because the sender recognises a series by it.
 */
export const withGlobalTags = (tags: Tags) => (generator: MetricsGenerator): MetricsGenerator => {
  if (Object.keys(tags).length === 0) return generator
  const known = new WeakMap<JsonObject, JsonObject>()
  const tagged = (metadata: JsonObject): JsonObject => {
    const before = known.get(metadata)
    if (before !== undefined) return before
    const result = { ...tags, ...metadata }
    // A generator may still change an object that it did not freeze.
    if (Object.isFrozen(metadata)) known.set(metadata, result)
    return result
  }
  return {
    ...generator,
    generateMetrics: Stream.mapChunks(
      generator.generateMetrics,
      Chunk.map((metric) => new GenericMetric({ ...metric, metadata: tagged(metric.metadata) }, true))
    )
  }
}
