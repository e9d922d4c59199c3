import type { GenericMetric } from "../../domain/GenericMetric.js"
import { identity, seriesKey, type Tags } from "../../domain/Identity.js"
import { type JsonObject, utf8Length } from "../../domain/Json.js"
import { encodeDefinition } from "../../wire/BatchCodec.js"

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
  /** The number of the last batch that used it; see `SeriesDictionary.nextBatch`. */
  batch: number
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
  /** What was found last: most metadata objects belong to one series. */
  origin: string
  metricType: string
  entry: SeriesEntry
}

/**
 * Gives every series a number. What is found for a metadata object is kept
 * beside the object, so that a generator that reuses one pays for its key
 * once; the object must be frozen, as `metricProblem` leaves it.
 */
export class SeriesDictionary {
  private readonly byKey = new Map<string, KnownSeries>()
  private readonly byMetadata = new WeakMap<JsonObject, KnownMetadata>()
  private batches = 0

  /** A number that no batch had before. */
  nextBatch(): number {
    return ++this.batches
  }

  /**
   * The series of a metric whose metadata and names are those of one that was
   * resolved before, so that they need no check; `undefined` where that is not
   * known at once.
   */
  find({ metadata, metricType, origin }: GenericMetric): SeriesEntry | undefined {
    const known = this.byMetadata.get(metadata)
    return known !== undefined && known.metricType === metricType && known.origin === origin ? known.entry : undefined
  }

  /** The series of a metric and its fields. */
  resolve(metric: GenericMetric): SeriesEntry {
    const { metadata, metricType, origin } = metric
    const known = this.byMetadata.get(metadata)
    if (known === undefined) return this.learn(metric)
    if (known.metricType === metricType && known.origin === origin) return known.entry
    let byType = known.byOrigin.get(origin)
    if (byType === undefined) {
      byType = new Map()
      known.byOrigin.set(origin, byType)
    }
    const { fields, fieldsBytes, tags } = known
    const entry = byType.get(metricType) ?? { series: this.series(origin, metricType, tags), fields, fieldsBytes }
    byType.set(metricType, entry)
    known.origin = origin
    known.metricType = metricType
    known.entry = entry
    return entry
  }

  private learn(metric: GenericMetric): SeriesEntry {
    const { metadata, metricType, origin } = metric
    const { fields, tags } = identity(metric)
    const fieldsBytes = fields === undefined ? 0 : utf8Length(JSON.stringify(fields))
    const entry: SeriesEntry = { series: this.series(origin, metricType, tags), fields, fieldsBytes }
    const byOrigin = new Map([[origin, new Map([[metricType, entry]])]])
    this.byMetadata.set(metadata, { tags, fields, fieldsBytes, byOrigin, origin, metricType, entry })
    return entry
  }

  private series(origin: string, metricType: string, tags: Tags): KnownSeries {
    const key = seriesKey(origin, metricType, tags)
    const known = this.byKey.get(key)
    if (known !== undefined) return known
    const id = this.byKey.size
    const definition = encodeDefinition(id, { origin, metricType, tags, key })
    const series: KnownSeries = { id, definition, bytes: utf8Length(definition), committed: false, batch: 0 }
    this.byKey.set(key, series)
    return series
  }
}
