import { Effect } from "effect"
import { type GenericMetric, toWire } from "../../domain/GenericMetric.js"
import { toTimeseriesFormat } from "../../domain/TimeseriesPoint.js"
import type { Outgoing } from "../delivery/Positions.js"
import type { Outbox, OutboxError } from "../Outbox.js"
import { readBatchMetrics } from "../outbox/DeadPoints.js"

/** In which form plain mode writes a metric: as `GenericMetric`, or as a point of a time-series database. */
export type PlainFormat = "generic" | "timeseries"

/** Most bytes of a body or a frame of plain mode; a metric is always smaller. */
export const MAX_PLAIN_BYTES = 524_288

/**
 * What of a stream leaves at once in plain mode: an array of metrics as JSON. A
 * piece without metrics only moves the stream on, and is not sent.
 */
export interface PlainPiece {
  readonly stream: string
  /** The offset after its last. */
  readonly end: number
  readonly body: string
  /** Where the metrics of the body stand in the stream, in their order. */
  readonly offsets: ReadonlyArray<number>
  /** Points that the outbox cannot read any more, each with the reason: as if the server had refused them. */
  readonly unreadable: ReadonlyArray<readonly [offset: number, reason: string]>
  /** First and last timestamp of its metrics, ms since the epoch. */
  readonly from: number
  readonly to: number
}

const write = (metric: GenericMetric, format: PlainFormat): string =>
  JSON.stringify(format === "generic" ? toWire(metric) : toTimeseriesFormat(metric))

/**
 * Cuts what goes out next into pieces of at most 512 KiB, from an offset on. A
 * declared loss is a piece without metrics: plain mode cannot tell it.
 */
export const readPieces = (
  outbox: typeof Outbox.Service,
  { end, entry, stream }: Outgoing,
  from: number,
  format: PlainFormat
): Effect.Effect<ReadonlyArray<PlainPiece>, OutboxError> =>
  Effect.gen(function*() {
    const none = { stream, body: "", offsets: [], unreadable: [], from: Infinity, to: -Infinity }
    if (entry._tag === "Skip") return [{ ...none, end }]
    const { batch } = entry
    const metrics = readBatchMetrics(
      batch,
      yield* outbox.definitions(stream, batch.ids),
      (offset) => offset >= from
    )
    const pieces: Array<PlainPiece> = []
    let items: Array<string> = []
    let offsets: Array<number> = []
    let unreadable: Array<readonly [number, string]> = []
    let bytes = 2
    let first = Infinity
    let last = -Infinity
    const close = (end: number): void => {
      pieces.push({ stream, end, body: `[${items.join(",")}]`, offsets, unreadable, from: first, to: last })
      items = []
      offsets = []
      unreadable = []
      bytes = 2
      first = Infinity
      last = -Infinity
    }
    for (let offset = Math.max(from, batch.first); offset < end; offset++) {
      const metric = metrics.get(offset)
      if (metric === undefined) {
        unreadable.push([offset, "the outbox cannot read it any more"])
        continue
      }
      const text = write(metric, format)
      const size = Buffer.byteLength(text) + 1
      if (items.length > 0 && bytes + size > MAX_PLAIN_BYTES) close(offset)
      items.push(text)
      offsets.push(offset)
      bytes += size
      first = Math.min(first, metric.timestamp ?? first)
      last = Math.max(last, metric.timestamp ?? last)
    }
    close(end)
    return pieces
  })
