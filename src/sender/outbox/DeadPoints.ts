import { Either } from "effect"
import { GenericMetric, toWire } from "../../domain/GenericMetric.js"
import { metadataOf } from "../../domain/Identity.js"
import { applyDefinitions, decodeBatchFrame, type Dictionary, encodeBatch, readPoints } from "../../wire/BatchCodec.js"
import type { OutboxBatch } from "../Outbox.js"

/** Reads points of a batch as metrics, by their offset and in its order. A point that cannot be read is left out. */
export const readBatchMetrics = (
  batch: OutboxBatch,
  definitions: ReadonlyArray<string>,
  isWanted: (offset: number) => boolean
): ReadonlyMap<number, GenericMetric> => {
  const metrics = new Map<number, GenericMetric>()
  const { columns, first, stream } = batch
  const parsed = Either.try((): unknown => JSON.parse(encodeBatch({ stream, first, define: definitions, columns })))
  const frame = Either.flatMap(parsed, decodeBatchFrame)
  if (Either.isLeft(frame)) return metrics
  const dictionary: Dictionary = new Map()
  applyDefinitions(dictionary, frame.right.define)
  const points = readPoints(frame.right, dictionary)
  if (Either.isLeft(points)) return metrics
  const { fields, offset, series, time, value } = points.right
  for (let i = 0; i < offset.length; i++) {
    if (!isWanted(offset[i])) continue
    const { metricType, origin, tags } = series[i]
    const metadata = metadataOf(tags, fields[i])
    // Was checked when it was accepted.
    metrics.set(
      offset[i],
      new GenericMetric({ origin, metricType, value: value[i], timestamp: time[i], metadata }, true)
    )
  }
  return metrics
}

/**
 * Writes points of a batch as metrics in wire form, JSON, by their offset. A
 * point that cannot be read is left out.
 */
export const readDeadPoints = (
  batch: OutboxBatch,
  definitions: ReadonlyArray<string>,
  offsets: ReadonlySet<number>
): ReadonlyMap<number, string> => {
  const letters = new Map<number, string>()
  for (const [offset, metric] of readBatchMetrics(batch, definitions, (offset) => offsets.has(offset))) {
    letters.set(offset, JSON.stringify(toWire(metric)))
  }
  return letters
}
