import { describe, expect, it } from "@effect/vitest"
import { parseDiskstats } from "../../../../src/generators/system/proc/Diskstats.js"
import { parseFileNr } from "../../../../src/generators/system/proc/FileNr.js"
import { parseLoadavg } from "../../../../src/generators/system/proc/Loadavg.js"
import { parseMeminfo } from "../../../../src/generators/system/proc/Meminfo.js"
import { parseMounts } from "../../../../src/generators/system/proc/Mounts.js"
import { parseNetDev } from "../../../../src/generators/system/proc/NetDev.js"
import { parsePressure } from "../../../../src/generators/system/proc/Pressure.js"
import { parseStat } from "../../../../src/generators/system/proc/Stat.js"
import { parseUptime } from "../../../../src/generators/system/proc/Uptime.js"
import { makeKeeps } from "../../../../src/generators/system/SystemFilters.js"

const all = () => true
const everything = { filesystem: all, mountpoint: all }

/** Every way in which a reader may be cut short. */
const prefixes = (text: string): ReadonlyArray<string> => Array.from(text, (_, i) => text.slice(0, i))

describe("parseStat", () => {
  const text = `cpu  100 20 30 400 50 6 7 8 10 5
cpu0 60 20 10 200 20 3 3 4 10 5
cpu2 40 0 20 200 30 3 4 4 0 0
intr 123456 9 0 0
ctxt 654321
btime 1700000000
processes 777
procs_running 3
procs_blocked 1
softirq 42 0 1
`

  it("takes guests' time out of user and nice, where the kernel counts it as well", () => {
    expect(parseStat(text)).toEqual({
      cpu: {
        total: [90, 15, 30, 400, 50, 6, 7, 8, 15],
        cores: [
          { core: "0", times: [50, 15, 10, 200, 20, 3, 3, 4, 15] },
          { core: "2", times: [40, 0, 20, 200, 30, 3, 4, 4, 0] }
        ]
      },
      interrupts: 123_456,
      contextSwitches: 654_321,
      forks: 777,
      running: 3,
      blocked: 1
    })
  })

  it("reads the four columns of an old kernel", () => {
    expect(parseStat("cpu 1 2 3 4\n")?.cpu.total).toEqual([1, 2, 3, 4, 0, 0, 0, 0, 0])
  })

  it("knows nothing without the line cpu", () => {
    expect(parseStat("")).toBeUndefined()
    expect(parseStat("intr 5\nctxt 6\n")).toBeUndefined()
    expect(parseStat("garbage")).toBeUndefined()
  })

  it("reads what is there of a text that is cut anywhere, with finite numbers", () => {
    for (const cut of prefixes(text)) {
      const stat = parseStat(cut)
      if (stat === undefined) continue
      for (const times of [stat.cpu.total, ...stat.cpu.cores.map((core) => core.times)]) {
        expect(times.every((time) => Number.isFinite(time) && time >= 0)).toBe(true)
      }
      for (const count of [stat.interrupts, stat.contextSwitches, stat.forks, stat.running, stat.blocked]) {
        expect(count === undefined || count >= 0).toBe(true)
      }
    }
  })
})

describe("parseMeminfo", () => {
  const text = `MemTotal:        8000 kB
MemFree:         1000 kB
MemAvailable:    6000 kB
Buffers:          100 kB
Cached:          4000 kB
SwapCached:         7 kB
SwapTotal:       2000 kB
SwapFree:        1500 kB
Dirty:             20 kB
Writeback:         10 kB
Shmem:             50 kB
SReclaimable:     300 kB
HugePages_Total:    9
`
  const kB = 1024

  it("reads kibibytes as bytes; used is what programs cannot get", () => {
    expect(parseMeminfo(text)).toEqual({
      memory: {
        totalBytes: 8000 * kB,
        availableBytes: 6000 * kB,
        usedBytes: 2000 * kB,
        freeBytes: 1000 * kB,
        buffersBytes: 100 * kB,
        cachedBytes: 4000 * kB,
        sharedBytes: 50 * kB,
        reclaimableBytes: 300 * kB,
        dirtyBytes: 20 * kB,
        writebackBytes: 10 * kB
      },
      swap: { totalBytes: 2000 * kB, usedBytes: 500 * kB, freeBytes: 1500 * kB }
    })
  })

  it("estimates what is available on a kernel that does not say", () => {
    const old = parseMeminfo("MemTotal: 8000 kB\nMemFree: 1000 kB\nBuffers: 100 kB\nCached: 4000 kB\n")
    expect(old?.memory.availableBytes).toBe(5100 * kB)
    expect(old?.swap).toBeUndefined()
  })

  it("knows nothing without the total or the free memory", () => {
    expect(parseMeminfo("")).toBeUndefined()
    expect(parseMeminfo("MemTotal: 8000 kB\n")).toBeUndefined()
    expect(parseMeminfo("MemTotal: x kB\nMemFree: 5 kB\n")).toBeUndefined()
  })

  it("never tells of less than nothing, however the numbers disagree", () => {
    const odd = parseMeminfo("MemTotal: 10 kB\nMemFree: 5 kB\nMemAvailable: 50 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\n")
    expect(odd?.memory.usedBytes).toBe(0)
    expect(odd?.swap?.usedBytes).toBe(0)
  })
})

describe("parseDiskstats", () => {
  const line = (name: string, counters = "10 1 80 40 20 2 160 60 3 90 100 0 0 0 0 0 0") =>
    `   8       0 ${name} ${counters}\n`

  it("reads sectors as 512 bytes, whatever the device's own are", () => {
    expect(parseDiskstats(line("sda"), all)).toEqual([{
      device: "sda",
      reads: 10,
      readBytes: 40_960,
      readMillis: 40,
      writes: 20,
      writeBytes: 81_920,
      writeMillis: 60,
      inFlight: 3,
      busyMillis: 90
    }])
  })

  it("leaves out partitions whose disk is listed, and keeps those whose disk is not", () => {
    const names = [
      "sda",
      "sda1",
      "sda15",
      "nvme0n1",
      "nvme0n1p2",
      "mmcblk0",
      "mmcblk0p1",
      "xvdb1",
      "dm-0",
      "md127",
      "md127p1"
    ]
    expect(parseDiskstats(names.map((name) => line(name)).join(""), all).map(({ device }) => device)).toEqual([
      "sda",
      "nvme0n1",
      "mmcblk0",
      "xvdb1",
      "dm-0",
      "md127"
    ])
  })

  it("leaves out what the filter refuses", () => {
    const text = ["loop0", "ram1", "zram0", "sr0", "vda"].map((name) => line(name)).join("")
    expect(parseDiskstats(text, makeKeeps().device).map(({ device }) => device)).toEqual(["vda"])
  })

  it("leaves out lines that are cut, as at the end of a reading and in kernels of 2005", () => {
    expect(parseDiskstats(line("sda") + line("sdb", "10 1 80"), all).map(({ device }) => device)).toEqual(["sda"])
    expect(parseDiskstats("\n\n   8 0\n", all)).toEqual([])
    expect(parseDiskstats("", all)).toEqual([])
  })
})

describe("parseNetDev", () => {
  const head = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`

  it("reads both directions, blanks after the colon or none", () => {
    const text =
      `${head}  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nwlan0:99999999999 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n`
    expect(parseNetDev(text, all)).toEqual([
      {
        interface: "eth0",
        receiveBytes: 1,
        receivePackets: 2,
        receiveErrors: 3,
        receiveDrops: 4,
        transmitBytes: 9,
        transmitPackets: 10,
        transmitErrors: 11,
        transmitDrops: 12
      },
      expect.objectContaining({ interface: "wlan0", receiveBytes: 99_999_999_999, transmitBytes: 9 })
    ])
  })

  it("leaves out what the filter refuses, and lines that are cut", () => {
    const names = ["lo", "eth0", "veth12ab", "docker0", "br-a1b2", "wg0", "eth0.100"]
    const text = head + names.map((name) => `${name}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n`).join("") +
      "eth9: 1 2 3\n"
    expect(parseNetDev(text, makeKeeps().interface).map((one) => one.interface)).toEqual(["eth0", "wg0", "eth0.100"])
    for (const cut of ["", head, head.slice(0, 40), `${head}eth0`]) expect(parseNetDev(cut, all)).toEqual([])
  })
})

describe("parseMounts", () => {
  it("reads names with blanks, tabs and backslashes as they are", () => {
    const text = "/dev/sdb1 /media/My\\040Disk\\0111\\134x ext4 rw 0 0\n"
    expect(parseMounts(text, everything)).toEqual([
      { device: "/dev/sdb1", mountpoint: "/media/My Disk\t1\\x", type: "ext4" }
    ])
  })

  it("keeps of two mounts at one path the one on top", () => {
    expect(parseMounts("/dev/sda1 /mnt ext4 rw\n/dev/sdb1 /mnt xfs rw\n", everything)).toEqual([
      { device: "/dev/sdb1", mountpoint: "/mnt", type: "xfs" }
    ])
  })

  it("counts a device once, at its shortest path, and does not take a name for a device", () => {
    const text = "/dev/sda1 /var/lib/bind ext4 rw\n/dev/sda1 / ext4 rw\ntmpfs /run tmpfs rw\ntmpfs /tmp tmpfs rw\n"
    expect(parseMounts(text, everything).map(({ mountpoint }) => mountpoint)).toEqual(["/", "/run", "/tmp"])
  })

  it("leaves out by default what holds nothing of its own", () => {
    const text = `proc /proc proc rw
tmpfs /run tmpfs rw
overlay / overlay rw
/dev/loop3 /snap/core/1 squashfs ro
overlay /var/lib/docker/overlay2/abc/merged overlay rw
/dev/sda1 /etc/hosts ext4 rw
server:/export /net nfs4 rw
/dev/sdb1 /dev/shm2 ext4 rw
/dev/sdc1 /devices ext4 rw
`
    expect(parseMounts(text, makeKeeps()).map(({ mountpoint }) => mountpoint)).toEqual([
      "/etc/hosts",
      "/net",
      "/devices"
    ])
  })

  it("leaves out lines that are cut", () => {
    expect(parseMounts("/dev/sda1 / ext4 rw\n/dev/sdb1 /mn", everything)).toHaveLength(1)
    expect(parseMounts("", everything)).toEqual([])
  })
})

describe("parsePressure", () => {
  it("reads the totals, in microseconds", () => {
    const text =
      "some avg10=0.00 avg60=0.51 avg300=1.05 total=15910783\nfull avg10=0.00 avg60=0.00 avg300=0.01 total=42\n"
    expect(parsePressure(text)).toEqual({ someMicros: 15_910_783, fullMicros: 42 })
  })

  it("a line that is missing or cut is absent", () => {
    expect(parsePressure("some avg10=0.00 avg60=0.51 avg300=1.05 total=15\n")).toEqual({
      someMicros: 15,
      fullMicros: undefined
    })
    expect(parsePressure("full avg10=0.00 total=5\n")).toEqual({ someMicros: undefined, fullMicros: 5 })
    for (const cut of ["", "some", "some avg10=0.00\nfull", "some total=\n"]) {
      expect(parsePressure(cut)).toEqual({ someMicros: undefined, fullMicros: undefined })
    }
  })
})

describe("parseLoadavg, parseUptime and parseFileNr", () => {
  it("read what the kernel writes", () => {
    expect(parseLoadavg("0.16 1.15 20.09 1/82 4540\n")).toEqual({
      load: { oneMinute: 0.16, fiveMinutes: 1.15, fifteenMinutes: 20.09 },
      threads: 82
    })
    expect(parseUptime("9944.74 19719.59\n")).toBe(9944.74)
    expect(parseFileNr("377\t7\t2466177\n")).toEqual({ open: 370, max: 2_466_177 })
    expect(parseFileNr("377\t0\t9223372036854775807\n")).toEqual({ open: 377, max: 2 ** 63 })
  })

  it("know nothing of a text that is cut", () => {
    for (const cut of ["", "0.16", "0.16 1.15", "x y z"]) expect(parseLoadavg(cut)).toBeUndefined()
    expect(parseLoadavg("0.16 1.15 20.09")).toEqual({
      load: { oneMinute: 0.16, fiveMinutes: 1.15, fifteenMinutes: 20.09 },
      threads: undefined
    })
    expect(parseUptime("")).toBeUndefined()
    expect(parseUptime("up")).toBeUndefined()
    for (const cut of ["", "377", "377 0", "x"]) expect(parseFileNr(cut)).toBeUndefined()
  })
})
