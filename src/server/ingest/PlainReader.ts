import { Either } from "effect"
import type { GenericMetric } from "../../domain/GenericMetric.js"
import type { JsonObject } from "../../domain/Json.js"
import { pointsOf, type Series } from "../../domain/Series.js"
import { decodeMetricOrPoint } from "../../domain/TimeseriesPoint.js"
import { parseTimestamp } from "../../domain/Timestamp.js"

/** Refusals of one request or frame that are told in full; those after them name the first of their problems. */
export const MAX_EXPLAINED = 1_000

// Series that are remembered; with more, all are learned again.
const maxKnown = 20_000

/** Where a name leads: to a series, when it is the last, and on to others. */
interface Fork {
  readonly next: Map<string, Fork>
  series: Series | undefined
}

const fork = (): Fork => ({ next: new Map(), series: undefined })

const step = (from: Fork, name: string): Fork => {
  const known = from.next.get(name)
  if (known !== undefined) return known
  const made = fork()
  from.next.set(name, made)
  return made
}

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Points as they are read, and what of them was refused. */
export interface PlainPoints {
  readonly series: Array<Series>
  /** Ms since the epoch. */
  readonly time: Array<number>
  readonly value: Array<number>
  readonly fields: Array<JsonObject | undefined>
  /** The index that each point had among the items. */
  readonly place: Array<number>
  readonly rejected: Array<{ readonly index: number; readonly message: string }>
}

/** No points yet. */
export const noPoints = (): PlainPoints => ({ series: [], time: [], value: [], fields: [], place: [], rejected: [] })

/**
 * Reads what plain clients send: metrics and points as JSON gives them. The
 * result is that of `decodeMetricOrPoint` (a property test holds them
 * together), at a third of its cost: what names a series is found by a walk
 * through the names that were checked before. Metrics with fields, and points,
 * take the long way. What is wrong is told in full for the first thousand only.
 */
export class PlainReader {
  private root = fork()
  private known = 0

  /** Reads one item; without a timestamp it gets `now`, ms since the epoch. */
  read(item: unknown, index: number, now: number, points: PlainPoints): void {
    if (this.readKnown(item, index, now, points)) return
    const decoded = decodeMetricOrPoint(item, points.rejected.length < MAX_EXPLAINED ? "full" : "short")
    if (Either.isLeft(decoded)) {
      points.rejected.push({ index, message: decoded.left })
      return
    }
    const own = pointsOf([decoded.right], now)
    points.series.push(own.series[0])
    points.time.push(own.time[0])
    points.value.push(own.value[0])
    points.fields.push(own.fields[0])
    points.place.push(index)
    if (own.fields[0] === undefined) this.learn(decoded.right, own.series[0])
  }

  /** Reads a metric without fields whose series is known; `false`: it must be looked at more closely. */
  private readKnown(item: unknown, index: number, now: number, points: PlainPoints): boolean {
    if (typeof item !== "object" || item === null) return false
    if (!("origin" in item) || !("metric_type" in item) || !("value" in item)) return false
    const { metric_type: metricType, origin, value } = item
    if (typeof origin !== "string" || typeof metricType !== "string") return false
    if (typeof value !== "number" || !Number.isFinite(value)) return false
    let at = this.root.next.get(origin)?.next.get(metricType)
    if (at === undefined) return false
    const metadata = "metadata" in item ? item.metadata : undefined
    if (metadata !== undefined && metadata !== null) {
      if (!isRecord(metadata)) return false
      for (const key in metadata) {
        const tag = metadata[key]
        if (typeof tag !== "string") return false
        at = at.next.get(key)?.next.get(tag)
        if (at === undefined) return false
      }
    }
    if (at.series === undefined) return false
    const given = "timestamp" in item ? item.timestamp : undefined
    const time = given === undefined || given === null ? now : parseTimestamp(given)
    if (time === undefined) return false
    points.series.push(at.series)
    points.time.push(time)
    points.value.push(value === 0 ? 0 : value)
    points.fields.push(undefined)
    points.place.push(index)
    return true
  }

  private learn({ metadata, metricType, origin }: GenericMetric, series: Series): void {
    if (this.known === maxKnown) {
      this.root = fork()
      this.known = 0
    }
    let at = step(step(this.root, origin), metricType)
    for (const [key, tag] of Object.entries(metadata)) {
      if (typeof tag !== "string") return
      at = step(step(at, key), tag)
    }
    if (at.series === undefined) this.known++
    at.series = series
  }
}
