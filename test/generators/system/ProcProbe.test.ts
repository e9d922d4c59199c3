import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Layer, Scope, Stream, TestClock } from "effect"
import * as fs from "node:fs"
import type { GenericMetric } from "../../../src/domain/GenericMetric.js"
import type { SystemMetrics } from "../../../src/domain/SystemMetrics.js"
import { ProcProbe, type ProcProbeOptions } from "../../../src/generators/system/ProcProbe.js"
import { StatFs, StatFsError } from "../../../src/generators/system/StatFs.js"
import { SystemProbe } from "../../../src/generators/system/SystemProbe.js"
import { SystemMetricsGenerator } from "../../../src/generators/SystemMetricsGenerator.js"
import { LossLedger } from "../../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../../src/telemetry/PipelineStatus.js"
import { eventually, type FixtureHost, fixtureStatFs, makeFixtureHost } from "./FixtureHost.js"

const makeProbe = (
  host: FixtureHost,
  options: ProcProbeOptions = {},
  statFs: (path: string) => ReturnType<ReturnType<typeof fixtureStatFs>> = fixtureStatFs(host)
) =>
  ProcProbe.make({ host: "fixture", procfs: host.procfs, sysfs: host.sysfs, rootfs: host.root, ...options }).pipe(
    Effect.provideService(StatFs, statFs)
  )

/** The next sample that has what is read in the background. */
const settled = (probe: typeof SystemProbe.Service) =>
  eventually(
    probe.sample,
    ({ filesystems, temperatures }) => filesystems !== undefined && temperatures !== undefined
  )

/** Samples once, lets `seconds` go by with what `change` does to the host, and samples again. */
const sampleAfter = (
  probe: typeof SystemProbe.Service,
  change: () => void,
  seconds = 10
) => Effect.zipRight(Effect.sync(change), Effect.zipRight(TestClock.adjust(`${seconds} seconds`), probe.sample))

const asLines = (metrics: Iterable<GenericMetric>): string =>
  Array.from(metrics, ({ metadata, metricType, value }) => {
    const tags = Object.entries(metadata).map(([tag, text]) => ` ${tag}=${JSON.stringify(text)}`)
    return `${metricType}${tags.join("")} ${Number(value.toFixed(6))}\n`
  }).join("")

const mountpoints = ({ filesystems }: SystemMetrics) => filesystems?.map(({ mountpoint }) => mountpoint)

describe("ProcProbe", () => {
  it.scoped("gives the metrics in fixture/expected.txt for the recorded host, through the generator", () =>
    Effect.gen(function*() {
      const host = yield* makeFixtureHost
      const probe = yield* makeProbe(host)
      yield* settled(probe)
      const generator = yield* SystemMetricsGenerator.pipe(
        Effect.provide(
          SystemMetricsGenerator.layerWithProbe({ interval: "10 seconds", tags: { room: "cellar" } }).pipe(
            Layer.provide([Layer.succeed(SystemProbe, probe), PipelineStatus.Default, LossLedger.Default])
          )
        )
      )
      const samples = yield* generator.generateMetrics.pipe(
        Stream.chunks,
        Stream.tap(() => Effect.sync(host.goOn)),
        Stream.take(2),
        Stream.runCollect,
        Effect.fork
      )
      yield* TestClock.adjust("10 seconds")
      const [first, second] = yield* Fiber.join(samples)
      const text = `# At the start\n${asLines(first)}\n# Ten seconds later\n${asLines(second)}`
      yield* Effect.promise(() => expect(text).toMatchFileSnapshot("fixture/expected.txt"))
    }))

  it.scoped("has rates from the second sample on, and none between samples that are too close", () =>
    Effect.gen(function*() {
      const host = yield* makeFixtureHost
      const probe = yield* makeProbe(host)
      const first = yield* probe.sample
      expect(first.cpu).toMatchObject({ count: 4, cores: [], modes: [] })
      expect(first.cpu?.percent).toBeUndefined()
      const second = yield* sampleAfter(probe, host.goOn)
      expect(second.cpu?.percent).toBeGreaterThan(0)
      const hasty = yield* sampleAfter(probe, () => {}, 0.01)
      expect(hasty.cpu?.percent).toBeUndefined()
      expect(hasty.network?.[0]?.receiveBytesPerSecond).toBeUndefined()
      expect(hasty.memory?.totalBytes).toBe(second.memory?.totalBytes)
      const later = yield* sampleAfter(probe, () => host.write("proc/stat", "cpu  99999999 0 0 99999999 0 0 0 0 0 0\n"))
      expect(later.cpu?.percent).toBeGreaterThan(0)
    }))

  it.scoped("a disk that goes and comes back has no rates until it was seen twice", () =>
    Effect.gen(function*() {
      const host = yield* makeFixtureHost
      const probe = yield* makeProbe(host)
      const line = (reads: number) => `   8  32 sdc ${reads} 0 ${reads * 8} 0 0 0 0 0 0 0 0\n`
      const rest = fs.readFileSync(`${host.procfs}/diskstats`, "utf8")
      const usb = ({ diskIo }: SystemMetrics) => diskIo?.find(({ device }) => device === "sdc")
      const plugged = yield* sampleAfter(probe, () => host.write("proc/diskstats", rest + line(100)))
      expect(usb(plugged)?.readsPerSecond).toBeUndefined()
      const used = yield* sampleAfter(probe, () => host.write("proc/diskstats", rest + line(150)))
      expect(usb(used)?.readsPerSecond).toBe(5)
      const gone = yield* sampleAfter(probe, () => host.write("proc/diskstats", rest))
      expect(usb(gone)).toBeUndefined()
      expect(gone.diskIo?.map(({ device }) => device)).toContain("sda")
      const back = yield* sampleAfter(probe, () => host.write("proc/diskstats", line(3) + rest))
      expect(usb(back)?.readsPerSecond).toBeUndefined()
      expect(back.diskIo?.find(({ device }) => device === "sda")?.readsPerSecond).toBe(0)
      const usedAgain = yield* sampleAfter(probe, () => host.write("proc/diskstats", line(23) + rest))
      expect(usb(usedAgain)?.readsPerSecond).toBe(2)
    }))

  it.scoped("counters that overflow or are set back give no rate, and never a negative one", () =>
    Effect.gen(function*() {
      const host = yield* makeFixtureHost
      const probe = yield* makeProbe(host)
      yield* probe.sample
      const second = yield* sampleAfter(probe, host.goOn)
      const wlan = second.network?.find((one) => one.interface === "wlan0")
      expect(wlan?.receiveBytesPerSecond).toBeUndefined()
      const nvme = second.diskIo?.find(({ device }) => device === "nvme0n1")
      expect(nvme).toMatchObject({ readsPerSecond: undefined, readSeconds: undefined, writesPerSecond: 0 })
      for (const { value } of second.toGenericMetrics()) expect(value).toBeGreaterThanOrEqual(-1.25)
    }))

  it.scoped("a part whose file is missing is absent, and costs the others nothing", () =>
    Effect.gen(function*() {
      const host = yield* makeFixtureHost
      const files = {
        "proc/loadavg": "load",
        "proc/diskstats": "diskIo",
        "proc/1/net": "network",
        "proc/sys": "fileDescriptors",
        "proc/uptime": "uptimeSeconds",
        "proc/meminfo": "memory",
        "proc/stat": "cpu"
      } as const
      const whole = yield* sampleAfter(yield* makeProbe(host), () => {})
      for (const part of Object.values(files)) expect(whole[part]).toBeDefined()
      for (const [file, part] of Object.entries(files)) {
        const broken = yield* makeFixtureHost
        broken.remove(file)
        const sample = yield* sampleAfter(yield* makeProbe(broken), () => {})
        expect(sample[part]).toBeUndefined()
        for (const other of Object.values(files)) if (other !== part) expect(sample[other]).toBeDefined()
      }
    }))

  it.scoped("a kernel without pressure has none, one without irq has the others", () =>
    Effect.gen(function*() {
      const host = yield* makeFixtureHost
      host.remove("proc/pressure/irq")
      const some = yield* (yield* makeProbe(host)).sample
      expect(some.pressure?.map(({ resource }) => resource)).toEqual(["cpu", "memory", "io"])
      host.remove("proc/pressure")
      const none = yield* (yield* makeProbe(host)).sample
      expect(none.pressure).toEqual([])
      expect(none.cpu?.count).toBe(4)
    }))

  it.scoped("fails when neither stat nor meminfo can be read, saying what to do, and goes on once they can", () =>
    Effect.gen(function*() {
      const host = yield* makeFixtureHost
      const stat = fs.readFileSync(`${host.procfs}/stat`, "utf8")
      host.remove("proc/stat")
      host.remove("proc/meminfo")
      const probe = yield* makeProbe(host)
      const error = yield* Effect.flip(probe.sample)
      expect(error._tag).toBe("ProbeError")
      expect(error.message).toContain(`${host.procfs}/stat`)
      expect(error.message).toContain("procfs")
      host.write("proc/stat", stat)
      yield* TestClock.adjust("10 seconds")
      const sample = yield* probe.sample
      expect(sample.cpu?.count).toBe(4)
    }))

  it.scoped("lists too long for one reading are read to their end", () =>
    Effect.gen(function*() {
      const host = yield* makeFixtureHost
      const head = fs.readFileSync(`${host.procfs}/1/net/dev`, "utf8").split("\n").slice(0, 2).join("\n")
      const lines = Array.from({ length: 2000 }, (_, i) => `eth${i}: ${i} 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n`)
      host.write("proc/1/net/dev", `${head}\n${lines.join("")}`)
      const cores = Array.from({ length: 1024 }, (_, i) => `cpu${i} 1 2 3 4 5 6 7 8 9 10\n`)
      host.write("proc/stat", `cpu  1 2 3 4 5 6 7 8 9 10\n${cores.join("")}intr 5 ${"0 ".repeat(50_000)}\nctxt 77\n`)
      const sample = yield* (yield* makeProbe(host)).sample
      expect(sample.network).toHaveLength(2000)
      expect(sample.network?.at(-1)?.interface).toBe("eth1999")
      expect(sample.cpu?.count).toBe(1024)
      const later = yield* Effect.zipRight(TestClock.adjust("1 second"), (yield* makeProbe(host)).sample)
      expect(later.cpu?.count).toBe(1024)
    }))

  it.scoped("filters decide on devices, interfaces and filesystems, each by itself", () =>
    Effect.gen(function*() {
      const host = yield* makeFixtureHost
      const everything = yield* settled(
        yield* makeProbe(host, {
          excludeDevices: /^$/,
          excludeInterfaces: /^eth/,
          excludeMountpoints: /^\/(?!srv)/
        })
      )
      expect(everything.diskIo?.map(({ device }) => device)).toEqual(["loop0", "ram0", "sda", "nvme0n1", "dm-0"])
      expect(everything.network?.map((one) => one.interface)).toEqual(["lo", "wlan0", "veth1a2b", "docker0"])
      expect(mountpoints(everything)).toEqual(["/srv/My Films"])
    }))

  describe("filesystems", () => {
    it.scoped("one that hangs stops neither the sample nor the others, and is not asked again until it answers", () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        const answer = yield* Deferred.make<void>()
        const asked: Array<string> = []
        const statFs = fixtureStatFs(host, (mountpoint) => asked.push(mountpoint))
        const probe = yield* makeProbe(
          host,
          {},
          (path) => path.endsWith("/mnt/photos") ? Effect.zipRight(Deferred.await(answer), statFs(path)) : statFs(path)
        )
        yield* probe.sample
        // The others wait a second for it once.
        yield* TestClock.adjust("1 second")
        expect(mountpoints(yield* probe.sample)).toEqual(["/", "/srv/My Films", "/backup"])
        yield* TestClock.adjust("30 seconds")
        expect(mountpoints(yield* probe.sample)).toEqual(["/", "/srv/My Films", "/backup"])
        expect(asked.filter((mountpoint) => mountpoint === "/").length).toBeGreaterThan(3)
        expect(asked).not.toContain("/mnt/photos")
        yield* Deferred.succeed(answer, undefined)
        yield* TestClock.adjust("6 seconds")
        expect(mountpoints(yield* probe.sample)).toEqual(["/", "/srv/My Films", "/mnt/photos", "/backup"])
      }))

    it.scoped("when two hang, no other is asked: each occupies a thread that the program needs", () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        const asked: Array<string> = []
        const statFs = fixtureStatFs(host, (mountpoint) => asked.push(mountpoint))
        const probe = yield* makeProbe(
          host,
          {},
          (path) => path === `${host.root}/` || path.endsWith("Films") ? Effect.never : statFs(path)
        )
        yield* TestClock.adjust("1 minute")
        expect(mountpoints(yield* probe.sample)).toEqual([])
        expect(asked).toEqual([])
      }))

    it.scoped("the last answer counts for a minute, then the filesystem is absent", () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        let broken = false
        const statFs = fixtureStatFs(host)
        const probe = yield* makeProbe(host, {}, (path) =>
          broken && path.endsWith("backup") ? Effect.fail(new StatFsError({ path, cause: "EIO" })) : statFs(path))
        yield* settled(probe)
        broken = true
        yield* TestClock.adjust("30 seconds")
        expect(mountpoints(yield* probe.sample)).toContain("/backup")
        yield* TestClock.adjust("60 seconds")
        expect(mountpoints(yield* probe.sample)).toEqual(["/", "/srv/My Films", "/mnt/photos"])
      }))

    it.scoped("one that is unmounted is gone at the next reading, another device in its place is asked anew", () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        const probe = yield* makeProbe(host)
        yield* settled(probe)
        const mounts = fs.readFileSync(`${host.procfs}/1/mounts`, "utf8")
        host.write("proc/1/mounts", mounts.replace(/^tank.*\n/m, "").replace("cellar:/export", "attic:/export"))
        yield* TestClock.adjust("5 seconds")
        const sample = yield* probe.sample
        expect(sample.filesystems?.map(({ device }) => device)).toEqual([
          "/dev/nvme0n1p1",
          "/dev/sda1",
          "attic:/export/photos"
        ])
      }))

    it.scoped("are looked for below the root of the host's first process, when only its /proc is given", () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        const asked: Array<string> = []
        yield* ProcProbe.make({ procfs: host.procfs, sysfs: host.sysfs }).pipe(
          Effect.provideService(StatFs, (path) => {
            asked.push(path)
            return Effect.fail(new StatFsError({ path, cause: "EACCES" }))
          })
        )
        yield* eventually(Effect.sync(() => asked), ({ length }) => length > 0)
        expect(asked[0]).toBe(`${host.procfs}/1/root/`)
      }))
  })

  describe("temperatures", () => {
    const celsius = ({ temperatures }: SystemMetrics) => temperatures?.map((sensor) => sensor.celsius)

    // A sensor is really read, which takes its moment whatever the test's clock says: each reading, of them and of
    // the filesystems, is waited for until it sleeps before the next one.
    const passReadings = (count: number) =>
      Effect.repeatN(
        Effect.gen(function*() {
          yield* TestClock.adjust("5 seconds")
          const next = (yield* TestClock.currentTimeMillis) + 5_000
          yield* eventually(
            TestClock.sleeps(),
            (sleeps) => Chunk.size(Chunk.filter(sleeps, (at) => at === next)) === 2
          )
        }),
        count - 1
      )

    it.scoped("are read again every five seconds, through descriptors that stay open", () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        const probe = yield* makeProbe(host)
        expect(celsius(yield* settled(probe))).toEqual([55, 53.5, -1.25])
        host.write("sys/class/hwmon/hwmon0/temp1_input", "61000\n")
        yield* passReadings(1)
        expect(celsius(yield* probe.sample)?.[0]).toBe(61)
      }))

    it.scoped("a sensor that goes is dropped within a minute, and found again when it is back", () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        const probe = yield* makeProbe(host)
        yield* settled(probe)
        host.remove("sys/class/hwmon/hwmon1")
        yield* passReadings(13)
        expect(celsius(yield* probe.sample)).toHaveLength(2)
        host.write("sys/class/hwmon/hwmon1/name", "drivetemp\n")
        host.write("sys/class/hwmon/hwmon1/temp1_input", "31000\n")
        yield* passReadings(13)
        const back = yield* probe.sample
        expect(celsius(back)).toHaveLength(3)
        expect(back.temperatures?.at(-1)).toEqual({
          sensor: "temp1",
          chip: "drivetemp",
          device: undefined,
          celsius: 31
        })
      }))

    it.scoped("a sensor that answers with an error or with nonsense is left out", () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        // Reading a directory fails, as reading a sensor without power does.
        host.write("sys/class/hwmon/hwmon2/temp1_input/x", "")
        host.write("sys/class/hwmon/hwmon2/temp2_input", "N/A\n")
        host.write("sys/class/hwmon/hwmon2/temp3_input", "")
        host.write("sys/class/hwmon/hwmon2/temp4_input", "40000\n")
        const sample = yield* settled(yield* makeProbe(host))
        expect(celsius(sample)).toEqual([55, 53.5, -1.25, 40])
      }))

    it.scoped("come from thermal zones where there is no hwmon, and are an empty list without any sensor", () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        host.remove("sys/class/hwmon")
        const sample = yield* settled(yield* makeProbe(host))
        expect(sample.temperatures).toEqual([
          { sensor: "x86_pkg_temp", chip: "thermal", device: "thermal_zone0", celsius: 54 }
        ])
        host.remove("sys")
        expect((yield* settled(yield* makeProbe(host))).temperatures).toEqual([])
      }))
  })

  it.scoped.skipIf(!fs.existsSync("/proc/self/fd"))(
    "keeps its files open while it lives, and closes all with its scope",
    () =>
      Effect.gen(function*() {
        const host = yield* makeFixtureHost
        const scope = yield* Scope.make()
        const probe = yield* Scope.extend(makeProbe(host), scope)
        yield* settled(probe)
        const open = host.openFiles()
        expect(open).toContain("proc/stat")
        expect(open).toContain("sys/class/hwmon/hwmon0/temp1_input")
        yield* sampleAfter(probe, host.goOn)
        expect([...host.openFiles()].sort()).toEqual([...open].sort())
        yield* Scope.close(scope, Exit.void)
        expect(host.openFiles()).toEqual([])
      })
  )

  it("says whether there is a /proc to read", () => {
    expect(ProcProbe.isAvailable({ procfs: "/nowhere" })).toBe(false)
    expect(ProcProbe.isAvailable()).toBe(fs.existsSync("/proc/stat"))
  })
})
