import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope, TestClock } from "effect"
import { createRequire } from "node:module"
import * as os from "node:os"
import type { SystemMetrics } from "../../../src/domain/SystemMetrics.js"
import { ProcProbe } from "../../../src/generators/system/ProcProbe.js"
import type { Package } from "../../../src/generators/system/SysteminformationPackage.js"
import {
  SysteminformationProbe,
  type SysteminformationProbeOptions
} from "../../../src/generators/system/SysteminformationProbe.js"
import type { SystemProbe } from "../../../src/generators/system/SystemProbe.js"
import { eventually } from "./FixtureHost.js"

/** What the package answers on a Mac without Linux' files: 0 and null stand for what it does not know. */
const mac: Package = {
  mem: async () => ({
    total: 16_000,
    free: 1000,
    used: 15_000,
    active: 9000,
    available: 7000,
    buffers: 0,
    cached: 0,
    slab: 0,
    buffcache: 6000,
    reclaimable: 3000,
    swaptotal: 2000,
    swapused: 500,
    swapfree: 1500,
    writeback: null,
    dirty: null
  }),
  fsOpenFiles: async () => ({ max: 122_880, allocated: 4096, available: 118_784 }),
  fsSize: async () => [
    { fs: "/dev/disk3s1s1", type: "APFS", size: 500, used: 10, available: 290, use: 3.3, mount: "/", rw: false },
    {
      fs: "/dev/disk3s5",
      type: "APFS",
      size: 500,
      used: 200,
      available: 290,
      use: 40.8,
      mount: "/System/Volumes/Data",
      rw: true
    },
    {
      fs: "/dev/disk3s6",
      type: "APFS",
      size: 500,
      used: 1,
      available: 290,
      use: 1,
      mount: "/System/Volumes/VM",
      rw: true
    },
    { fs: "map auto_home", type: "map", size: 0, used: 0, available: 0, use: 100, mount: "/home", rw: null }
  ],
  fsStats: async () => ({
    rx: 1_000_000,
    wx: 2_000_000,
    tx: 3_000_000,
    rx_sec: null,
    wx_sec: null,
    tx_sec: null,
    ms: 0
  }),
  disksIO: async () => ({ rIO: 100, wIO: 200, tIO: 300, rWaitTime: 0, wWaitTime: 0, tWaitTime: 0, ms: 0 }),
  networkStats: async (names) =>
    names.split(",").map((iface) => ({
      iface,
      operstate: "up",
      rx_bytes: 1000,
      rx_dropped: 0,
      rx_errors: 0,
      tx_bytes: 2000,
      tx_dropped: 0,
      tx_errors: 0,
      rx_sec: null,
      tx_sec: null,
      ms: 0
    })),
  cpuTemperature: async () => ({ main: 55.5, cores: [54, 0], max: 55.5, socket: [], chipset: null }),
  processes: async () => ({ all: 400, running: 2, blocked: 0 })
}

const makeProbe = (calls: Partial<Package> = {}, options: SysteminformationProbeOptions = {}, platform = "darwin") =>
  SysteminformationProbe.makeOver({ ...mac, ...calls }, { host: "mac", ...options }, platform)

/** The next sample that has what is read in the background. */
const settled = (probe: typeof SystemProbe.Service) =>
  eventually(
    probe.sample,
    ({ filesystems, processes, temperatures }) =>
      filesystems !== undefined && processes !== undefined && temperatures !== undefined
  )

const without = (part: keyof SystemMetrics) => (sample: SystemMetrics) =>
  expect(sample[part], `${part} of the sample`).toBeUndefined()

describe("SysteminformationProbe", () => {
  it.scoped("loads the package when it is asked for, not for the sake of the other probe", () =>
    Effect.gen(function*() {
      const loaded = () =>
        Object.keys(createRequire(import.meta.url).cache).some((file) =>
          file.endsWith("systeminformation/lib/index.js")
        )
      yield* Effect.either((yield* ProcProbe.make()).sample)
      expect(loaded()).toBe(false)
      yield* Layer.build(SysteminformationProbe.layer())
      expect(loaded()).toBe(true)
    }))

  it.scoped("gives what the package knows, and leaves out what it says 0 or null of", () =>
    Effect.gen(function*() {
      const sample = yield* settled(yield* makeProbe())
      expect(sample.host).toBe("mac")
      expect(sample.memory).toEqual({
        totalBytes: 16_000,
        availableBytes: 7000,
        usedBytes: 9000,
        freeBytes: 1000,
        reclaimableBytes: 3000
      })
      expect(sample.swap).toEqual({ totalBytes: 2000, usedBytes: 500, freeBytes: 1500 })
      expect(sample.fileDescriptors).toEqual({ open: 4096, max: 122_880 })
      expect(sample.filesystems?.map(({ mountpoint, usedBytes }) => [mountpoint, usedBytes])).toEqual([
        ["/", 10],
        ["/System/Volumes/Data", 200]
      ])
      expect(sample.processes).toEqual({ count: 400, running: 2, blocked: 0 })
      expect(sample.temperatures).toEqual([
        { sensor: "main", chip: "cpu", celsius: 55.5 },
        { sensor: "core 0", chip: "cpu", celsius: 54 }
      ])
      expect(sample.cpu?.count).toBe(os.cpus().length)
      expect(sample.uptimeSeconds).toBeCloseTo(os.uptime(), -2)
      without("pressure")(sample)
    }))

  it.scoped("computes rates from the counters, by the clock of the program", () =>
    Effect.gen(function*() {
      let step = 0
      const probe = yield* makeProbe({
        fsStats: async () => ({ rx: 1000 + step * 4000, wx: 1000 + step * 8000 }),
        disksIO: async () => ({ rIO: 10 + step * 4, wIO: 10, rWaitTime: 1 + step * 40, wWaitTime: 1 }),
        networkStats: async (names) =>
          (await mac.networkStats(names))?.map((one) => ({ ...one, rx_bytes: 1000 + step * 2000 })) ?? []
      })
      const first = yield* probe.sample
      expect(first.cpu?.percent).toBeUndefined()
      expect(first.diskIo?.[0]?.readsPerSecond).toBeUndefined()
      step = 1
      yield* TestClock.adjust("2 seconds")
      const second = yield* probe.sample
      expect(second.diskIo).toEqual([{
        device: undefined,
        readBytesPerSecond: 2000,
        writeBytesPerSecond: 4000,
        readsPerSecond: 2,
        writesPerSecond: 0,
        readSeconds: 0.01,
        writeSeconds: undefined,
        busyPercent: undefined,
        inFlight: undefined
      }])
      for (const one of second.network ?? []) expect(one.receiveBytesPerSecond).toBe(1000)
    }))

  it.scoped("gives no rates for samples so close that the package answers from its memory", () =>
    Effect.gen(function*() {
      const probe = yield* makeProbe()
      yield* probe.sample
      yield* TestClock.adjust("500 millis")
      expect((yield* probe.sample).diskIo?.[0]?.readsPerSecond).toBeUndefined()
      yield* TestClock.adjust("500 millis")
      expect((yield* probe.sample).diskIo?.[0]?.readsPerSecond).toBe(0)
    }))

  it.scoped("a call that fails costs its own part alone", () =>
    Effect.gen(function*() {
      const fails = () => Promise.reject(new Error("spawn lsblk ENOENT"))
      const cases: ReadonlyArray<readonly [Partial<Package>, keyof SystemMetrics]> = [
        [{ mem: fails }, "memory"],
        [{ mem: fails }, "swap"],
        [{ fsOpenFiles: fails }, "fileDescriptors"],
        [{ fsStats: fails, disksIO: fails }, "diskIo"],
        [{ fsOpenFiles: async () => null }, "fileDescriptors"],
        [{ fsStats: async () => null, disksIO: async () => null }, "diskIo"],
        [
          {
            mem: () => {
              throw new Error("not a promise")
            }
          },
          "memory"
        ]
      ]
      for (const [calls, part] of cases) {
        const sample = yield* (yield* makeProbe(calls)).sample
        without(part)(sample)
        expect(sample.cpu?.count).toBeGreaterThan(0)
        expect(sample.toGenericMetrics().length).toBeGreaterThan(3)
      }
    }))

  it.scoped("zeros that mean a failed call make no rate when the call works again", () =>
    Effect.gen(function*() {
      let broken = false
      const probe = yield* makeProbe({
        fsStats: async () => broken ? { rx: 0, wx: 0 } : { rx: 5_000_000, wx: 5_000_000 },
        disksIO: async () => broken ? { rIO: 0, wIO: 0 } : { rIO: 10, wIO: 10 },
        networkStats: async (names) =>
          (await mac.networkStats(names))?.map((one) =>
            broken ? { ...one, operstate: "unknown", rx_bytes: 0, tx_bytes: 0 } : one
          ) ?? []
      })
      const next = Effect.zipRight(TestClock.adjust("1 second"), probe.sample)
      yield* next
      broken = true
      const silent = yield* next
      without("diskIo")(silent)
      for (const one of silent.network ?? []) expect(one.receiveBytesPerSecond).toBeUndefined()
      broken = false
      const back = yield* next
      expect(back.diskIo?.[0]?.readBytesPerSecond).toBeUndefined()
      for (const one of back.network ?? []) expect(one.receiveBytesPerSecond).toBeUndefined()
      expect((yield* next).diskIo?.[0]?.readBytesPerSecond).toBe(0)
    }))

  it.scoped("a call that hangs is waited for once, and not made again until it comes back", () =>
    Effect.gen(function*() {
      let calls = 0
      let answer: (files: { readonly allocated: number; readonly max: number }) => void = () => {}
      const probe = yield* makeProbe({
        fsOpenFiles: () => {
          calls++
          return calls === 1
            ? new Promise((resolve) => {
              answer = resolve
            })
            : Promise.resolve({ allocated: 2, max: 10 })
        }
      })
      const first = yield* Effect.fork(probe.sample)
      yield* eventually(Effect.sync(() => calls), (count) => count === 1)
      yield* TestClock.adjust("5 seconds")
      without("fileDescriptors")(yield* first)
      without("fileDescriptors")(yield* probe.sample)
      expect(calls).toBe(1)
      answer({ allocated: 1, max: 10 })
      const back = yield* eventually(probe.sample, ({ fileDescriptors }) => fileDescriptors !== undefined)
      expect(back.fileDescriptors).toEqual({ open: 2, max: 10 })
      expect(calls).toBe(2)
    }))

  it.scoped("disk space that hangs does not hold the sample up", () =>
    Effect.gen(function*() {
      const probe = yield* makeProbe({ fsSize: () => new Promise(() => {}), processes: () => new Promise(() => {}) })
      yield* TestClock.adjust("1 minute")
      const sample = yield* probe.sample
      without("filesystems")(sample)
      without("processes")(sample)
      expect(sample.memory?.totalBytes).toBe(16_000)
    }))

  it.scoped("expensive calls are made now and then, however often it is sampled", () =>
    Effect.gen(function*() {
      let calls = 0
      const probe = yield* makeProbe({
        processes: async () => {
          calls++
          return { all: 7, running: 1, blocked: 0 }
        }
      })
      for (let second = 0; second < 60; second++) {
        yield* probe.sample
        yield* TestClock.adjust("1 second")
      }
      expect(calls).toBeLessThanOrEqual(3)
    }))

  it.scoped("on Windows there is no load, on FreeBSD no swap: the platform does not tell, and 0 would be a lie", () =>
    Effect.gen(function*() {
      without("load")(yield* (yield* makeProbe({}, {}, "win32")).sample)
      without("swap")(yield* (yield* makeProbe({}, {}, "freebsd")).sample)
    }))

  it.scoped("filters decide on filesystems and interfaces", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const probe = yield* makeProbe({
        networkStats: (names) => {
          asked.push(names)
          return mac.networkStats(names)
        }
      }, { excludeMountpoints: /^\/$/, excludeInterfaces: /./ })
      const sample = yield* settled(probe)
      expect(sample.filesystems?.map(({ mountpoint }) => mountpoint)).toEqual([
        "/System/Volumes/Data",
        "/System/Volumes/VM"
      ])
      expect(sample.network).toEqual([])
      expect(asked).toEqual([])
    }))

  it.scoped("starts nothing more once its scope is closed", () =>
    Effect.gen(function*() {
      let calls = 0
      const scope = yield* Scope.make()
      yield* Scope.extend(
        makeProbe({
          fsSize: async () => {
            calls++
            return []
          }
        }),
        scope
      )
      yield* TestClock.adjust("10 seconds")
      yield* Scope.close(scope, Exit.void)
      const before = calls
      yield* TestClock.adjust("1 minute")
      expect(calls).toBe(before)
    }))
})
