import type { GenericMetric } from "../domain/GenericMetric.js"
import type { JsonObject } from "../domain/Json.js"
import { encodeColumns } from "../wire/BatchCodec.js"
import type { NewBatch } from "./Outbox.js"
import type { KnownSeries, SeriesDictionary } from "./SeriesDictionary.js"

/** Most points of a batch. */
export const MAX_BATCH_POINTS = 1_000

/** Most bytes of a batch with all its definitions, as it is sent over HTTP. */
export const MAX_BATCH_BYTES = 524_288

// Never less than an id, a delta, a value and their commas take: the longest
// number that JSON writes has 24 characters.
const pointBytes = 7 + 16 + 25

// `[index,…],` around the fields of a point.
const fieldsOverhead = 12

/**
 * Puts metrics into batches, closing one before it grows past
 * {@link MAX_BATCH_POINTS} or {@link MAX_BATCH_BYTES}. A batch always takes at
 * least one metric. One builder serves one commit.
 */
export class BatchBuilder {
  private readonly closed: Array<NewBatch> = []
  private readonly defined = new Set<KnownSeries>()
  private ids: Array<number> = []
  private batch: number
  private define: Array<readonly [number, string]> = []
  private series: Array<number> = []
  private time: Array<number> = []
  private value: Array<number> = []
  private fields: Array<JsonObject | undefined> = []
  private bytes = 0
  private from = Infinity
  private to = -Infinity

  constructor(private readonly dictionary: SeriesDictionary) {
    this.batch = dictionary.nextBatch()
  }

  /** How many batches are full. */
  get full(): number {
    return this.closed.length
  }

  /** Adds a valid metric; `now` (ms since the epoch) is its time when it carries none. */
  add(metric: GenericMetric, now: number): void {
    const { fields, fieldsBytes, series } = this.dictionary.resolve(metric)
    const own = pointBytes + (fields === undefined ? 0 : fieldsBytes + fieldsOverhead)
    const definition = series.batch === this.batch ? 0 : series.bytes + 1
    if (
      this.series.length === MAX_BATCH_POINTS ||
      (this.series.length > 0 && this.bytes + own + definition > MAX_BATCH_BYTES)
    ) this.close()
    if (series.batch !== this.batch) {
      series.batch = this.batch
      this.ids.push(series.id)
      this.bytes += series.bytes + 1
      if (!series.committed && !this.defined.has(series)) {
        this.defined.add(series)
        this.define.push([series.id, series.definition])
      }
    }
    const at = metric.timestamp ?? now
    this.series.push(series.id)
    this.time.push(at)
    this.value.push(metric.value === 0 ? 0 : metric.value)
    this.fields.push(fields)
    this.bytes += own
    if (at < this.from) this.from = at
    if (at > this.to) this.to = at
  }

  private close(): void {
    if (this.series.length === 0) return
    this.closed.push({
      count: this.series.length,
      from: this.from,
      to: this.to,
      ids: this.ids,
      columns: encodeColumns({ series: this.series, time: this.time, value: this.value, fields: this.fields }),
      define: this.define
    })
    this.batch = this.dictionary.nextBatch()
    this.ids = []
    this.define = []
    this.series = []
    this.time = []
    this.value = []
    this.fields = []
    this.bytes = 0
    this.from = Infinity
    this.to = -Infinity
  }

  /** Closes the last batch and gives all of them, in order. */
  finish(): ReadonlyArray<NewBatch> {
    this.close()
    return this.closed
  }

  /** The outbox took the batches: later ones need not define their series again. */
  committed(): void {
    for (const series of this.defined) series.committed = true
  }
}
