import { Either } from "effect"
import { fieldProblems, isMetricName } from "../domain/GenericMetric.js"
import { isMetadata, isWellFormed, type JsonObject, metadataProblem } from "../domain/Json.js"
import { makeSeries, type Series } from "../domain/Series.js"
import { isTimestamp } from "../domain/Timestamp.js"
import { LONGEST_NUMBER, writeNumber } from "./writeNumber.js"

/** Units in which the `time` column may count. */
export type TimeUnit = "s" | "ms" | "us" | "ns"

const millisIn: { readonly [unit in TimeUnit]: number } = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 }

const isTimeUnit = (value: unknown): value is TimeUnit =>
  value === "s" || value === "ms" || value === "us" || value === "ns"

/** Points of a batch as the sender holds them: ids of its dictionary instead of series. */
export interface Columns {
  readonly series: ReadonlyArray<number>
  /** Ms since the epoch, absolute. */
  readonly time: ReadonlyArray<number>
  readonly value: ReadonlyArray<number>
  readonly fields: ReadonlyArray<JsonObject | undefined>
}

const comma = 0x2c

// Written over by every batch.
let scratch = Buffer.allocUnsafe(4_096)

/** Writes numbers with commas between them; what is written is the difference to the one before where `delta` says so. */
const writeColumn = (start: number, column: ReadonlyArray<number>, delta: boolean): number => {
  const target = scratch
  let at = start
  let last = 0
  for (let i = 0; i < column.length; i++) {
    if (i > 0) target[at++] = comma
    const own = column[i]
    at = writeNumber(target, at, own - last)
    if (delta) last = own
  }
  return at
}

const writeKey = (at: number, key: string): number => at + scratch.write(key, at, "latin1")

/** Writes columns as the members of a batch frame: `"series":[…],"time":[…],"value":[…],"fields":[…]`. */
export const encodeColumns = ({ fields, series, time, value }: Columns): string => {
  const most = 64 + (series.length + time.length + value.length) * (LONGEST_NUMBER + 1)
  if (scratch.length < most) scratch = Buffer.allocUnsafe(2 * most)
  let at = writeColumn(writeKey(0, "\"series\":["), series, false)
  at = writeColumn(writeKey(at, "],\"time\":["), time, true)
  at = writeColumn(writeKey(at, "],\"value\":["), value, false)
  at = writeKey(at, "]")
  // One flat text: that of parts put together would be made flat in the old heap, where it waits for a full collection.
  const numbers = scratch.toString("latin1", 0, at)
  const sparse: Array<readonly [number, JsonObject]> = []
  for (let i = 0; i < fields.length; i++) {
    const own = fields[i]
    if (own !== undefined) sparse.push([i, own])
  }
  return sparse.length === 0 ? numbers : `${numbers},"fields":${JSON.stringify(sparse)}`
}

/** Writes a series as an entry of `define`. */
export const encodeDefinition = (id: number, series: Series): string =>
  JSON.stringify({
    id,
    origin: series.origin,
    metric_type: series.metricType,
    tags: series.tags,
    kind: series.kind,
    unit: series.unit
  })

/**
 * Writes a batch frame. `columns` and `define` are text already, so that a
 * batch that is sent again costs nothing to encode. `sender` and `acked` are
 * given over HTTP, where no `hello` came before.
 */
export const encodeBatch = (batch: {
  readonly stream: string
  readonly first: number
  readonly define: ReadonlyArray<string>
  readonly columns: string
  readonly sender?: string
  readonly acked?: number
}): string =>
  `{"type":"batch","stream":${JSON.stringify(batch.stream)},"first":${batch.first}` +
  (batch.sender === undefined ? "" : `,"sender":${JSON.stringify(batch.sender)}`) +
  (batch.acked === undefined ? "" : `,"acked":${batch.acked}`) +
  (batch.define.length === 0 ? "" : `,"define":[${batch.define.join(",")}]`) +
  `,${batch.columns}}`

/** A batch frame whose shape was checked; its definitions and points were not yet. */
export interface BatchFrame {
  readonly type: "batch"
  readonly stream: string
  readonly first: number
  /** Over HTTP only. */
  readonly sender: string | undefined
  /** Over HTTP only. */
  readonly acked: number | undefined
  readonly define: ReadonlyArray<unknown>
  readonly series: ReadonlyArray<unknown>
  readonly time: ReadonlyArray<unknown>
  readonly timeUnit: TimeUnit
  readonly value: ReadonlyArray<unknown>
  readonly fields: ReadonlyArray<unknown>
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const isArray = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

/** Whether a value can name a stream or a sender: 1 to 128 units of well-formed text. */
export const isStreamName = (value: unknown): value is string =>
  typeof value === "string" && value.length >= 1 && value.length <= 128 && isWellFormed(value)

/** Checks the shape of a batch frame. What is wrong inside one point is found by {@link readPoints}. */
export const decodeBatchFrame = (json: unknown): Either.Either<BatchFrame, string> => {
  if (typeof json !== "object" || json === null) return Either.left("expected an object")
  const frame: { readonly [key: string]: unknown } = { ...json }
  const { acked, define = [], fields = [], first, sender, series, stream, time, timeUnit = "ms", value } = frame
  if (!isStreamName(stream)) return Either.left("stream: expected 1 to 128 characters")
  if (!isOffset(first)) return Either.left("first: expected a whole number from 0 on")
  if (sender !== undefined && !isStreamName(sender)) return Either.left("sender: expected 1 to 128 characters")
  if (acked !== undefined && !isOffset(acked)) return Either.left("acked: expected a whole number from 0 on")
  if (!isTimeUnit(timeUnit)) return Either.left("timeUnit: expected s, ms, us or ns")
  if (!isArray(define)) return Either.left("define: expected an array")
  if (!isArray(series)) return Either.left("series: expected an array of ids")
  if (!isArray(time)) return Either.left("time: expected an array of numbers")
  if (!isArray(value)) return Either.left("value: expected an array of numbers")
  if (!isArray(fields) || !fields.every((entry) => isArray(entry) && entry.length === 2 && isOffset(entry[0]))) {
    return Either.left("fields: expected an array of [index, object]")
  }
  if (series.length === 0) return Either.left("series: a batch holds at least one point")
  if (time.length !== series.length || value.length !== series.length) {
    return Either.left(
      `columns differ in length: series ${series.length}, time ${time.length}, value ${value.length}`
    )
  }
  if (!isOffset(first + series.length)) return Either.left("first: the batch runs past the largest offset")
  return Either.right({ type: "batch", stream, first, sender, acked, define, series, time, timeUnit, value, fields })
}

/**
 * What a connection knows of the sender's series ids: the series, or why its
 * definition was refused (points of that id are rejected, the rest is taken).
 */
export type Dictionary = Map<number, Series | string>

const isTags = (value: JsonObject): value is { readonly [key: string]: string } =>
  Object.values(value).every((item) => typeof item === "string")

const readDefinition = (definition: { readonly [key: string]: unknown }): Series | string => {
  const { kind, metric_type, origin, tags = {}, unit } = definition
  if (!isMetricName(origin)) return fieldProblems.origin
  if (!isMetricName(metric_type)) return fieldProblems.metricType
  if (!isMetadata(tags)) return (metadataProblem(tags) ?? "").replace("metadata", "tags")
  if (!isTags(tags)) return "tags: expected strings only"
  if (kind !== undefined && (typeof kind !== "string" || kind.length > 64)) {
    return "kind: expected at most 64 characters"
  }
  if (unit !== undefined && (typeof unit !== "string" || unit.length > 64 || !isWellFormed(unit))) {
    return "unit: expected at most 64 characters"
  }
  return makeSeries(origin, metric_type, tags, { kind, unit })
}

/** The definitions that a value brings if it is meant as a batch, however wrong the rest of it is. */
export const definitionsIn = (json: unknown): ReadonlyArray<unknown> =>
  typeof json === "object" && json !== null && "type" in json && json.type === "batch" && "define" in json &&
    isArray(json.define)
    ? json.define
    : []

/**
 * Applies the definitions of a frame to a connection's dictionary. They count
 * whatever becomes of the frame. Fails when an entry has no usable id; the
 * others are applied all the same, and `onApplied` is told of each.
 */
export const applyDefinitions = (
  dictionary: Dictionary,
  define: ReadonlyArray<unknown>,
  onApplied: (id: number, definition: object) => void = () => {}
): Either.Either<void, string> => {
  let usable = true
  for (const entry of define) {
    if (typeof entry !== "object" || entry === null || !("id" in entry) || !isOffset(entry.id)) usable = false
    else {
      dictionary.set(entry.id, readDefinition({ ...entry }))
      onApplied(entry.id, entry)
    }
  }
  return usable ? Either.void : Either.left("define: every entry needs an id, a whole number from 0 on")
}

/** The points of a batch after every check, each with its offset in the stream. */
export interface ReadBatch {
  readonly offset: ReadonlyArray<number>
  readonly series: ReadonlyArray<Series>
  readonly time: ReadonlyArray<number>
  readonly value: ReadonlyArray<number>
  readonly fields: ReadonlyArray<JsonObject | undefined>
  readonly rejected: ReadonlyArray<readonly [offset: number, reason: string]>
}

/** A batch used series ids that were never defined on its connection. */
export interface UnknownSeries {
  readonly unknown: ReadonlyArray<number>
}

/** Fields as the store and the identity know them: a text field stays text. */
const fieldProblem = (fields: unknown): string | undefined => metadataProblem(fields)?.replace("metadata", "fields")

/**
 * Checks every point of a batch. A bad point is rejected with its offset and a
 * reason and costs its neighbours nothing; only an unknown series id fails the
 * whole frame, because then it cannot be told what the points are.
 */
export const readPoints = (frame: BatchFrame, dictionary: Dictionary): Either.Either<ReadBatch, UnknownSeries> => {
  // Of their full length at once: growing them would cost as much as filling them.
  const most = frame.series.length
  const offset = new Array<number>(most)
  const series = new Array<Series>(most)
  const time = new Array<number>(most)
  const value = new Array<number>(most)
  const fields = new Array<JsonObject | undefined>(most)
  let taken = 0
  const rejected: Array<readonly [number, string]> = []
  const unknown = new Set<number>()

  const fieldsAt = new Map<number, unknown>()
  for (const entry of frame.fields) {
    if (isArray(entry) && isOffset(entry[0])) fieldsAt.set(entry[0], entry[1])
  }

  const scale = millisIn[frame.timeUnit]
  let clock = 0
  let clockBroken = false
  for (let i = 0; i < most; i++) {
    const at = frame.first + i
    const delta = frame.time[i]
    if (typeof delta === "number" && Number.isFinite(delta)) clock += delta
    else clockBroken = true
    const id = frame.series[i]
    const known = typeof id === "number" ? dictionary.get(id) : undefined
    if (known === undefined) {
      if (typeof id === "number") unknown.add(id)
      else rejected.push([at, "series: expected the id of a defined series"])
      continue
    }
    if (typeof known === "string") {
      rejected.push([at, known])
      continue
    }
    const millis = scale === 1 && Number.isInteger(clock) ? clock : Math.floor(clock * scale)
    if (clockBroken) {
      rejected.push([at, "time: this delta or one before it is no number"])
      continue
    }
    if (!isTimestamp(millis)) {
      rejected.push([at, "time: outside the years 0 to 9999"])
      continue
    }
    const own = frame.value[i]
    if (typeof own !== "number" || !Number.isFinite(own)) {
      rejected.push([at, fieldProblems.value])
      continue
    }
    const context = fieldsAt.size === 0 ? undefined : fieldsAt.get(i)
    if (context !== undefined && !isMetadata(context)) {
      rejected.push([at, fieldProblem(context) ?? "fields: expected a JSON object"])
      continue
    }
    offset[taken] = at
    series[taken] = known
    time[taken] = millis
    value[taken] = own === 0 ? 0 : own
    fields[taken] = context === undefined || Object.keys(context).length === 0 ? undefined : context
    taken++
  }
  for (const column of [offset, series, time, value, fields]) column.length = taken
  return unknown.size > 0
    ? Either.left({ unknown: Array.from(unknown) })
    : Either.right({ offset, series, time, value, fields, rejected })
}
