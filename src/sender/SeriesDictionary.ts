import type { GenericMetric } from "../domain/GenericMetric.js"
import { identity, seriesKey, type Tags } from "../domain/Identity.js"
import { type JsonObject, utf8Length } from "../domain/Json.js"
import { encodeDefinition } from "../wire/BatchCodec.js"

/** A series as an outbox knows it. */
export interface KnownSeries {
  /** Unique within one opening of an outbox. */
  readonly id: number
  /** Its entry of `define`, as `encodeDefinition` writes it. */
  readonly definition: string
  /** Bytes of the definition. */
  readonly bytes: number
  /** Whether the outbox holds the definition. */
  committed: boolean
}

/** What of a metric goes into the columns beside its time and value. */
export interface SeriesEntry {
  readonly series: KnownSeries
  readonly fields: JsonObject | undefined
  /** Bytes that the fields take as JSON. */
  readonly fieldsBytes: number
}

interface KnownMetadata {
  readonly tags: Tags
  readonly fields: JsonObject | undefined
  readonly fieldsBytes: number
  readonly byOrigin: Map<string, Map<string, SeriesEntry>>
}

/**
 * Gives every series a number. What is found for a metadata object is kept
 * beside the object, so that a generator that reuses one pays for its key
 * once; the object must be frozen, as `metricProblem` leaves it.
 */
export class SeriesDictionary {
  private readonly byKey = new Map<string, KnownSeries>()
  private readonly byMetadata = new WeakMap<JsonObject, KnownMetadata>()

  /** The series of a metric and its fields. */
  resolve(metric: GenericMetric): SeriesEntry {
    const { metadata, metricType, origin } = metric
    let known = this.byMetadata.get(metadata)
    if (known === undefined) {
      const { fields, tags } = identity(metric)
      const fieldsBytes = fields === undefined ? 0 : utf8Length(JSON.stringify(fields))
      known = { tags, fields, fieldsBytes, byOrigin: new Map() }
      this.byMetadata.set(metadata, known)
    }
    let byType = known.byOrigin.get(origin)
    if (byType === undefined) {
      byType = new Map()
      known.byOrigin.set(origin, byType)
    }
    const found = byType.get(metricType)
    if (found !== undefined) return found
    const { fields, fieldsBytes, tags } = known
    const entry: SeriesEntry = { series: this.series(origin, metricType, tags), fields, fieldsBytes }
    byType.set(metricType, entry)
    return entry
  }

  private series(origin: string, metricType: string, tags: Tags): KnownSeries {
    const key = seriesKey(origin, metricType, tags)
    const known = this.byKey.get(key)
    if (known !== undefined) return known
    const id = this.byKey.size
    const definition = encodeDefinition(id, { origin, metricType, tags, key })
    const series: KnownSeries = { id, definition, bytes: utf8Length(definition), committed: false }
    this.byKey.set(key, series)
    return series
  }
}
