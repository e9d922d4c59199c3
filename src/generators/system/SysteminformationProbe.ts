import { Duration, Effect, Fiber, Layer, Option, type Scope } from "effect"
import * as os from "node:os"
import {
  type FileDescriptorMetrics,
  type FilesystemMetrics,
  type LoadMetrics,
  type MemoryMetrics,
  type SwapMetrics,
  SystemMetrics,
  type TemperatureMetrics
} from "../../domain/SystemMetrics.js"
import { type CpuTimes, CpuUsage } from "./CpuUsage.js"
import { type DiskCounters, diskRates } from "./DiskRates.js"
import { LastKnown } from "./LastKnown.js"
import { type InterfaceCounters, networkRates } from "./NetworkRates.js"
import { oneMountADevice } from "./oneMountADevice.js"
import { makeKeeps, type SystemFilters, type SystemKeeps } from "./SystemFilters.js"
import { loadPackage, type Package } from "./SysteminformationPackage.js"
import { ProbeError, SystemProbe } from "./SystemProbe.js"

/** Options of {@link SysteminformationProbe}. */
export interface SysteminformationProbeOptions extends SystemFilters {
  /** The tag `host`; by default the name the system gives this host. */
  readonly host?: string
}

/**
 * Two samples closer than this give no rates: the package answers from its
 * memory when it was asked less than half a second ago.
 */
const shortestWindowSeconds = 0.75

/** How long one part of a sample may take before the sample goes without it. */
const patience = Duration.seconds(5)

/** Parts that cost many processes, or may take long, are read so often in the background, and count so long. */
const background = {
  filesystems: { every: "5 seconds", keep: "60 seconds" },
  temperatures: { every: "10 seconds", keep: "60 seconds" },
  // Half a hundred processes or more each time.
  processes: { every: "30 seconds", keep: "90 seconds" }
} as const

const cpuUsage = new CpuUsage(["user", "nice", "system", "idle", "irq"], ["idle"])

// What libuv is not allowed to read in a sandbox, node:os throws for.
const unlessRefused = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

// The package takes them from node:os as well, for a price: two processes, half
// a second the first time, and counters that all of its callers share.
const readCpuTimes = (): CpuTimes | undefined => {
  const cores = unlessRefused(os.cpus)?.map(({ times }, i) => ({
    core: String(i),
    times: [times.user, times.nice, times.sys, times.idle, times.irq]
  }))
  if (cores === undefined || cores.length === 0) return undefined
  return { cores, total: cores[0].times.map((_, i) => cores.reduce((sum, { times }) => sum + times[i], 0)) }
}

const readLoad = (platform: string): LoadMetrics | undefined => {
  // Windows knows no load, and node:os says 0 there.
  if (platform === "win32") return undefined
  const [oneMinute, fiveMinutes, fifteenMinutes] = os.loadavg()
  return { oneMinute, fiveMinutes, fifteenMinutes }
}

/** Names of the interfaces that are up, as the package itself finds them. Lists are cut at `,` and `|`, `*` means all. */
const listInterfaces = (keep: SystemKeeps["interface"]): ReadonlyArray<string> => {
  const names = new Set<string>()
  // The name `eth0:1` is a further address of eth0.
  for (const name of Object.keys(unlessRefused(os.networkInterfaces) ?? {})) names.add(name.split(":")[0].trim())
  return Array.from(names).filter((name) => keep(name) && !/[,|*]/.test(name))
}

const amount = (value: number | null | undefined): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined

/** A value of which the package says 0 where it does not know. */
const known = (value: number | null | undefined): number | undefined => amount(value) || undefined

type Answered<Call extends keyof Package> = NonNullable<Awaited<ReturnType<Package[Call]>>>

const memoryOf = (mem: Answered<"mem">): MemoryMetrics | undefined => {
  const totalBytes = known(mem.total)
  const freeBytes = amount(mem.free)
  const availableBytes = amount(mem.available)
  if (totalBytes === undefined || freeBytes === undefined || availableBytes === undefined) return undefined
  return {
    totalBytes,
    availableBytes,
    usedBytes: Math.max(0, totalBytes - availableBytes),
    freeBytes,
    buffersBytes: known(mem.buffers),
    cachedBytes: known(mem.cached),
    reclaimableBytes: known(mem.reclaimable),
    dirtyBytes: amount(mem.dirty),
    writebackBytes: amount(mem.writeback)
  }
}

/** Platforms whose swap the package knows; elsewhere it says 0. */
const swapPlatforms: ReadonlySet<string> = new Set(["linux", "darwin", "win32"])

const swapOf = (mem: Answered<"mem">, platform: string): SwapMetrics | undefined => {
  const totalBytes = amount(mem.swaptotal)
  const usedBytes = amount(mem.swapused)
  const freeBytes = amount(mem.swapfree)
  if (totalBytes === undefined || usedBytes === undefined || freeBytes === undefined) return undefined
  return swapPlatforms.has(platform) ? { totalBytes, usedBytes, freeBytes } : undefined
}

const fileDescriptorsOf = (files: Answered<"fsOpenFiles">): FileDescriptorMetrics | undefined => {
  const open = amount(files.allocated)
  const max = known(files.max)
  return open === undefined || max === undefined ? undefined : { open, max }
}

const filesystemsOf = (sizes: Answered<"fsSize">, keep: SystemKeeps): ReadonlyArray<FilesystemMetrics> =>
  oneMountADevice(
    sizes.flatMap((one): ReadonlyArray<FilesystemMetrics> => {
      const totalBytes = known(one.size)
      const usedBytes = amount(one.used)
      const availableBytes = amount(one.available)
      if (totalBytes === undefined || usedBytes === undefined || availableBytes === undefined) return []
      const { fs: device, mount: mountpoint, type } = one
      if (device === null || mountpoint === null || type === null) return []
      if (!keep.filesystem(type) || !keep.mountpoint(mountpoint)) return []
      return [{ device, mountpoint, type, totalBytes, usedBytes, availableBytes }]
    })
  )

// A call that fails is answered with zeros, and a disk that never read anything
// does not boot a host.
const disksOf = (
  stats: Answered<"fsStats"> | undefined,
  io: Answered<"disksIO"> | undefined
): DiskCounters | undefined => {
  const readBytes = known(stats?.rx)
  const reads = known(io?.rIO)
  if (readBytes === undefined && reads === undefined) return undefined
  return {
    readBytes,
    writeBytes: readBytes === undefined ? undefined : amount(stats?.wx),
    reads,
    readMillis: known(io?.rWaitTime),
    writes: reads === undefined ? undefined : amount(io?.wIO),
    writeMillis: known(io?.wWaitTime),
    busyMillis: undefined,
    inFlight: undefined
  }
}

const interfaceOf = (name: string, stats: Answered<"networkStats">[number] | undefined): InterfaceCounters => {
  // So the package answers for an interface that it could not read.
  const failed = stats === undefined ||
    (stats.operstate === "unknown" && stats.rx_bytes === 0 && stats.tx_bytes === 0)
  const counter = (value: number | null | undefined) => failed ? undefined : amount(value)
  return {
    interface: name,
    receiveBytes: counter(stats?.rx_bytes),
    receivePackets: undefined,
    receiveErrors: counter(stats?.rx_errors),
    receiveDrops: counter(stats?.rx_dropped),
    transmitBytes: counter(stats?.tx_bytes),
    transmitPackets: undefined,
    transmitErrors: counter(stats?.tx_errors),
    transmitDrops: counter(stats?.tx_dropped)
  }
}

const temperaturesOf = (temperature: Answered<"cpuTemperature">): ReadonlyArray<TemperatureMetrics> => {
  const readings: Array<TemperatureMetrics> = []
  const push = (sensor: string, celsius: number | null | undefined) => {
    // 0 is what the package makes of a sensor without a reading.
    if (typeof celsius === "number" && Number.isFinite(celsius) && celsius !== 0) {
      readings.push({ sensor, chip: "cpu", celsius })
    }
  }
  push("main", temperature.main)
  temperature.cores?.forEach((celsius, i) => push(`core ${i}`, celsius))
  temperature.socket?.forEach((celsius, i) => push(`socket ${i}`, celsius))
  push("chipset", temperature.chipset)
  return readings
}

/** What rates are computed from, and when it was read. */
interface Counters {
  readonly nanos: bigint
  readonly cpu: CpuTimes | undefined
  readonly disks: DiskCounters | undefined
  readonly interfaces: ReadonlyArray<InterfaceCounters>
}

/**
 * Builds the probe over calls of the package, or of something that answers
 * like it. `platform` is what Node calls the operating system.
 */
const makeOver = (
  calls: Package,
  options: SysteminformationProbeOptions = {},
  platform: string = process.platform
): Effect.Effect<typeof SystemProbe.Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    const host = options.host ?? os.hostname()
    const keep = makeKeeps(options)
    const scope = yield* Effect.scope

    const ask = <A>(what: string, call: () => Promise<A | null>) =>
      Effect.tryPromise({
        // Without the signal that Effect would pass: the calls take it for a filter.
        try: () => call(),
        catch: (cause) =>
          new ProbeError({ probe: "systeminformation", message: `${what} could not be read: ${String(cause)}`, cause })
      }).pipe(Effect.filterOrFail(
        (answer) => answer !== null,
        () => new ProbeError({ probe: "systeminformation", message: `${what}: not told on this platform` })
      ))

    // A call that does not come back (`lsblk` waits for a dead disk) is left to
    // itself, and not made again until it has: its processes must not pile up.
    const part = <A>(what: string, call: () => Promise<A | null>): Effect.Effect<A | undefined> => {
      let underWay = false
      return Effect.suspend(() => {
        if (underWay) return Effect.succeed(undefined)
        underWay = true
        return ask(what, call).pipe(
          Effect.tapError(({ message }) => Effect.logDebug(message)),
          Effect.option,
          Effect.ensuring(Effect.sync(() => {
            underWay = false
          })),
          Effect.forkIn(scope),
          Effect.flatMap(Fiber.join),
          Effect.timeoutOption(patience),
          Effect.map((answer) => Option.getOrUndefined(Option.flatten(answer)))
        )
      })
    }

    const mem = part("Memory", calls.mem)
    const openFiles = part("Open files", calls.fsOpenFiles)
    const fsStats = part("Traffic of disks", calls.fsStats)
    const disksIo = part("Requests of disks", calls.disksIO)
    let names: ReadonlyArray<string> = []
    const networkStats = part("Traffic of the network", () => calls.networkStats(names.join(",")))

    const filesystems = yield* LastKnown.make(
      "The space of filesystems",
      Effect.map(ask("The space of filesystems", calls.fsSize), (sizes) => filesystemsOf(sizes, keep)),
      background.filesystems
    )
    const temperatures = yield* LastKnown.make(
      "Temperature sensors",
      Effect.map(ask("Temperature sensors", calls.cpuTemperature), temperaturesOf),
      background.temperatures
    )
    const processes = yield* LastKnown.make(
      "Processes",
      ask("Processes", calls.processes),
      background.processes
    )

    let last: Counters | undefined

    const sample = Effect.gen(function*() {
      const clock = yield* Effect.clock
      const timestamp = clock.unsafeCurrentTimeMillis()
      const nanos = clock.unsafeCurrentTimeNanos()
      const cpu = readCpuTimes()
      names = listInterfaces(keep.interface)
      const asked = names
      const answers = yield* Effect.all({
        mem,
        openFiles,
        fsStats,
        disksIo,
        // Without a name the package would choose one.
        network: asked.length === 0 ? Effect.succeed([]) : networkStats
      }, { concurrency: "unbounded" })
      const memory = answers.mem === undefined ? undefined : memoryOf(answers.mem)
      if (cpu === undefined && memory === undefined) {
        return yield* new ProbeError({
          probe: "systeminformation",
          message: "Neither processors nor memory of this host can be read. Is the probe allowed to run programs?"
        })
      }
      const now: Counters = {
        nanos,
        cpu,
        disks: disksOf(answers.fsStats, answers.disksIo),
        interfaces: asked.map((name, i) => interfaceOf(name, answers.network?.[i]))
      }
      const seconds = last === undefined ? 0 : Number(nanos - last.nanos) / 1e9
      const measurable = seconds >= shortestWindowSeconds
      const before = measurable ? last : undefined
      if (last === undefined || measurable) last = now
      const counted = processes.at(timestamp)
      return new SystemMetrics({
        host,
        timestamp,
        uptimeSeconds: unlessRefused(os.uptime),
        cpu: cpu === undefined ? undefined : {
          count: cpu.cores.length,
          ...(before?.cpu === undefined ? { cores: [], modes: [] } : cpuUsage.between(before.cpu, cpu))
        },
        load: readLoad(platform),
        memory,
        swap: answers.mem === undefined ? undefined : swapOf(answers.mem, platform),
        filesystems: filesystems.at(timestamp),
        diskIo: now.disks === undefined ? undefined : [diskRates(now.disks, before?.disks, seconds)],
        network: now.interfaces.map((one) =>
          networkRates(one, before?.interfaces.find((other) => other.interface === one.interface), seconds)
        ),
        processes: counted === undefined ? undefined : {
          count: known(counted.all),
          running: amount(counted.running),
          blocked: amount(counted.blocked)
        },
        fileDescriptors: answers.openFiles === undefined ? undefined : fileDescriptorsOf(answers.openFiles),
        temperatures: temperatures.at(timestamp)
      }, true)
    })

    return { name: "systeminformation", sample }
  })

/** Loads the package and builds the probe. */
const make = (
  options?: SysteminformationProbeOptions
): Effect.Effect<typeof SystemProbe.Service, ProbeError, Scope.Scope> =>
  Effect.flatMap(loadPackage, (calls) => makeOver(calls, options))

/** The probe of a host of any kind, as a Layer. */
const layer = (options?: SysteminformationProbeOptions): Layer.Layer<SystemProbe, ProbeError> =>
  Layer.scoped(SystemProbe, make(options))

/**
 * Asks the npm package `systeminformation`, which runs on Linux, macOS,
 * Windows and the BSDs and starts about twenty processes for each sample:
 * `layer` provides it as the {@link SystemProbe}, `make` builds it in a Scope,
 * `makeOver` over another package.
 *
 * Processors, load and uptime come from node:os, as in the package itself,
 * without its detour. What it does not tell is absent: traffic of single disks,
 * packets, inodes, threads, forks, context switches, pressure.
 */
export const SysteminformationProbe = { make, makeOver, layer }
