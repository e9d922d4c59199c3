import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Fiber, Layer, Queue, Ref, Stream, TestClock } from "effect"
import * as os from "node:os"
import type { GenericMetric } from "../../../src/domain/GenericMetric.js"
import { SystemMetrics } from "../../../src/domain/SystemMetrics.js"
import { GeneratorError } from "../../../src/generators/MetricsGenerator.js"
import { ProcProbe } from "../../../src/generators/system/ProcProbe.js"
import { StatFs } from "../../../src/generators/system/StatFs.js"
import type { SystemOptions } from "../../../src/generators/system/SystemOptions.js"
import { ProbeError, SystemProbe } from "../../../src/generators/system/SystemProbe.js"
import { SystemMetricsGenerator } from "../../../src/generators/SystemMetricsGenerator.js"
import { LossLedger } from "../../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../../src/telemetry/PipelineStatus.js"
import { fixtureStatFs, makeFixtureHost } from "./FixtureHost.js"

const load = { oneMinute: 1, fiveMinutes: 2, fifteenMinutes: 3 }

/** A probe whose samples take as long, or fail, as `before` says; each is stamped with its number. */
const probeOf = (before: (number: number) => Effect.Effect<void, ProbeError>) =>
  Layer.effect(
    SystemProbe,
    Effect.map(Ref.make(0), (samples) => ({
      name: "test",
      sample: Effect.gen(function*() {
        const number = yield* Ref.getAndUpdate(samples, (count) => count + 1)
        yield* before(number)
        return new SystemMetrics({ host: "h", timestamp: number, load })
      })
    }))
  )

const surroundings = Layer.merge(PipelineStatus.Default, LossLedger.Default)

const withProbe = (
  probe: Layer.Layer<SystemProbe>,
  options: Pick<SystemOptions, "interval" | "tags"> = {}
) => SystemMetricsGenerator.layerWithProbe(options).pipe(Layer.provide(probe), Layer.provideMerge(surroundings))

const status = Effect.map(PipelineStatus, (all) => all.generator("system"))

const losses = Effect.flatMap(LossLedger, (ledger) => ledger.losses)

/** Runs the generator in the background; gives the instants at which chunks came, by the test's clock, and the chunks. */
const watched = Effect.gen(function*() {
  const chunks: Array<{ readonly at: number; readonly metrics: ReadonlyArray<GenericMetric> }> = []
  const { generateMetrics } = yield* SystemMetricsGenerator
  const fiber = yield* generateMetrics.pipe(
    Stream.chunks,
    Stream.runForEach((chunk) =>
      Effect.map(TestClock.currentTimeMillis, (at) => {
        chunks.push({ at, metrics: Chunk.toReadonlyArray(chunk) })
      })
    ),
    Effect.fork
  )
  yield* TestClock.adjust(0)
  return { chunks, fiber, times: () => chunks.map(({ at }) => at) }
})

describe("SystemMetricsGenerator", () => {
  it.effect("samples at once and then each second, one chunk a tick", () =>
    Effect.gen(function*() {
      const { chunks, times } = yield* watched
      expect(times()).toEqual([0])
      yield* TestClock.adjust("999 millis")
      expect(times()).toEqual([0])
      yield* TestClock.adjust("2001 millis")
      expect(times()).toEqual([0, 1000, 2000, 3000])
      expect(chunks.map(({ metrics }) => metrics.map(({ metricType, timestamp }) => [metricType, timestamp]))).toEqual(
        [0, 1, 2, 3].map((at) => [["load_1m", at], ["load_5m", at], ["load_15m", at]])
      )
      expect((yield* status).missedTicks).toBe(0)
      expect(yield* losses).toEqual([])
    }).pipe(Effect.provide(withProbe(probeOf(() => Effect.void)))))

  it.effect("the time that a sample takes does not shift the ticks, and is reported", () =>
    Effect.gen(function*() {
      const { times } = yield* watched
      yield* TestClock.adjust("3500 millis")
      expect(times()).toEqual([300, 1300, 2300, 3300])
      expect((yield* status).lastTickMillis).toBe(300)
      expect((yield* status).missedTicks).toBe(0)
    }).pipe(Effect.provide(withProbe(probeOf(() => Effect.sleep("300 millis"))))))

  it.effect("ticks that come due during a slow sample are left out, counted, and one loss", () =>
    Effect.gen(function*() {
      const { times } = yield* watched
      yield* TestClock.adjust("10 seconds")
      // The third sample, begun at 2000, takes until 5500; the sixth as well.
      expect(times()).toEqual([0, 1000, 5500, 6000, 7000])
      expect((yield* status).missedTicks).toBe(3)
      yield* TestClock.adjust("2 seconds")
      expect(times().slice(5)).toEqual([11_500, 12_000])
      expect((yield* status).missedTicks).toBe(6)
      const recorded = yield* losses
      expect(recorded).toEqual([{
        source: "system",
        reason: "missed-tick",
        // Three metrics a tick.
        count: 18,
        from: 3000,
        to: 11_000,
        detail: "3 metrics a tick, one every 1s"
      }])
    }).pipe(
      Effect.provide(withProbe(probeOf((number) => number % 3 === 2 ? Effect.sleep("3500 millis") : Effect.void)))
    ))

  it.effect("a sample that ends exactly at the next tick misses none", () =>
    Effect.gen(function*() {
      const { times } = yield* watched
      yield* TestClock.adjust("3 seconds")
      expect(times()).toEqual([1000, 2000, 3000])
      expect((yield* status).missedTicks).toBe(0)
    }).pipe(Effect.provide(withProbe(probeOf(() => Effect.sleep("1 second"))))))

  it.effect("ticks are missed, too, while nobody takes the metrics", () =>
    Effect.gen(function*() {
      const { generateMetrics } = yield* SystemMetricsGenerator
      const full = yield* Deferred.make<void>()
      const taken = yield* Queue.unbounded<number>()
      yield* generateMetrics.pipe(
        Stream.chunks,
        Stream.runForEach((chunk) =>
          Effect.zipRight(Queue.offer(taken, Chunk.unsafeHead(chunk).timestamp ?? -1), Deferred.await(full))
        ),
        Effect.fork
      )
      yield* TestClock.adjust("4500 millis")
      yield* Deferred.succeed(full, undefined)
      yield* TestClock.adjust("1 second")
      expect(Chunk.toReadonlyArray(yield* Queue.takeAll(taken))).toEqual([0, 1])
      expect((yield* status).missedTicks).toBe(4)
    }).pipe(Effect.provide(withProbe(probeOf(() => Effect.void)))))

  it.effect("keeps to any interval", () =>
    Effect.gen(function*() {
      const { times } = yield* watched
      yield* TestClock.adjust("1 second")
      expect(times()).toEqual([0, 250, 500, 750, 1000])
    }).pipe(Effect.provide(withProbe(probeOf(() => Effect.void), { interval: "250 millis" }))))

  it.effect("fails with the probe's message when nothing can be read, and starts anew when run again", () =>
    Effect.gen(function*() {
      const { fiber, times } = yield* watched
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(Fiber.join(fiber))
      expect(error).toBeInstanceOf(GeneratorError)
      expect(error).toMatchObject({ generator: "system", message: "no /proc" })
      expect(error.cause).toBeInstanceOf(ProbeError)
      expect(times()).toEqual([0])
      yield* TestClock.adjust("1700 millis")
      const again = yield* watched
      yield* TestClock.adjust("1 second")
      expect(again.times()).toEqual([2700, 3700])
      expect((yield* status).missedTicks).toBe(0)
    }).pipe(Effect.provide(withProbe(
      probeOf((number) =>
        number === 1 ? Effect.fail(new ProbeError({ probe: "test", message: "no /proc" })) : Effect.void
      )
    ))))

  it.effect("puts the tags on everything, in metadata that is the same object at every tick", () =>
    Effect.gen(function*() {
      const { chunks } = yield* watched
      yield* TestClock.adjust("1 second")
      const metadata = chunks.flatMap(({ metrics }) => metrics.map((metric) => metric.metadata))
      expect(metadata).toHaveLength(6)
      expect(metadata[0]).toEqual({ host: "h", room: "cellar" })
      expect(metadata.every((one) => one === metadata[0])).toBe(true)
    }).pipe(Effect.provide(withProbe(probeOf(() => Effect.void), { tags: { room: "cellar" } }))))

  it.scoped("a filesystem that hangs does not stop the ticks", () =>
    Effect.gen(function*() {
      const host = yield* makeFixtureHost
      const statFs = fixtureStatFs(host)
      const probe = ProcProbe.layer({ procfs: host.procfs, sysfs: host.sysfs, rootfs: host.root }).pipe(
        Layer.provide(Layer.succeed(StatFs, (path) => path.endsWith("photos") ? Effect.never : statFs(path)))
      )
      yield* Effect.gen(function*() {
        const { chunks, times } = yield* watched
        yield* TestClock.adjust("5 seconds")
        expect(times()).toEqual([0, 1000, 2000, 3000, 4000, 5000])
        const mountpoints = chunks[5].metrics.flatMap(({ metadata, metricType }) =>
          metricType === "disk_used_bytes" ? [metadata.mountpoint] : []
        )
        expect(mountpoints).toEqual(["/", "/srv/My Films", "/backup"])
      }).pipe(Effect.provide(withProbe(probe)))
    }))

  describe("options", () => {
    const refused = (options: SystemOptions) =>
      Effect.map(Effect.flip(Layer.build(SystemMetricsGenerator.layer(options))), ({ message }) => message)

    it.scoped("an interval that nobody can keep is refused", () =>
      Effect.gen(function*() {
        for (const interval of [0, 99, -1000, Infinity, "2 days"] as const) {
          expect(yield* refused({ interval })).toMatch(/^system: the interval must be 100 milliseconds to a day/)
        }
      }))

    it.scoped("a hostname or tags that no metric can carry are refused", () =>
      Effect.gen(function*() {
        expect(yield* refused({ hostname: "" })).toMatch(/hostname.*empty/)
        expect(yield* refused({ hostname: "\ud800" })).toMatch(/hostname.*surrogate/)
        expect(yield* refused({ tags: { note: "x".repeat(9000) } })).toMatch(/tags.*8192/)
      }))

    it.scoped("a procfs that is not there is refused, and never replaced by another host's numbers", () =>
      Effect.gen(function*() {
        for (const probe of ["auto", "proc"] as const) {
          expect(yield* refused({ probe, procfs: "/nowhere" })).toMatch(/no readable \/nowhere\/stat/)
        }
      }))

    it.scoped("the systeminformation probe refuses roots that it would not look at", () =>
      Effect.gen(function*() {
        for (const root of [{ procfs: "/host/proc" }, { sysfs: "/host/sys" }, { rootfs: "/host" }]) {
          expect(yield* refused({ probe: "systeminformation", ...root })).toMatch(/cannot be pointed at another/)
        }
      }))

    it.scoped("reach the probe: roots, hostname, filters", () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        yield* Effect.gen(function*() {
          const { chunks } = yield* watched
          const [{ metrics }] = chunks
          expect(metrics.find(({ metricType }) => metricType === "uptime_seconds")?.value).toBe(10_000)
          expect(new Set(metrics.map(({ metadata }) => metadata.host))).toEqual(new Set(["renamed"]))
          const devices = metrics.flatMap(({ metadata, metricType }) =>
            metricType === "disk_in_flight_count" ? [metadata.device] : []
          )
          expect(devices).toEqual(["loop0", "ram0", "sda", "nvme0n1"])
        }).pipe(Effect.provide(
          SystemMetricsGenerator.layerWithoutDependencies({
            procfs: host.procfs,
            sysfs: host.sysfs,
            rootfs: host.root,
            hostname: "renamed",
            filters: { excludeDevices: /^dm-/ }
          }).pipe(Layer.provideMerge(surroundings))
        ))
      }))

    it.scoped("without any, it watches this host under its own name", () =>
      Effect.gen(function*() {
        const { chunks } = yield* watched
        const types = new Map(chunks[0]?.metrics.map((metric) => [metric.metricType, metric]))
        expect(types.get("memory_total_bytes")?.value).toBe(os.totalmem())
        expect(types.get("memory_total_bytes")?.metadata).toEqual({ host: os.hostname() })
        expect(types.get("cpu_count")?.value).toBeGreaterThan(0)
      }).pipe(Effect.provide(SystemMetricsGenerator.layer())), { skip: !ProcProbe.isAvailable() })

    it.effect("counts in the pipeline's own status and ledger, not in others", () =>
      Effect.gen(function*() {
        const generator = yield* SystemMetricsGenerator
        yield* generator.generateMetrics.pipe(Stream.take(1), Stream.runDrain)
        expect((yield* status).lastTickMillis).toBeDefined()
      }).pipe(
        Effect.provide(Layer.mergeAll(SystemMetricsGenerator.layer(), PipelineStatus.Default, LossLedger.Default))
      ))
  })
})
