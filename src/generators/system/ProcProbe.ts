import { Duration, Effect, Layer, type Scope } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import { type CpuMetrics, type PressureMetrics, SystemMetrics } from "../../domain/SystemMetrics.js"
import { CpuUsage } from "./CpuUsage.js"
import { type DiskCounters, diskRates } from "./DiskRates.js"
import { type InterfaceCounters, networkRates } from "./NetworkRates.js"
import { perSecond } from "./perSecond.js"
import { DiskSpace } from "./proc/DiskSpace.js"
import { parseDiskstats } from "./proc/Diskstats.js"
import { parseFileNr } from "./proc/FileNr.js"
import { parseLoadavg } from "./proc/Loadavg.js"
import { parseMeminfo } from "./proc/Meminfo.js"
import { type Mount, parseMounts } from "./proc/Mounts.js"
import { parseNetDev } from "./proc/NetDev.js"
import { parsePressure, type PressureCounters } from "./proc/Pressure.js"
import { ProcFile, ReadBuffer } from "./proc/ProcFile.js"
import { cpuModes, parseStat, type Stat } from "./proc/Stat.js"
import { Temperatures } from "./proc/Temperatures.js"
import { parseUptime } from "./proc/Uptime.js"
import { makeKeeps, type SystemFilters } from "./SystemFilters.js"
import { ProbeError, SystemProbe } from "./SystemProbe.js"

/** Options of {@link ProcProbe}. */
export interface ProcProbeOptions extends SystemFilters {
  /** The tag `host`; by default the name the kernel gives this host. */
  readonly host?: string
  /** Where the host's /proc is seen (`/proc`). In a container that watches its host: `/host/proc`, say. */
  readonly procfs?: string
  /** Where the host's /sys is seen (`/sys`). */
  readonly sysfs?: string
  /**
   * Where the host's `/` is seen, to ask its filesystems for their space. By
   * default `/`, or below a foreign `procfs` the root of the host's process 1,
   * which only a privileged container may look into.
   */
  readonly rootfs?: string
}

/** Two samples closer than this give no rates: the kernel counts processor time in steps of 10 ms. */
const shortestWindowSeconds = 0.05

/** How often processes are counted: listing /proc costs more than all the rest when there are many. */
const countProcessesEvery = Duration.toMillis("5 seconds")

const pressureResources = ["cpu", "memory", "io", "irq"] as const

/** What rates are computed from, and when it was read. */
interface Counters {
  readonly nanos: bigint
  readonly stat: Stat | undefined
  readonly disks: ReadonlyArray<DiskCounters> | undefined
  readonly interfaces: ReadonlyArray<InterfaceCounters> | undefined
  readonly pressure: ReadonlyArray<PressureCounters & { readonly resource: string }>
}

const cpuUsage = new CpuUsage(cpuModes, ["idle", "iowait"])

// Lists keep their order, so the same place is nearly always right.
const find = <A>(before: ReadonlyArray<A> | undefined, place: number, same: (other: A) => boolean): A | undefined => {
  if (before === undefined) return undefined
  const likely = before[place]
  return likely !== undefined && same(likely) ? likely : before.find(same)
}

const cpuOf = (stat: Stat, before: Stat | undefined, seconds: number): CpuMetrics => ({
  count: stat.cpu.cores.length,
  ...(before === undefined ? { cores: [], modes: [] } : cpuUsage.between(before.cpu, stat.cpu)),
  contextSwitchesPerSecond: perSecond(before?.contextSwitches, stat.contextSwitches, seconds),
  interruptsPerSecond: perSecond(before?.interrupts, stat.interrupts, seconds)
})

const stallPercent = (before: number | undefined, now: number | undefined, seconds: number): number | undefined => {
  const micros = perSecond(before, now, seconds)
  return micros === undefined ? undefined : Math.min(100, micros / 10_000)
}

const parsed = <A>(file: ProcFile, nowMillis: number, parse: (text: string) => A | undefined): A | undefined => {
  const text = file.read(nowMillis)
  return text === undefined ? undefined : parse(text)
}

const isNumeric = (name: string): boolean => {
  const code = name.charCodeAt(0)
  return code >= 49 && code <= 57
}

const countProcesses = (procfs: string): number | undefined => {
  try {
    let count = 0
    for (const name of fs.readdirSync(procfs)) if (isNumeric(name)) count++
    return count > 0 ? count : undefined
  } catch {
    return undefined
  }
}

/** Whether a probe on these roots could tell anything: there is a readable `stat` in `procfs`. */
const isAvailable = (options: Pick<ProcProbeOptions, "procfs"> = {}): boolean => {
  try {
    fs.accessSync(`${options.procfs ?? "/proc"}/stat`, fs.constants.R_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Builds the probe that reads /proc and /sys of Linux through descriptors it
 * keeps open until the scope closes. A file that is missing or unreadable
 * means that its part is absent; only when there is neither `stat` nor
 * `meminfo` does a sample fail.
 */
const make = (
  options: ProcProbeOptions = {}
): Effect.Effect<typeof SystemProbe.Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { host = os.hostname(), procfs = "/proc", sysfs = "/sys" } = options
    const { rootfs = procfs === "/proc" ? "/" : `${procfs}/1/root` } = options
    const keep = makeKeeps(options)
    const buffer = new ReadBuffer()
    const files: Array<ProcFile> = []
    const file = (paths: ReadonlyArray<string>, short: boolean): ProcFile => {
      const made = new ProcFile(paths.map((path) => `${procfs}/${path}`), buffer, short)
      files.push(made)
      return made
    }
    // Below a foreign /proc, `self` is this process and its own namespaces;
    // process 1 has the host's.
    const perNamespace = (name: string) => procfs === "/proc" ? [`self/${name}`] : [`1/${name}`, `self/${name}`]
    const stat = file(["stat"], true)
    const meminfo = file(["meminfo"], true)
    const loadavg = file(["loadavg"], true)
    const uptime = file(["uptime"], true)
    const fileNr = file(["sys/fs/file-nr"], true)
    const diskstats = file(["diskstats"], false)
    const netDev = file(perNamespace("net/dev"), false)
    const mounts = file(perNamespace("mounts"), false)
    const pressures = pressureResources.map((resource) => ({ resource, file: file([`pressure/${resource}`], true) }))
    yield* Effect.addFinalizer(() => Effect.sync(() => files.forEach((open) => open.close())))

    let mountsText: string | undefined
    let mountList: ReadonlyArray<Mount> = []
    const listMounts = (nowMillis: number): ReadonlyArray<Mount> => {
      const text = mounts.read(nowMillis)
      if (text !== mountsText) {
        mountsText = text
        mountList = text === undefined ? [] : parseMounts(text, keep)
      }
      return mountList
    }
    const filesystems = yield* DiskSpace.make(listMounts, rootfs)
    const temperatures = yield* Temperatures.make(sysfs)

    let processes: number | undefined
    let processesCountedAt = -Infinity

    const readCounters = (millis: number, nanos: bigint): Counters => {
      const pressure: Array<Counters["pressure"][number]> = []
      for (const { file, resource } of pressures) {
        const counters = parsed(file, millis, parsePressure)
        if (counters !== undefined) pressure.push({ resource, ...counters })
      }
      return {
        nanos,
        stat: parsed(stat, millis, parseStat),
        disks: parsed(diskstats, millis, (text) => parseDiskstats(text, keep.device)),
        interfaces: parsed(netDev, millis, (text) => parseNetDev(text, keep.interface)),
        pressure
      }
    }

    const clock = yield* Effect.clock
    // Counters are read once now, so that the first sample can have rates.
    let last = readCounters(clock.unsafeCurrentTimeMillis(), clock.unsafeCurrentTimeNanos())

    const snapshot = (timestamp: number, nanos: bigint): SystemMetrics | undefined => {
      const now = readCounters(timestamp, nanos)
      const memory = parsed(meminfo, timestamp, parseMeminfo)
      if (now.stat === undefined && memory === undefined) return undefined
      const seconds = Number(now.nanos - last.nanos) / 1e9
      const measurable = seconds >= shortestWindowSeconds
      const before = measurable ? last : undefined
      if (measurable) last = now
      const load = parsed(loadavg, timestamp, parseLoadavg)
      if (timestamp - processesCountedAt >= countProcessesEvery || timestamp < processesCountedAt) {
        processes = countProcesses(procfs)
        processesCountedAt = timestamp
      }
      return new SystemMetrics({
        host,
        timestamp,
        uptimeSeconds: parsed(uptime, timestamp, parseUptime),
        cpu: now.stat === undefined ? undefined : cpuOf(now.stat, before?.stat, seconds),
        load: load?.load,
        memory: memory?.memory,
        swap: memory?.swap,
        filesystems: filesystems.at(timestamp),
        diskIo: now.disks?.map((disk, i) =>
          diskRates(disk, find(before?.disks, i, (other) => other.device === disk.device), seconds)
        ),
        network: now.interfaces?.map((one, i) =>
          networkRates(one, find(before?.interfaces, i, (other) => other.interface === one.interface), seconds)
        ),
        processes: {
          count: processes,
          running: now.stat?.running,
          blocked: now.stat?.blocked,
          threads: load?.threads,
          forksPerSecond: perSecond(before?.stat?.forks, now.stat?.forks, seconds)
        },
        fileDescriptors: parsed(fileNr, timestamp, parseFileNr),
        temperatures: temperatures.at(timestamp),
        pressure: now.pressure.map((one, i): PressureMetrics => {
          const then = find(before?.pressure, i, (other) => other.resource === one.resource)
          return {
            resource: one.resource,
            somePercent: stallPercent(then?.someMicros, one.someMicros, seconds),
            fullPercent: stallPercent(then?.fullMicros, one.fullMicros, seconds)
          }
        })
      }, true)
    }

    return {
      name: "proc",
      sample: Effect.clockWith((clock) =>
        Effect.suspend(() => {
          const metrics = snapshot(clock.unsafeCurrentTimeMillis(), clock.unsafeCurrentTimeNanos())
          return metrics === undefined
            ? Effect.fail(
              new ProbeError({
                probe: "proc",
                message: `Neither ${procfs}/stat nor ${procfs}/meminfo can be read. Set procfs to where this host's ` +
                  "/proc is mounted, or use the probe \"systeminformation\"."
              })
            )
            : Effect.succeed(metrics)
        })
      )
    }
  })

/** The probe of a Linux host, as a Layer. See {@link make} for what it reads. */
const layer = (options?: ProcProbeOptions): Layer.Layer<SystemProbe> => Layer.scoped(SystemProbe, make(options))

/** Reads /proc and /sys of Linux: `layer` provides it as the {@link SystemProbe}, `make` builds it in a Scope. */
export const ProcProbe = { make, layer, isAvailable }
