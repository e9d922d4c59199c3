import { describe, expect, it } from "@effect/vitest"
import { makeKeeps } from "../../../src/generators/system/SystemFilters.js"

const keep = makeKeeps()

const split = (names: ReadonlyArray<string>, keeps: (name: string) => boolean) => ({
  kept: names.filter(keeps),
  left: names.filter((name) => !keeps(name))
})

describe("SystemFilters", () => {
  it("leave out devices without data of their own", () => {
    expect(
      split(["sda", "loop0", "nvme0n1", "ram15", "zram0", "sr0", "fd0", "dm-0", "md0", "vda", "looper"], keep.device)
    )
      .toEqual({
        kept: ["sda", "nvme0n1", "dm-0", "md0", "vda", "looper"],
        left: ["loop0", "ram15", "zram0", "sr0", "fd0"]
      })
  })

  it("leave out interfaces of containers and virtual machines, and loopback", () => {
    const names = [
      "eth0",
      "lo",
      "lo0",
      "veth1a2b",
      "docker0",
      "br-0a1b",
      "br0",
      "virbr0",
      "wlan0",
      "wg0",
      "tun0",
      "cali12"
    ]
    expect(split(names, keep.interface)).toEqual({
      kept: ["eth0", "br0", "wlan0", "wg0", "tun0"],
      left: ["lo", "lo0", "veth1a2b", "docker0", "br-0a1b", "virbr0", "cali12"]
    })
  })

  it("leave out filesystems in memory, of the kernel and of containers' layers", () => {
    const types = [
      "ext4",
      "tmpfs",
      "overlay",
      "xfs",
      "squashfs",
      "nfs4",
      "proc",
      "cgroup2",
      "btrfs",
      "fuse.sshfs",
      "devtmpfs"
    ]
    expect(split(types, keep.filesystem)).toEqual({
      kept: ["ext4", "xfs", "nfs4", "btrfs", "fuse.sshfs"],
      left: ["tmpfs", "overlay", "squashfs", "proc", "cgroup2", "devtmpfs"]
    })
  })

  it("leave out mount points of the kernel, of containers and of macOS' system volumes", () => {
    const paths = [
      "/",
      "/dev/hugepages",
      "/device",
      "/proc",
      "/home/proc",
      "/snap/core/1",
      "/var/lib/docker/volumes",
      "/var/lib/dockerfiles",
      "/System/Volumes/Data",
      "/System/Volumes/VM"
    ]
    expect(split(paths, keep.mountpoint).kept).toEqual([
      "/",
      "/device",
      "/home/proc",
      "/var/lib/dockerfiles",
      "/System/Volumes/Data"
    ])
  })

  it("an expression of one's own replaces its default and leaves the others", () => {
    const own = makeKeeps({ excludeInterfaces: /^eth/, excludeDevices: /^$/ })
    expect(split(["eth0", "lo", "veth1"], own.interface).kept).toEqual(["lo", "veth1"])
    expect(own.device("loop0")).toBe(true)
    expect(own.filesystem("tmpfs")).toBe(false)
  })

  it("an expression with the flag g or y decides the same every time", () => {
    const own = makeKeeps({ excludeDevices: /sd/g, excludeInterfaces: /eth/y })
    for (const name of ["sda", "sdb", "sdc", "sda"]) expect(own.device(name)).toBe(false)
    for (const name of ["eth0", "eth1", "eth0"]) expect(own.interface(name)).toBe(false)
  })

  it("names without number do not fill the memory", () => {
    const own = makeKeeps({ excludeDevices: /7$/ })
    for (let i = 0; i < 20_000; i++) expect(own.device(`d${i}`)).toBe(i % 10 !== 7)
  })
})
