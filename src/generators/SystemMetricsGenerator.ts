import { Chunk, Duration, Effect, Layer, Stream } from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"
import { SystemTags } from "../domain/SystemTags.js"
import { LossLedger } from "../telemetry/LossLedger.js"
import { PipelineStatus } from "../telemetry/PipelineStatus.js"
import { GeneratorError, MetricsGenerator } from "./MetricsGenerator.js"
import { ProcProbe } from "./system/ProcProbe.js"
import { SysteminformationProbe } from "./system/SysteminformationProbe.js"
import {
  checkOptions,
  checkTicks,
  type SystemOptions,
  type SystemOptionsError,
  type SystemSettings
} from "./system/SystemOptions.js"
import { type ProbeError, SystemProbe } from "./system/SystemProbe.js"

/**
 * Watches the host it runs on: processors, load, memory, swap, disks, network,
 * processes, file descriptors, temperatures, pressure. Gives metrics of the
 * origin `system` with the tag `host`; the table of them stands in
 * `docs/system-metrics.md`.
 *
 * The first sample is taken at once and one at every interval after it. A tick
 * that comes due while the one before is not finished is left out, counted and
 * written down as a loss. The generator fails only when nothing at all can be
 * read.
 */
export class SystemMetricsGenerator extends MetricsGenerator.Tag("system")<SystemMetricsGenerator>() {
  /** The generator over the probe that the options and the platform ask for. */
  static readonly layer = (
    options: SystemOptions = {}
  ): Layer.Layer<SystemMetricsGenerator, SystemOptionsError | ProbeError> =>
    SystemMetricsGenerator.layerWithoutDependencies(options).pipe(
      Layer.provide(PipelineStatus.Default),
      Layer.provide(LossLedger.Default)
    )

  /** The same over counters and a ledger that the caller brings. */
  static readonly layerWithoutDependencies = (
    options: SystemOptions = {}
  ): Layer.Layer<SystemMetricsGenerator, SystemOptionsError | ProbeError, LossLedger | PipelineStatus> =>
    Layer.unwrapEffect(Effect.map(
      checkOptions(options),
      (settings) => Layer.provide(SystemMetricsGenerator.layerWithProbe(settings), probeLayer(settings))
    ))

  /** The generator over any probe. */
  static readonly layerWithProbe = (
    options: Pick<SystemOptions, "interval" | "tags"> = {}
  ): Layer.Layer<SystemMetricsGenerator, SystemOptionsError, LossLedger | PipelineStatus | SystemProbe> =>
    Layer.effect(
      SystemMetricsGenerator,
      Effect.gen(function*() {
        const { interval, tags } = yield* checkTicks(options)
        const name = SystemMetricsGenerator.generatorName
        const { sample } = yield* SystemProbe
        const status = (yield* PipelineStatus).generator(name)
        const ledger = yield* LossLedger
        let systemTags: { readonly host: string; readonly tags: SystemTags } | undefined

        const tick = Effect.clockWith((clock) => {
          const startedAt = clock.unsafeCurrentTimeNanos()
          return Effect.map(sample, (metrics) => {
            // The same object at every tick: the sender knows series by their metadata objects.
            if (systemTags?.host !== metrics.host) {
              systemTags = { host: metrics.host, tags: new SystemTags(metrics.host, tags) }
            }
            const generic = metrics.toGenericMetrics(systemTags.tags)
            status.lastTickMillis = Number(clock.unsafeCurrentTimeNanos() - startedAt) / 1e6
            return Chunk.unsafeFromArray(generic)
          })
        }).pipe(
          Effect.mapError((cause) => new GeneratorError({ generator: name, message: cause.message, cause }))
        )

        const missed = (ticks: MissedTicks, metricsInTick: number): Effect.Effect<void> => {
          status.missedTicks += ticks.count
          return ledger.record({
            source: name,
            reason: "missed-tick",
            count: ticks.count * metricsInTick,
            from: ticks.from,
            to: ticks.to,
            detail: `${metricsInTick} metrics a tick, one every ${Duration.format(interval)}`
          })
        }
        return { name, generateMetrics: ticks(interval, tick, missed) }
      })
    )
}

const probeLayer = ({ filters, hostname, probe, procfs, rootfs, sysfs }: SystemSettings) => {
  const options = { ...filters, ...(hostname === undefined ? {} : { host: hostname }) }
  return probe === "proc"
    ? ProcProbe.layer({ ...options, procfs, sysfs, ...(rootfs === undefined ? {} : { rootfs }) })
    : SysteminformationProbe.layer(options)
}

/** Ticks that were left out, and when the first and the last of them were due, ms since the epoch. */
interface MissedTicks {
  readonly count: number
  readonly from: number
  readonly to: number
}

/**
 * Runs `tick` at once and then at every whole `interval` since, each time
 * giving its chunk. Instants that have gone by when the stream is asked again
 * are left out and told to `missed`, with the size of the chunk before.
 * Measured on a clock that nobody sets.
 */
const ticks = <E>(
  interval: Duration.Duration,
  tick: Effect.Effect<Chunk.Chunk<GenericMetric>, E>,
  missed: (ticks: MissedTicks, chunkSize: number) => Effect.Effect<void>
): Stream.Stream<GenericMetric, E> =>
  Stream.suspend(() => {
    const period = Duration.toMillis(interval)
    let start: bigint | undefined
    let latest = 0
    let chunkSize = 0

    const awaitTick = Effect.clockWith((clock) => {
      const now = clock.unsafeCurrentTimeNanos()
      if (start === undefined) {
        start = now
        return Effect.void
      }
      const elapsed = Number(now - start) / 1e6
      const due = latest + 1
      const next = Math.max(due, Math.ceil(elapsed / period))
      latest = next
      const wait = clock.sleep(Duration.millis(next * period - elapsed))
      if (next === due) return wait
      const wall = clock.unsafeCurrentTimeMillis() - elapsed
      const leftOut = {
        count: next - due,
        from: Math.round(wall + due * period),
        to: Math.round(wall + (next - 1) * period)
      }
      return Effect.zipRight(missed(leftOut, chunkSize), wait)
    })

    return Stream.repeatEffectChunk(
      Effect.zipRight(
        awaitTick,
        Effect.map(tick, (chunk) => {
          chunkSize = chunk.length
          return chunk
        })
      )
    )
  })
