import { Effect, Either } from "effect"
import type { GenericMetric } from "../../domain/GenericMetric.js"
import { identity, seriesKey } from "../../domain/Identity.js"
import type { GenericMetricsSender } from "../../sender/GenericMetricsSender.js"
import type { NewBatch, Outbox, OutboxError } from "../../sender/Outbox.js"
import { applyDefinitions, decodeBatchFrame, type Dictionary, readPoints } from "../../wire/BatchCodec.js"

/** A point that an outbox committed, as it went in. */
export interface AcceptedPoint {
  readonly stream: string
  readonly offset: number
  /** What tells it from others: series, time, value and fields as text. */
  readonly identity: string
  readonly series: string
  readonly time: number
  /** The server will refuse it. */
  readonly isDoomed: boolean
  /** Series, value and fields. */
  readonly content: string
}

/** What identifies a point, as text. */
export const identityOf = (series: string, time: number, value: number, fields: unknown): string =>
  `${series} ${time} ${value} ${fields === undefined ? "" : JSON.stringify(fields)}`

/** A point without its time, which whoever accepts it may give. */
const contentOf = (series: string, value: number, fields: unknown): string => identityOf(series, 0, value, fields)

/** Everything that the outboxes of a simulation committed: what has to arrive, or be declared lost. */
export class AcceptedPoints {
  readonly points: Array<AcceptedPoint> = []
  /** Offsets that tell of a loss and were never a point, by stream. */
  readonly declarations = new Map<string, Set<number>>()

  constructor(private readonly isDoomed: (value: number) => boolean) {}

  private readonly told: Array<string> = []

  /** A sender that works as `inner` does, and notes what it told as accepted. */
  watch(inner: typeof GenericMetricsSender.Service): typeof GenericMetricsSender.Service {
    const note = (metric: GenericMetric): void => {
      const { fields, tags } = identity(metric)
      this.told.push(contentOf(seriesKey(metric.origin, metric.metricType, tags), metric.value, fields))
    }
    return {
      ...inner,
      sendMetric: (metric) => Effect.tap(inner.sendMetric(metric), () => Effect.sync(() => note(metric))),
      sendMetrics: (metrics) =>
        Effect.suspend(() => {
          const given = Array.from(metrics)
          return Effect.tap(inner.sendMetrics(given), ({ rejected }) =>
            Effect.sync(() => {
              const refused = new Set(rejected.map(({ index }) => index))
              given.forEach((metric, i) => {
                if (!refused.has(i)) note(metric)
              })
            }))
        })
    }
  }

  /** What was told as accepted and is in no outbox. */
  get unkept(): ReadonlyArray<string> {
    const left = new Map<string, number>()
    for (const { content } of this.points) left.set(content, (left.get(content) ?? 0) + 1)
    return this.told.filter((content) => {
      const times = left.get(content) ?? 0
      left.set(content, times - 1)
      return times <= 0
    })
  }

  /** An outbox that works as `inner` does, and tells what it committed. */
  observe(inner: typeof Outbox.Service): Effect.Effect<typeof Outbox.Service, OutboxError> {
    const { stream } = inner
    const dictionary: Dictionary = new Map()
    const told = new Set<number>()
    this.declarations.set(stream, told)
    const add = (first: number, { columns, define }: NewBatch, corrupted: NewBatch): number => {
      applyDefinitions(dictionary, define.map(([, definition]): unknown => JSON.parse(definition)))
      const json: unknown = JSON.parse(`{"type":"batch","stream":"${stream}","first":${first},${columns}}`)
      const read = Either.flatMap(decodeBatchFrame(json), (frame) => readPoints(frame, dictionary))
      if (Either.isLeft(read)) throw new Error(`an outbox was given what is no batch: ${JSON.stringify(read.left)}`)
      const { fields, offset, series, time, value } = read.right
      for (let i = 0; i < offset.length; i++) {
        const { key } = series[i]
        this.points.push({
          stream,
          offset: offset[i],
          identity: identityOf(key, time[i], value[i], fields[i]),
          series: key,
          time: time[i],
          content: contentOf(key, value[i], fields[i]),
          isDoomed: corrupted.columns !== columns && this.isDoomed(value[i])
        })
      }
      return first + offset.length
    }
    // The server refuses nothing that a sender of its version lets through, so
    // some points are spoilt on their way in.
    const spoil = (batch: NewBatch): NewBatch => {
      const columns = batch.columns.replace(
        /"value":\[([^\]]*)\]/,
        (_, values: string) =>
          `"value":[${values.split(",").map((value) => this.isDoomed(Number(value)) ? "null" : value).join(",")}]`
      )
      return { ...batch, columns }
    }
    return Effect.map(inner.streams, (streams) => {
      let next = streams.find((own) => own.stream === stream)?.next ?? 0
      for (let offset = 0; offset < next; offset++) told.add(offset)
      return {
        ...inner,
        append: (batches, committed) =>
          Effect.suspend(() => {
            const spoilt = batches.map(spoil)
            return inner.append(spoilt, () => {
              batches.forEach((batch, i) => {
                next = add(next, batch, spoilt[i])
              })
              committed()
            })
          }),
        declare: (losses, committed) =>
          inner.declare(losses, () => {
            for (let i = 0; i < losses.length; i++) told.add(next++)
            committed()
          })
      }
    })
  }
}
