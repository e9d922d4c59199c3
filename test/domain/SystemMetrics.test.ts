import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, FastCheck } from "effect"
import * as fs from "node:fs"
import { metricProblem } from "../../src/domain/GenericMetric.js"
import { SystemMetrics } from "../../src/domain/SystemMetrics.js"
import { SystemTags } from "../../src/domain/SystemTags.js"

/** Nothing may be left out, so that a part added later cannot be forgotten here. */
type Complete<A> = A extends ReadonlyArray<infer Item> ? ReadonlyArray<Complete<Item>>
  : A extends object ? { readonly [K in keyof A]-?: Complete<Exclude<A[K], undefined>> }
  : A

const complete: Complete<Omit<SystemMetrics, "toGenericMetrics">> = {
  host: "web-1",
  timestamp: 1_700_000_000_000,
  uptimeSeconds: 3600.5,
  cpu: {
    count: 2,
    percent: 12.5,
    cores: [{ core: "0", percent: 25 }, { core: "1", percent: 0 }],
    modes: [{ mode: "user", percent: 12.5 }, { mode: "idle", percent: 87.5 }],
    contextSwitchesPerSecond: 2000,
    interruptsPerSecond: 900
  },
  load: { oneMinute: 0.5, fiveMinutes: 0.25, fifteenMinutes: 0.125 },
  memory: {
    totalBytes: 8000,
    availableBytes: 6000,
    usedBytes: 2000,
    freeBytes: 1000,
    buffersBytes: 100,
    cachedBytes: 4000,
    sharedBytes: 50,
    reclaimableBytes: 300,
    dirtyBytes: 20,
    writebackBytes: 10
  },
  swap: { totalBytes: 1000, usedBytes: 250, freeBytes: 750 },
  filesystems: [{
    device: "/dev/sda1",
    mountpoint: "/",
    type: "ext4",
    totalBytes: 1000,
    usedBytes: 600,
    availableBytes: 200,
    inodes: 400,
    inodesFree: 100
  }],
  diskIo: [{
    device: "sda",
    readBytesPerSecond: 4096,
    writeBytesPerSecond: 8192,
    readsPerSecond: 1,
    writesPerSecond: 2,
    readSeconds: 0.001,
    writeSeconds: 0.002,
    busyPercent: 3,
    inFlight: 4
  }],
  network: [{
    interface: "eth0",
    receiveBytesPerSecond: 1,
    transmitBytesPerSecond: 2,
    receivePacketsPerSecond: 3,
    transmitPacketsPerSecond: 4,
    receiveErrorsPerSecond: 5,
    transmitErrorsPerSecond: 6,
    receiveDropsPerSecond: 7,
    transmitDropsPerSecond: 8
  }],
  processes: { count: 100, running: 2, blocked: 1, threads: 400, forksPerSecond: 0.5 },
  fileDescriptors: { open: 500, max: 1000 },
  temperatures: [{ sensor: "Package id 0", chip: "coretemp", device: "coretemp.0", celsius: 55.5 }],
  pressure: [{ resource: "io", somePercent: 1.5, fullPercent: 0.5 }]
}

const namesOf = (metrics: SystemMetrics): ReadonlySet<string> =>
  new Set(metrics.toGenericMetrics().map(({ metricType }) => metricType))

const documented = (): ReadonlyArray<string> =>
  fs.readFileSync(new URL("../../docs/system-metrics.md", import.meta.url), "utf8")
    .split("\n")
    .flatMap((line) => /^\| `([a-z0-9_]+)` \|/.exec(line)?.[1] ?? [])

const valueOf = (metrics: SystemMetrics, name: string): ReadonlyArray<number> =>
  metrics.toGenericMetrics().filter(({ metricType }) => metricType === name).map(({ value }) => value)

describe("SystemMetrics", () => {
  it("gives exactly the names that the documentation lists, each listed once", () => {
    const names = documented()
    expect(new Set(names).size).toBe(names.length)
    expect([...names].sort()).toEqual([...namesOf(new SystemMetrics(complete))].sort())
  })

  it("names end in their unit, save the load averages", () => {
    for (const name of namesOf(new SystemMetrics(complete))) {
      expect(name).toMatch(/^(?:.+_(?:bytes|seconds|percent|count|celsius|per_second)|load_\d+m)$/)
    }
  })

  it("every metric is of the origin system, of the instant of the sample, and carries the host", () => {
    for (const metric of new SystemMetrics(complete).toGenericMetrics()) {
      expect(metric.origin).toBe("system")
      expect(metric.timestamp).toBe(complete.timestamp)
      expect(metric.metadata).toMatchObject({ host: "web-1" })
    }
  })

  it("tags tell the series of one name apart", () => {
    const metrics = new SystemMetrics(complete).toGenericMetrics()
    const metadata = (name: string) =>
      metrics.filter(({ metricType }) => metricType === name).map((metric) => metric.metadata)
    expect(metadata("cpu_core_percent")).toEqual([{ host: "web-1", core: "0" }, { host: "web-1", core: "1" }])
    expect(metadata("cpu_mode_percent")).toEqual([{ host: "web-1", mode: "user" }, { host: "web-1", mode: "idle" }])
    expect(metadata("disk_used_bytes")).toEqual([
      { host: "web-1", device: "/dev/sda1", mountpoint: "/", fstype: "ext4" }
    ])
    expect(metadata("disk_busy_percent")).toEqual([{ host: "web-1", device: "sda" }])
    expect(metadata("network_receive_bytes_per_second")).toEqual([{ host: "web-1", interface: "eth0" }])
    expect(metadata("temperature_celsius")).toEqual([
      { host: "web-1", sensor: "Package id 0", chip: "coretemp", device: "coretemp.0" }
    ])
    expect(metadata("pressure_full_percent")).toEqual([{ host: "web-1", resource: "io" }])
  })

  it("computes shares: memory of the total, disks as df does, swap only where there is some", () => {
    const metrics = new SystemMetrics(complete)
    expect(valueOf(metrics, "memory_used_percent")).toEqual([25])
    expect(valueOf(metrics, "disk_used_percent")).toEqual([75])
    expect(valueOf(metrics, "disk_inodes_used_percent")).toEqual([75])
    expect(valueOf(metrics, "swap_used_percent")).toEqual([25])
    expect(valueOf(metrics, "file_descriptors_used_percent")).toEqual([50])
    const swapless = new SystemMetrics({ ...complete, swap: { totalBytes: 0, usedBytes: 0, freeBytes: 0 } })
    expect(valueOf(swapless, "swap_total_bytes")).toEqual([0])
    expect(valueOf(swapless, "swap_used_percent")).toEqual([])
  })

  it("keeps a thousandth of a value, a microsecond of a wait, and whole numbers whole", () => {
    const [disk] = complete.diskIo
    const metrics = new SystemMetrics({
      ...complete,
      cpu: { ...complete.cpu, percent: 100 / 3 },
      diskIo: [{
        ...disk,
        readBytesPerSecond: 4_321_987_654_321,
        writeBytesPerSecond: 2 / 3,
        readSeconds: 0.0000123456
      }]
    })
    expect(valueOf(metrics, "cpu_percent")).toEqual([33.333])
    expect(valueOf(metrics, "disk_read_bytes_per_second")).toEqual([4_321_987_654_321])
    expect(valueOf(metrics, "disk_write_bytes_per_second")).toEqual([0.667])
    expect(valueOf(metrics, "disk_read_wait_seconds")).toEqual([0.000012])
  })

  it("leaves out what is absent, and keeps zeros", () => {
    const bare = new SystemMetrics({ host: "web-1", timestamp: 0, load: { ...complete.load, oneMinute: 0 } })
    expect(bare.toGenericMetrics().map(({ metricType, value }) => [metricType, value])).toEqual([
      ["load_1m", 0],
      ["load_5m", 0.25],
      ["load_15m", 0.125]
    ])
  })

  it("never gives a value that is not finite", () => {
    const broken = new SystemMetrics({
      ...complete,
      uptimeSeconds: NaN,
      load: { ...complete.load, oneMinute: Infinity }
    }, true)
    const names = namesOf(broken)
    expect(names.has("uptime_seconds")).toBe(false)
    expect(names.has("load_1m")).toBe(false)
    expect(names.has("load_5m")).toBe(true)
  })

  it("the traffic of all disks together has no device", () => {
    const { device: _, ...together } = complete.diskIo[0]
    const [metric] = new SystemMetrics({ host: "web-1", timestamp: 0, diskIo: [together] }).toGenericMetrics()
    expect(metric.metadata).toEqual({ host: "web-1" })
  })

  it("the metadata of a series is the same object at every sample", () => {
    const once = new SystemMetrics(complete).toGenericMetrics()
    const again = new SystemMetrics({ ...complete, timestamp: complete.timestamp + 1000 }).toGenericMetrics()
    expect(again.every(({ metadata }, i) => metadata === once[i].metadata)).toBe(true)
    expect(once.every(({ metadata }) => Object.isFrozen(metadata))).toBe(true)
    const tags = new SystemTags("web-1", { room: "cellar" })
    const tagged = new SystemMetrics(complete).toGenericMetrics(tags)
    const taggedAgain = new SystemMetrics(complete).toGenericMetrics(tags)
    expect(taggedAgain.every(({ metadata }, i) => metadata === tagged[i].metadata)).toBe(true)
  })

  it("tags of the user may replace the host, never what tells series apart", () => {
    const tags = new SystemTags("web-1", { host: "renamed", core: "all", room: "cellar" })
    const metrics = new SystemMetrics(complete).toGenericMetrics(tags)
    expect(metrics.find(({ metricType }) => metricType === "load_1m")?.metadata).toEqual({
      host: "renamed",
      core: "all",
      room: "cellar"
    })
    expect(metrics.filter(({ metricType }) => metricType === "cpu_core_percent").map(({ metadata }) => metadata.core))
      .toEqual(["0", "1"])
  })

  it("devices under ever new names do not fill the memory, and keep their tags", () => {
    const tags = new SystemTags("web-1")
    for (let i = 0; i < 25_000; i++) expect(tags.with(["device", `d${i}`]).device).toBe(`d${i}`)
  })

  it("gives valid metrics of any sample", () => {
    FastCheck.assert(FastCheck.property(Arbitrary.make(SystemMetrics), (metrics) => {
      for (const metric of metrics.toGenericMetrics()) expect(metricProblem(metric)).toBeUndefined()
    }))
  })
})
