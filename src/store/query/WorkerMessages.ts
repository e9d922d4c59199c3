import type { Tags } from "../../domain/Identity.js"
import type { JsonObject } from "../../domain/Json.js"
import type { QueryAnswer, QueryError, SeriesPoints, StoreError, StoreQuery } from "../MetricStore.js"
import { isOverflow } from "../series/Overflow.js"
import { writeAnswer } from "./AnswerText.js"
import { type PackedPoints, PointPacker, unpackFields } from "./PackedPoints.js"
import type { PatternQuestion, PatternVerdicts } from "./PatternJudge.js"
import type { ScanResult } from "./QueryRunner.js"
import type { DamagedChunk, ScannedSeries } from "./Scan.js"
import type { TextMemory } from "./TextMemory.js"

/** A {@link ScannedSeries} of whose head there are `count` points in the piece that it comes with. */
interface PackedSeries extends Omit<ScannedSeries, "head"> {
  readonly firstRow: number
  readonly count: number
}

/** Some of the series of a request, and their points one after another. */
export interface RequestPart {
  readonly series: ReadonlyArray<PackedSeries>
  readonly points: PackedPoints
}

/** Points of one series, or of one group, in a part of an answer. */
interface PartSeries {
  readonly origin: string
  readonly metricType: string
  readonly tags: Tags
  readonly count: number
}

/** A part of an answer: its series and their points one after another. */
export interface AnswerPart {
  readonly series: ReadonlyArray<PartSeries>
  readonly points: PackedPoints
  /** The first series is the last of the part before, going on. */
  readonly goesOn: boolean
  /** What stands at the end of the last part. */
  readonly end: Omit<QueryAnswer, "series"> & { readonly damaged: ReadonlyArray<DamagedChunk> } | undefined
}

/**
 * What a worker is told. It answers `scan`, `more`, `judge` and `end` with one
 * message each; `id` tells the jobs apart.
 *
 * - `series`: some of the series of a job that will be scanned
 * - `scan`: all series were named: open the snapshot now, and answer the first part, or piece of text
 * - `more`: answer the next
 * - `end`: forget the job
 * - `spent`: memory of text that was read, to write into again
 * - `close`: end by yourself
 */
export type ToWorker =
  | { readonly type: "series"; readonly id: number; readonly part: RequestPart }
  | { readonly type: "scan"; readonly id: number; readonly query: StoreQuery; readonly form: AnswerPiece["type"] }
  | { readonly type: "more"; readonly id: number }
  | { readonly type: "judge"; readonly id: number; readonly questions: ReadonlyArray<PatternQuestion> }
  | { readonly type: "end"; readonly id: number }
  | { readonly type: "spent"; readonly rooms: ReadonlyArray<ArrayBuffer> }
  | { readonly type: "close" }

/** A piece of an answer: a part of it, or of its text, of which the last carries `end`. */
export type AnswerPiece =
  | { readonly type: "part"; readonly part: AnswerPart }
  | {
    readonly type: "text"
    readonly bytes: Uint8Array<ArrayBuffer>
    readonly end: { readonly damaged: ReadonlyArray<DamagedChunk> } | undefined
  }

/** What a worker answers. A job that was `refused` or `failed`, or whose last piece was given, is forgotten. */
export type FromWorker =
  | AnswerPiece & { readonly id: number }
  | { readonly type: "judged"; readonly id: number; readonly verdicts: PatternVerdicts }
  | { readonly type: "refused"; readonly id: number; readonly reason: QueryError["reason"]; readonly message: string }
  | { readonly type: "failed"; readonly id: number; readonly reason: StoreError["reason"]; readonly message: string }
  | { readonly type: "ended"; readonly id: number }

// Points in one part: packing or unpacking them takes about a millisecond.
const partWeight = 20_000
// What a series weighs, in points.
const seriesWeight = 50

/** Takes a request apart. What is not yet packed may grow meanwhile: only the counted points are taken. */
export function* packRequest(query: StoreQuery, series: Iterable<ScannedSeries>): Generator<RequestPart> {
  const wantsFields = query.buckets === undefined && query.fields !== false
  let packer = new PointPacker()
  let packed: Array<PackedSeries> = []
  for (const { head, ...own } of series) {
    let count = 0
    if (head !== undefined) {
      const fields = wantsFields || isOverflow(own.series) ? head.fields : undefined
      for (let i = 0; i < head.count; i++) {
        if (head.time[i] < query.from || head.time[i] >= query.to) continue
        packer.add(head.time[i], head.value[i], fields?.[i])
        count++
      }
    }
    packed.push({ ...own, firstRow: head?.firstRow ?? 0, count })
    if (packer.weight + packed.length * seriesWeight < partWeight) continue
    yield { series: packed, points: packer.pack() }
    packer = new PointPacker()
    packed = []
  }
  if (packed.length > 0) yield { series: packed, points: packer.pack() }
}

/** Puts a part of a request together again. */
export const unpackRequest = ({ points, series }: RequestPart): ReadonlyArray<ScannedSeries> => {
  const allFields = unpackFields(points)
  let from = 0
  return series.map(({ count, firstRow, ...own }) => {
    if (count === 0) return { ...own, head: undefined }
    const to = from + count
    const head = {
      time: points.time.subarray(from, to),
      value: points.value.subarray(from, to),
      fields: allFields?.slice(from, to),
      count,
      firstRow
    }
    from = to
    return { ...own, head }
  })
}

/** Takes an answer apart. */
export function* packAnswer(
  { series, ...rest }: QueryAnswer,
  damaged: ReadonlyArray<DamagedChunk>
): Generator<AnswerPart, undefined> {
  let packer = new PointPacker()
  let packed: Array<PartSeries> = []
  let goesOn = false
  for (const { fields, metricType, origin, tags, time, value } of series) {
    let from = 0
    for (let i = 0; i < time.length; i++) {
      packer.add(time[i], value[i], fields[i])
      if (packer.weight + packed.length * seriesWeight < partWeight) continue
      yield {
        series: [...packed, { origin, metricType, tags, count: i + 1 - from }],
        points: packer.pack(),
        goesOn,
        end: undefined
      }
      packer = new PointPacker()
      packed = []
      from = i + 1
      goesOn = from < time.length
    }
    if (from < time.length || from === 0) packed.push({ origin, metricType, tags, count: time.length - from })
  }
  yield { series: packed, points: packer.pack(), goesOn, end: { ...rest, damaged } }
  return undefined
}

/** Takes an answer apart in the form that was asked for; text is written into `memory`. */
export function* piecesOf(
  answer: QueryAnswer,
  damaged: ReadonlyArray<DamagedChunk>,
  { form, query }: Pick<Extract<ToWorker, { readonly type: "scan" }>, "form" | "query">,
  memory: TextMemory
): Generator<AnswerPiece, undefined> {
  if (form === "part") {
    for (const part of packAnswer(answer, damaged)) yield { type: "part", part }
    return undefined
  }
  for (const { bytes, isLast } of writeAnswer(answer, query.fields !== false, memory)) {
    yield { type: "text", bytes, end: isLast ? { damaged } : undefined }
  }
  return undefined
}

interface Joined extends Omit<SeriesPoints, "time" | "value" | "fields"> {
  readonly time: Array<number>
  readonly value: Array<number>
  /** Made with the first that there are. */
  fields: Array<JsonObject | undefined> | undefined
}

/** Puts numbers at the end of others. */
const append = (target: Array<number>, numbers: Float64Array): void => {
  const from = target.length
  // One piece of memory at once: an array that grows by itself leaves what it outgrew to the garbage collector.
  target.length = from + numbers.length
  for (let i = 0; i < numbers.length; i++) target[from + i] = numbers[i]
}

/** Puts an answer together again. */
export class AnswerJoiner {
  private readonly series: Array<Joined> = []

  /** Takes the next part in; answers the whole with the last. */
  add({ end, goesOn, points, series }: AnswerPart): ScanResult<QueryAnswer> | undefined {
    const fields = unpackFields(points)
    let at = 0
    series.forEach(({ count, ...own }, i) => {
      const last = this.series.at(-1)
      let joined = i === 0 && goesOn ? last : undefined
      if (joined === undefined) this.series.push(joined = { ...own, time: [], value: [], fields: undefined })
      const to = at + count
      if (fields !== undefined) joined.fields ??= joined.time.map(() => undefined)
      append(joined.time, points.time.subarray(at, to))
      append(joined.value, points.value.subarray(at, to))
      if (joined.fields !== undefined) { for (let j = at; j < to; j++) joined.fields.push(fields?.[j]) }
      at = to
    })
    if (end === undefined) return undefined
    const { damaged, ...rest } = end
    // Series that are equally long share the list that says that none has fields.
    const without = new Map<number, ReadonlyArray<undefined>>()
    const blank = (count: number): ReadonlyArray<undefined> => {
      const known = without.get(count) ?? new Array<undefined>(count).fill(undefined)
      without.set(count, known)
      return known
    }
    const all = this.series.map((own) => ({ ...own, fields: own.fields ?? blank(own.time.length) }))
    return { answer: { series: all, ...rest }, damaged }
  }
}
