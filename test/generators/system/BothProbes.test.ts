import { describe, expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import { metricProblem } from "../../../src/domain/GenericMetric.js"
import type { SystemMetrics } from "../../../src/domain/SystemMetrics.js"
import { ProcProbe } from "../../../src/generators/system/ProcProbe.js"
import { SysteminformationProbe } from "../../../src/generators/system/SysteminformationProbe.js"

/** What systeminformation cannot tell of a Linux host, or tells otherwise; everything else must be told by both. */
const onlyProc = new Set([
  "context_switches_per_second",
  "interrupts_per_second",
  "memory_shared_bytes",
  "disk_inodes_count",
  "disk_inodes_free_count",
  "disk_inodes_used_percent",
  "disk_busy_percent",
  "disk_in_flight_count",
  "network_receive_packets_per_second",
  "network_transmit_packets_per_second",
  "thread_count",
  "process_forks_per_second",
  "pressure_some_percent",
  "pressure_full_percent",
  // The package knows sensors of processors only, and each host has others.
  "temperature_celsius"
])

/** Absent where nothing happened since the sample before, or where there is no swap. */
const whenThereIsAny = new Set(["disk_read_wait_seconds", "disk_write_wait_seconds", "swap_used_percent"])

/** Absent from systeminformation in a container without lsblk, or where it shows no disk that is mounted. */
const whenDisksAreSeen = new Set([
  "disk_read_bytes_per_second",
  "disk_write_bytes_per_second",
  "disk_reads_per_second",
  "disk_writes_per_second"
])

/** Modes of a processor that node:os does not know. */
const unseenModes = new Set(["iowait", "softirq", "steal", "guest"])

const probes = {
  proc: ProcProbe.make({ host: "here" }),
  systeminformation: SysteminformationProbe.make({ host: "here" })
}

type Name = keyof typeof probes

/** Samples of this host, taken by both probes at the same time, with rates and all that is read in the background. */
class Samples extends Context.Tag("test/Samples")<Samples, { readonly [name in Name]: SystemMetrics }>() {
  static readonly layer = Layer.scoped(
    Samples,
    Effect.gen(function*() {
      const built = yield* Effect.all(probes)
      const both = Effect.all({
        proc: built.proc.sample,
        systeminformation: built.systeminformation.sample
      }, { concurrency: "unbounded" })
      return yield* both.pipe(
        Effect.filterOrFail(({ proc, systeminformation }) => isWhole(proc) && isWhole(systeminformation)),
        Effect.retry(Schedule.spaced("1 second").pipe(Schedule.intersect(Schedule.recurs(100))))
      )
    })
  )
}

const isWhole = (sample: SystemMetrics): boolean =>
  sample.cpu?.percent !== undefined && sample.filesystems !== undefined && sample.processes?.count !== undefined &&
  sample.temperatures !== undefined && sample.memory !== undefined && sample.fileDescriptors !== undefined &&
  (sample.diskIo ?? []).every(({ readsPerSecond }) => readsPerSecond !== undefined) &&
  (sample.network ?? []).every(({ receiveBytesPerSecond }) => receiveBytesPerSecond !== undefined)

const within = (a: number | undefined, b: number | undefined, tolerance: number): void => {
  if (a === undefined || b === undefined) expect(a).toBe(b)
  else expect(Math.abs(a - b), `${a} and ${b}`).toBeLessThanOrEqual(tolerance)
}

const typesOf = (sample: SystemMetrics): ReadonlySet<string> =>
  new Set(sample.toGenericMetrics().map(({ metricType }) => metricType))

describe.skipIf(!ProcProbe.isAvailable())("both probes on this host", () => {
  layer(Samples.layer, { excludeTestServices: true, timeout: "5 minutes" })((it) => {
    const names: ReadonlyArray<Name> = ["proc", "systeminformation"]

    it.effect.each(names)("%s: every metric is valid, of this host and of now", (name) =>
      Effect.gen(function*() {
        const sample = (yield* Samples)[name]
        const metrics = sample.toGenericMetrics()
        expect(metrics.length).toBeGreaterThan(30)
        for (const metric of metrics) {
          expect(metricProblem(metric)).toBeUndefined()
          expect(metric.metadata.host).toBe("here")
          expect(metric.timestamp).toBe(sample.timestamp)
          if (metric.metricType !== "temperature_celsius") expect(metric.value).toBeGreaterThanOrEqual(0)
          if (metric.metricType.endsWith("_percent")) expect(metric.value).toBeLessThanOrEqual(100.01)
        }
        within(sample.timestamp, Date.now(), 60_000)
      }))

    it.effect.each(names)("%s: no series has two values in one sample", (name) =>
      Effect.gen(function*() {
        const metrics = (yield* Samples)[name].toGenericMetrics()
        const series = metrics.map(({ metadata, metricType }) => JSON.stringify([metricType, metadata]))
        expect(new Set(series).size).toBe(series.length)
      }))

    it.effect.each(names)("%s: modes of the processors make 100 together", (name) =>
      Effect.gen(function*() {
        const modes = (yield* Samples)[name].cpu?.modes ?? []
        within(modes.reduce((sum, { percent }) => sum + percent, 0), 100, 0.001)
      }))

    it.effect("tell the same metrics, save those that systeminformation is known not to tell", () =>
      Effect.gen(function*() {
        const { proc, systeminformation } = yield* Samples
        const unseen = new Set([
          ...onlyProc,
          ...whenThereIsAny,
          ...(systeminformation.diskIo?.[0]?.readBytesPerSecond === undefined ? whenDisksAreSeen : [])
        ])
        const isTold = (type: string) => !unseen.has(type)
        expect([...typesOf(systeminformation)].filter(isTold).sort()).toEqual(
          [...typesOf(proc)].filter(isTold).sort()
        )
        for (const type of onlyProc) {
          if (type !== "temperature_celsius") expect(typesOf(systeminformation).has(type)).toBe(false)
        }
      }))

    it.effect("agree on what does not change: cores, memory, swap, the bound of descriptors", () =>
      Effect.gen(function*() {
        const { proc, systeminformation } = yield* Samples
        expect(systeminformation.cpu?.count).toBe(proc.cpu?.count)
        expect(systeminformation.cpu?.cores.map(({ core }) => core)).toEqual(proc.cpu?.cores.map(({ core }) => core))
        expect(systeminformation.memory?.totalBytes).toBe(proc.memory?.totalBytes)
        expect(systeminformation.swap?.totalBytes).toBe(proc.swap?.totalBytes)
        expect(systeminformation.fileDescriptors?.max).toBe(proc.fileDescriptors?.max)
      }))

    it.effect("agree on memory in use, within what a busy host moves between two readings", () =>
      Effect.gen(function*() {
        const { proc, systeminformation } = yield* Samples
        const [mine, theirs] = [proc.memory, systeminformation.memory]
        const tolerance = (mine?.totalBytes ?? 0) * 0.1
        within(theirs?.availableBytes, mine?.availableBytes, tolerance)
        within(theirs?.usedBytes, mine?.usedBytes, tolerance)
        within(theirs?.freeBytes, mine?.freeBytes, tolerance)
        within(theirs?.cachedBytes, mine?.cachedBytes, tolerance)
        within(theirs?.buffersBytes, mine?.buffersBytes, tolerance)
        within(theirs?.reclaimableBytes, mine?.reclaimableBytes, tolerance)
        within(systeminformation.swap?.usedBytes, proc.swap?.usedBytes, (proc.swap?.totalBytes ?? 0) * 0.1)
      }))

    it.effect("agree on load, uptime, how busy the processors are, and how many processes there are", () =>
      Effect.gen(function*() {
        const { proc, systeminformation } = yield* Samples
        within(systeminformation.load?.oneMinute, proc.load?.oneMinute, 2 + (proc.load?.oneMinute ?? 0) / 2)
        within(systeminformation.load?.fifteenMinutes, proc.load?.fifteenMinutes, 0.5)
        within(systeminformation.uptimeSeconds, proc.uptimeSeconds, 5)
        const unseen = proc.cpu?.modes.filter(({ mode }) => unseenModes.has(mode)) ?? []
        within(
          systeminformation.cpu?.percent,
          proc.cpu?.percent,
          unseen.reduce((sum, { percent }) => sum + percent, 30)
        )
        // The package counts processes now and then, and its own helpers among them.
        within(systeminformation.processes?.count, proc.processes?.count, 100 + (proc.processes?.count ?? 0) * 0.5)
      }))

    it.effect("agree on filesystems: the same, of the same type and size", () =>
      Effect.gen(function*() {
        const { proc, systeminformation } = yield* Samples
        const byMountpoint = new Map(systeminformation.filesystems?.map((one) => [one.mountpoint, one]))
        expect([...byMountpoint.keys()].sort()).toEqual(proc.filesystems?.map(({ mountpoint }) => mountpoint).sort())
        for (const mine of proc.filesystems ?? []) {
          const theirs = byMountpoint.get(mine.mountpoint)
          expect(theirs?.type).toBe(mine.type)
          expect(theirs?.device).toBe(mine.device)
          // The package adds a ZFS dataset's children up.
          if (mine.type === "zfs") continue
          // df counts in KiB.
          within(theirs?.totalBytes, mine.totalBytes, 1024)
          within(theirs?.usedBytes, mine.usedBytes, mine.totalBytes * 0.05)
          within(theirs?.availableBytes, mine.availableBytes, mine.totalBytes * 0.05)
        }
      }))

    it.effect("agree on network interfaces, save those without an address, which node:os does not list", () =>
      Effect.gen(function*() {
        const { proc, systeminformation } = yield* Samples
        const theirs = systeminformation.network?.map((one) => one.interface) ?? []
        const mine = proc.network?.map((one) => one.interface) ?? []
        const addressed = new Set(Object.keys(os.networkInterfaces()).map((name) => name.split(":")[0]))
        expect([...theirs].sort()).toEqual(mine.filter((name) => addressed.has(name)).sort())
      }))

    it.effect("leave out by default what the filters name", () =>
      Effect.gen(function*() {
        const samples = yield* Samples
        expect(fs.readFileSync("/proc/mounts", "utf8")).toContain("tmpfs")
        for (const name of names) {
          expect(samples[name].filesystems?.map(({ type }) => type)).not.toContain("tmpfs")
          expect(samples[name].network?.map((one) => one.interface)).not.toContain("lo")
          expect(samples[name].diskIo?.filter(({ device }) => device?.startsWith("loop"))).toEqual([])
        }
      }))
  })
})
