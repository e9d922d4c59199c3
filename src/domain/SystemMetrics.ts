import { Schema } from "effect"
import { GenericMetric } from "./GenericMetric.js"
import type { JsonObject } from "./Json.js"
import { SystemTags } from "./SystemTags.js"
import { isTimestamp } from "./Timestamp.js"

const Amount = Schema.Finite
const Share = Schema.Finite

/** How busy the processors were between two samples. Percentages are of the time of all cores, or of the one core. */
export const CpuMetrics = Schema.Struct({
  /** Logical cores that are online. */
  count: Amount,
  /** Neither idle nor waiting for I/O; absent at the first sample. */
  percent: Schema.optional(Share),
  /** The same for each core. */
  cores: Schema.Array(Schema.Struct({ core: Schema.String, percent: Share })),
  /** Time by mode (`user`, `system`, `idle`, …); together 100. */
  modes: Schema.Array(Schema.Struct({ mode: Schema.String, percent: Share })),
  contextSwitchesPerSecond: Schema.optional(Amount),
  interruptsPerSecond: Schema.optional(Amount)
})
export type CpuMetrics = typeof CpuMetrics.Type

/** Load averages: tasks that ran or waited to run, over 1, 5 and 15 minutes. */
export const LoadMetrics = Schema.Struct({ oneMinute: Amount, fiveMinutes: Amount, fifteenMinutes: Amount })
export type LoadMetrics = typeof LoadMetrics.Type

/** Main memory. `used` is what programs cannot get: total less available. */
export const MemoryMetrics = Schema.Struct({
  totalBytes: Amount,
  availableBytes: Amount,
  usedBytes: Amount,
  freeBytes: Amount,
  buffersBytes: Schema.optional(Amount),
  cachedBytes: Schema.optional(Amount),
  sharedBytes: Schema.optional(Amount),
  reclaimableBytes: Schema.optional(Amount),
  dirtyBytes: Schema.optional(Amount),
  writebackBytes: Schema.optional(Amount)
})
export type MemoryMetrics = typeof MemoryMetrics.Type

/** Swap space; all 0 on a host without swap. */
export const SwapMetrics = Schema.Struct({ totalBytes: Amount, usedBytes: Amount, freeBytes: Amount })
export type SwapMetrics = typeof SwapMetrics.Type

/** Space of one mounted filesystem. `available` is what an ordinary user may still write. */
export const FilesystemMetrics = Schema.Struct({
  device: Schema.String,
  mountpoint: Schema.String,
  type: Schema.String,
  totalBytes: Amount,
  usedBytes: Amount,
  availableBytes: Amount,
  /** Absent where the filesystem has no fixed number of inodes. */
  inodes: Schema.optional(Amount),
  inodesFree: Schema.optional(Amount)
})
export type FilesystemMetrics = typeof FilesystemMetrics.Type

/** Traffic of one block device between two samples; without `device` that of all disks together. */
export const DiskIoMetrics = Schema.Struct({
  device: Schema.optional(Schema.String),
  readBytesPerSecond: Schema.optional(Amount),
  writeBytesPerSecond: Schema.optional(Amount),
  readsPerSecond: Schema.optional(Amount),
  writesPerSecond: Schema.optional(Amount),
  /** Mean time a read took, waiting included; absent when there was none. */
  readSeconds: Schema.optional(Amount),
  writeSeconds: Schema.optional(Amount),
  /** Share of the time in which at least one request was under way. */
  busyPercent: Schema.optional(Share),
  /** Requests under way at the instant of the sample. */
  inFlight: Schema.optional(Amount)
})
export type DiskIoMetrics = typeof DiskIoMetrics.Type

/** Traffic of one network interface between two samples. */
export const NetworkMetrics = Schema.Struct({
  interface: Schema.String,
  receiveBytesPerSecond: Schema.optional(Amount),
  transmitBytesPerSecond: Schema.optional(Amount),
  receivePacketsPerSecond: Schema.optional(Amount),
  transmitPacketsPerSecond: Schema.optional(Amount),
  receiveErrorsPerSecond: Schema.optional(Amount),
  transmitErrorsPerSecond: Schema.optional(Amount),
  receiveDropsPerSecond: Schema.optional(Amount),
  transmitDropsPerSecond: Schema.optional(Amount)
})
export type NetworkMetrics = typeof NetworkMetrics.Type

/** How many processes and threads there are. */
export const ProcessMetrics = Schema.Struct({
  count: Schema.optional(Amount),
  running: Schema.optional(Amount),
  /** Waiting for I/O and not to be interrupted. */
  blocked: Schema.optional(Amount),
  threads: Schema.optional(Amount),
  forksPerSecond: Schema.optional(Amount)
})
export type ProcessMetrics = typeof ProcessMetrics.Type

/** Open file descriptors of the whole host and the kernel's bound. */
export const FileDescriptorMetrics = Schema.Struct({ open: Amount, max: Amount })
export type FileDescriptorMetrics = typeof FileDescriptorMetrics.Type

/** One temperature sensor. `chip`, `device` and `sensor` together name it. */
export const TemperatureMetrics = Schema.Struct({
  sensor: Schema.String,
  chip: Schema.optional(Schema.String),
  device: Schema.optional(Schema.String),
  celsius: Schema.Finite
})
export type TemperatureMetrics = typeof TemperatureMetrics.Type

/** Share of the time in which tasks stalled for want of a resource, between two samples (Linux PSI). */
export const PressureMetrics = Schema.Struct({
  /** `cpu`, `memory`, `io` or `irq`. */
  resource: Schema.String,
  /** At least one task stalled. */
  somePercent: Schema.optional(Share),
  /** All tasks that were not idle stalled. */
  fullPercent: Schema.optional(Share)
})
export type PressureMetrics = typeof PressureMetrics.Type

/**
 * What a host looked like at one instant. A part that the platform cannot
 * tell, or that needs a sample before this one, is absent.
 */
export class SystemMetrics extends Schema.Class<SystemMetrics>("SystemMetrics")({
  /** Name of the host; the tag `host` of all its metrics. */
  host: Schema.NonEmptyString,
  /** When the sample was taken, ms since the epoch. */
  timestamp: Schema.Number.pipe(Schema.filter(isTimestamp)),
  uptimeSeconds: Schema.optional(Amount),
  cpu: Schema.optional(CpuMetrics),
  load: Schema.optional(LoadMetrics),
  memory: Schema.optional(MemoryMetrics),
  swap: Schema.optional(SwapMetrics),
  filesystems: Schema.optional(Schema.Array(FilesystemMetrics)),
  diskIo: Schema.optional(Schema.Array(DiskIoMetrics)),
  network: Schema.optional(Schema.Array(NetworkMetrics)),
  processes: Schema.optional(ProcessMetrics),
  fileDescriptors: Schema.optional(FileDescriptorMetrics),
  temperatures: Schema.optional(Schema.Array(TemperatureMetrics)),
  pressure: Schema.optional(Schema.Array(PressureMetrics))
}) {
  /**
   * The snapshot as metrics of the origin `system`, all with its timestamp and
   * the tag `host`. Names end in their unit; the table of all names stands in
   * `docs/system-metrics.md`. Values are rounded to a thousandth, waits to a
   * microsecond. Pass the same `tags` at every tick and the
   * metadata objects are the same at every tick; without it they carry the
   * host alone.
   */
  toGenericMetrics(tags: SystemTags = hostTags(this.host)): ReadonlyArray<GenericMetric> {
    const out = new MetricList(this.timestamp)
    const host = tags.host
    out.push("uptime_seconds", this.uptimeSeconds, host)
    if (this.cpu !== undefined) pushCpu(out, this.cpu, tags)
    if (this.load !== undefined) {
      out.push("load_1m", this.load.oneMinute, host)
      out.push("load_5m", this.load.fiveMinutes, host)
      out.push("load_15m", this.load.fifteenMinutes, host)
    }
    if (this.memory !== undefined) pushMemory(out, this.memory, host)
    if (this.swap !== undefined) {
      out.push("swap_total_bytes", this.swap.totalBytes, host)
      out.push("swap_used_bytes", this.swap.usedBytes, host)
      out.push("swap_free_bytes", this.swap.freeBytes, host)
      out.push("swap_used_percent", percentOf(this.swap.usedBytes, this.swap.totalBytes), host)
    }
    if (this.filesystems !== undefined) pushFilesystems(out, this.filesystems, tags)
    if (this.diskIo !== undefined) pushDiskIo(out, this.diskIo, tags)
    if (this.network !== undefined) pushNetwork(out, this.network, tags)
    if (this.processes !== undefined) {
      out.push("process_count", this.processes.count, host)
      out.push("process_running_count", this.processes.running, host)
      out.push("process_blocked_count", this.processes.blocked, host)
      out.push("thread_count", this.processes.threads, host)
      out.push("process_forks_per_second", this.processes.forksPerSecond, host)
    }
    if (this.fileDescriptors !== undefined) {
      out.push("file_descriptors_open_count", this.fileDescriptors.open, host)
      out.push("file_descriptors_max_count", this.fileDescriptors.max, host)
      out.push("file_descriptors_used_percent", percentOf(this.fileDescriptors.open, this.fileDescriptors.max), host)
    }
    if (this.temperatures !== undefined) pushTemperatures(out, this.temperatures, tags)
    if (this.pressure !== undefined) {
      for (const { fullPercent, resource, somePercent } of this.pressure) {
        const metadata = tags.with(["resource", resource])
        out.push("pressure_some_percent", somePercent, metadata)
        out.push("pressure_full_percent", fullPercent, metadata)
      }
    }
    return out.metrics
  }
}

let latestHost = ""
let latestTags = new SystemTags("")

// A process watches one host: remembering the latest is enough to give the
// same metadata objects at every tick.
const hostTags = (host: string): SystemTags => {
  if (host !== latestHost) {
    latestHost = host
    latestTags = new SystemTags(host)
  }
  return latestTags
}

// Counters are read at instants that are known to about a millisecond: what a quotient of them says beyond a
// thousandth (of a percent, of a byte per second) is noise, and noise takes four times the room in a store.
// Waits are told to the microsecond.
const roundNoise = (metricType: string, value: number): number => {
  if (Number.isInteger(value)) return value
  const parts = metricType.endsWith("_wait_seconds") ? 1e6 : 1e3
  return Math.round(value * parts) / parts
}

class MetricList {
  readonly metrics: Array<GenericMetric> = []
  constructor(private readonly timestamp: number) {}

  push(metricType: string, measured: number | undefined, metadata: JsonObject): void {
    if (measured === undefined || !Number.isFinite(measured)) return
    const value = roundNoise(metricType, measured)
    // Unchecked: names are constants, values and timestamp are finite, tags are checked where they enter.
    this.metrics.push(
      new GenericMetric({ origin: "system", metricType, value, timestamp: this.timestamp, metadata }, true)
    )
  }
}

const percentOf = (part: number, whole: number): number | undefined => whole > 0 ? 100 * part / whole : undefined

const pushCpu = (out: MetricList, cpu: CpuMetrics, tags: SystemTags): void => {
  out.push("cpu_count", cpu.count, tags.host)
  out.push("cpu_percent", cpu.percent, tags.host)
  for (const { core, percent } of cpu.cores) out.push("cpu_core_percent", percent, tags.with(["core", core]))
  for (const { mode, percent } of cpu.modes) out.push("cpu_mode_percent", percent, tags.with(["mode", mode]))
  out.push("context_switches_per_second", cpu.contextSwitchesPerSecond, tags.host)
  out.push("interrupts_per_second", cpu.interruptsPerSecond, tags.host)
}

const pushMemory = (out: MetricList, memory: MemoryMetrics, host: JsonObject): void => {
  out.push("memory_total_bytes", memory.totalBytes, host)
  out.push("memory_available_bytes", memory.availableBytes, host)
  out.push("memory_used_bytes", memory.usedBytes, host)
  out.push("memory_used_percent", percentOf(memory.usedBytes, memory.totalBytes), host)
  out.push("memory_free_bytes", memory.freeBytes, host)
  out.push("memory_buffers_bytes", memory.buffersBytes, host)
  out.push("memory_cached_bytes", memory.cachedBytes, host)
  out.push("memory_shared_bytes", memory.sharedBytes, host)
  out.push("memory_reclaimable_bytes", memory.reclaimableBytes, host)
  out.push("memory_dirty_bytes", memory.dirtyBytes, host)
  out.push("memory_writeback_bytes", memory.writebackBytes, host)
}

const pushFilesystems = (out: MetricList, filesystems: ReadonlyArray<FilesystemMetrics>, tags: SystemTags): void => {
  for (const fs of filesystems) {
    const metadata = tags.with(["device", fs.device], ["mountpoint", fs.mountpoint], ["fstype", fs.type])
    out.push("disk_total_bytes", fs.totalBytes, metadata)
    out.push("disk_used_bytes", fs.usedBytes, metadata)
    out.push("disk_available_bytes", fs.availableBytes, metadata)
    // As df counts: what is reserved for root is neither used nor available.
    out.push("disk_used_percent", percentOf(fs.usedBytes, fs.usedBytes + fs.availableBytes), metadata)
    if (fs.inodes === undefined || fs.inodesFree === undefined) continue
    out.push("disk_inodes_count", fs.inodes, metadata)
    out.push("disk_inodes_free_count", fs.inodesFree, metadata)
    out.push("disk_inodes_used_percent", percentOf(fs.inodes - fs.inodesFree, fs.inodes), metadata)
  }
}

const pushDiskIo = (out: MetricList, disks: ReadonlyArray<DiskIoMetrics>, tags: SystemTags): void => {
  for (const disk of disks) {
    const metadata = disk.device === undefined ? tags.host : tags.with(["device", disk.device])
    out.push("disk_read_bytes_per_second", disk.readBytesPerSecond, metadata)
    out.push("disk_write_bytes_per_second", disk.writeBytesPerSecond, metadata)
    out.push("disk_reads_per_second", disk.readsPerSecond, metadata)
    out.push("disk_writes_per_second", disk.writesPerSecond, metadata)
    out.push("disk_read_wait_seconds", disk.readSeconds, metadata)
    out.push("disk_write_wait_seconds", disk.writeSeconds, metadata)
    out.push("disk_busy_percent", disk.busyPercent, metadata)
    out.push("disk_in_flight_count", disk.inFlight, metadata)
  }
}

const pushNetwork = (out: MetricList, interfaces: ReadonlyArray<NetworkMetrics>, tags: SystemTags): void => {
  for (const network of interfaces) {
    const metadata = tags.with(["interface", network.interface])
    out.push("network_receive_bytes_per_second", network.receiveBytesPerSecond, metadata)
    out.push("network_transmit_bytes_per_second", network.transmitBytesPerSecond, metadata)
    out.push("network_receive_packets_per_second", network.receivePacketsPerSecond, metadata)
    out.push("network_transmit_packets_per_second", network.transmitPacketsPerSecond, metadata)
    out.push("network_receive_errors_per_second", network.receiveErrorsPerSecond, metadata)
    out.push("network_transmit_errors_per_second", network.transmitErrorsPerSecond, metadata)
    out.push("network_receive_drops_per_second", network.receiveDropsPerSecond, metadata)
    out.push("network_transmit_drops_per_second", network.transmitDropsPerSecond, metadata)
  }
}

const pushTemperatures = (out: MetricList, sensors: ReadonlyArray<TemperatureMetrics>, tags: SystemTags): void => {
  for (const { celsius, chip, device, sensor } of sensors) {
    const own: Array<readonly [string, string]> = [["sensor", sensor]]
    if (chip !== undefined) own.push(["chip", chip])
    if (device !== undefined) own.push(["device", device])
    out.push("temperature_celsius", celsius, tags.with(...own))
  }
}
