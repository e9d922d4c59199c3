import type { GenericMetric } from "../../domain/GenericMetric.js"
import type { JsonObject } from "../../domain/Json.js"
import { encodeColumns } from "../../wire/BatchCodec.js"
import { LONGEST_NUMBER } from "../../wire/writeNumber.js"
import type { NewBatch } from "../Outbox.js"
import type { KnownSeries, SeriesDictionary, SeriesEntry } from "./SeriesDictionary.js"

/** Most points of a batch. */
export const MAX_BATCH_POINTS = 1_000

/** Most bytes of a batch with all its definitions, as it is sent over HTTP. */
export const MAX_BATCH_BYTES = 524_288

// Never less than an id, a delta, a value and their commas take.
const pointBytes = 7 + 16 + LONGEST_NUMBER + 1

// `[index,…],` around the fields of a point.
const fieldsOverhead = 12

/**
 * Puts metrics into batches, closing one before it grows past
 * {@link MAX_BATCH_POINTS} or {@link MAX_BATCH_BYTES}. A batch always takes at
 * least one metric. A builder serves one commit after the other.
 */
export class BatchBuilder {
  private closed: Array<NewBatch> = []
  private defined = new Set<KnownSeries>()
  private ids: Array<number> = []
  private batch: number
  private define: Array<readonly [number, string]> = []
  // Written over by the next batch: arrays that grow anew for each would cost as much as filling them.
  private readonly series: Array<number> = []
  private readonly time: Array<number> = []
  private readonly value: Array<number> = []
  private readonly fields: Array<JsonObject | undefined> = []
  private count = 0
  private bytes = 0
  private from = Infinity
  private to = -Infinity

  constructor(private readonly dictionary: SeriesDictionary) {
    this.batch = dictionary.nextBatch()
  }

  /** Begins the next commit. */
  begin(): void {
    this.reset()
    this.closed = []
    this.defined = new Set()
  }

  /** How many batches are full. */
  get full(): number {
    return this.closed.length
  }

  /** Adds a valid metric; `now` (ms since the epoch) is its time when it carries none. */
  add(metric: GenericMetric, now: number): void {
    this.put(this.dictionary.resolve(metric), metric.timestamp ?? now, metric.value)
  }

  /** Adds a point of a series of the dictionary; `at` is its time, ms since the epoch. */
  put({ fields, fieldsBytes, series }: SeriesEntry, at: number, value: number): void {
    const own = pointBytes + (fields === undefined ? 0 : fieldsBytes + fieldsOverhead)
    const definition = series.batch === this.batch ? 0 : series.bytes + 1
    if (
      this.count === MAX_BATCH_POINTS ||
      (this.count > 0 && this.bytes + own + definition > MAX_BATCH_BYTES)
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
    const place = this.count++
    this.series[place] = series.id
    this.time[place] = at
    this.value[place] = value === 0 ? 0 : value
    this.fields[place] = fields
    this.bytes += own
    if (at < this.from) this.from = at
    if (at > this.to) this.to = at
  }

  private close(): void {
    const { count, fields, series, time, value } = this
    if (count === 0) return
    for (const column of [series, time, value, fields]) column.length = count
    this.closed.push({
      count,
      from: this.from,
      to: this.to,
      ids: this.ids,
      columns: encodeColumns({ series, time, value, fields }),
      define: this.define
    })
    this.reset()
  }

  private reset(): void {
    this.batch = this.dictionary.nextBatch()
    this.ids = []
    this.define = []
    this.count = 0
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
