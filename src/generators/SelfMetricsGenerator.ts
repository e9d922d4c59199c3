import { Chunk, Clock, Duration, Effect, Layer, Schedule, Stream } from "effect"
import * as os from "node:os"
import { GenericMetric } from "../domain/GenericMetric.js"
import type { JsonObject } from "../domain/Json.js"
import { SystemTags } from "../domain/SystemTags.js"
import { LossLedger } from "../telemetry/LossLedger.js"
import { PipelineStatus, type TransportState } from "../telemetry/PipelineStatus.js"
import { MetricsGenerator } from "./MetricsGenerator.js"

/** Options of {@link SelfMetricsGenerator}. */
export interface SelfMetricsOptions {
  /** How often the pipeline reports on itself; 5 s unless given. */
  readonly interval?: Duration.DurationInput | undefined
  /** The tag `host`; by default the name of this host. */
  readonly hostname?: string | undefined
}

/** The number by which `transport_state` tells a transport: the higher, the better it goes. */
export const transportNumbers: { readonly [state in TransportState]: number } = {
  stopped: 0,
  waiting: 1,
  connecting: 2,
  http: 3,
  socket: 4
}

/**
 * What the pipeline knows of itself, as metrics of the origin `collector`, so
 * that a dashboard needs no second source. The table of all names stands in
 * `docs/self-metrics.md`.
 */
export class SelfMetricsGenerator extends MetricsGenerator.Tag("self")<SelfMetricsGenerator>() {
  /** Reports at once, and then at every interval. */
  static readonly layer = (options: SelfMetricsOptions = {}): Layer.Layer<SelfMetricsGenerator> =>
    Layer.effect(
      SelfMetricsGenerator,
      Effect.gen(function*() {
        const status = yield* PipelineStatus
        const ledger = yield* LossLedger
        const tags = new SystemTags(options.hostname ?? os.hostname())
        const report = Effect.gen(function*() {
          const list = new MetricList(yield* Clock.currentTimeMillis)
          pushGenerators(list, tags, yield* status.snapshot)
          pushDelivery(list, tags.host, yield* status.snapshot)
          for (const { count, reason, source, uncounted } of yield* ledger.totals) {
            const own = tags.with(["source", source], ["reason", reason])
            list.push("lost_total", count, own)
            list.push("losses_uncounted_total", uncounted, own)
          }
          return Chunk.unsafeFromArray(list.metrics)
        })
        return {
          name: SelfMetricsGenerator.generatorName,
          generateMetrics: Stream.repeatEffectWithSchedule(
            report,
            Schedule.fixed(options.interval ?? Duration.seconds(5))
          ).pipe(Stream.flattenChunks)
        }
      })
    ).pipe(Layer.provide(Layer.merge(PipelineStatus.Default, LossLedger.Default)))
}

type Snapshot = Effect.Effect.Success<PipelineStatus["snapshot"]>

class MetricList {
  readonly metrics: Array<GenericMetric> = []

  constructor(private readonly timestamp: number) {}

  push(metricType: string, value: number | undefined, metadata: JsonObject): void {
    if (value === undefined) return
    // Unchecked: names are constants, values are counts of ours, tags are checked where they enter.
    this.metrics.push(
      new GenericMetric({ origin: "collector", metricType, value, timestamp: this.timestamp, metadata }, true)
    )
  }
}

const pushGenerators = (list: MetricList, tags: SystemTags, { generators }: Snapshot): void => {
  for (const generator of generators) {
    const own = tags.with(["generator", generator.name])
    list.push("gathered_total", generator.gathered, own)
    list.push("dropped_total", generator.dropped, own)
    list.push("invalid_total", generator.invalid, own)
    list.push("missed_ticks_total", generator.missedTicks, own)
    list.push("generator_failures_total", generator.failures, own)
    list.push("generator_running", generator.state === "running" ? 1 : 0, own)
    list.push("tick_seconds", generator.lastTickMillis === undefined ? undefined : generator.lastTickMillis / 1000, own)
  }
}

const pushDelivery = (list: MetricList, host: JsonObject, { queue, sender }: Snapshot): void => {
  list.push("queue_size_count", queue.size, host)
  list.push("queue_capacity_count", queue.capacity, host)
  list.push("queue_highest_count", queue.highWater, host)
  list.push("accepted_total", sender.accepted, host)
  list.push("acknowledged_total", sender.acknowledged, host)
  list.push("rejected_total", sender.rejected, host)
  list.push("unverified_total", sender.plain ? sender.unverified : undefined, host)
  list.push("outbox_dropped_total", sender.dropped, host)
  list.push("outbox_pending_count", sender.pending, host)
  list.push("outbox_bytes", sender.pendingBytes, host)
  list.push("batches_sent_total", sender.batchesSent, host)
  list.push("reconnects_total", sender.reconnects, host)
  list.push("transport_state", transportNumbers[sender.transport], { ...host, transport: { value: sender.transport } })
}
