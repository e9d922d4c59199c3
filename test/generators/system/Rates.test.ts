import { describe, expect, it } from "@effect/vitest"
import { type DiskCounters, diskRates } from "../../../src/generators/system/DiskRates.js"
import { type InterfaceCounters, networkRates } from "../../../src/generators/system/NetworkRates.js"
import { perSecond } from "../../../src/generators/system/perSecond.js"

const disk: DiskCounters = {
  device: "sda",
  reads: 100,
  readBytes: 1000,
  readMillis: 50,
  writes: 200,
  writeBytes: 2000,
  writeMillis: 60,
  inFlight: 1,
  busyMillis: 500
}

const network: InterfaceCounters = {
  interface: "eth0",
  receiveBytes: 1000,
  receivePackets: 10,
  receiveErrors: 1,
  receiveDrops: 2,
  transmitBytes: 2000,
  transmitPackets: 20,
  transmitErrors: 3,
  transmitDrops: 4
}

describe("rates", () => {
  it("are of the time that passed, also when it is less than a second", () => {
    expect(perSecond(100, 150, 0.5)).toBe(100)
    expect(perSecond(100, 100, 60)).toBe(0)
  })

  it("are unknown for a counter that is new, gone, or went back", () => {
    expect(perSecond(undefined, 5, 1)).toBeUndefined()
    expect(perSecond(5, undefined, 1)).toBeUndefined()
    expect(perSecond(2 ** 64, 3, 1)).toBeUndefined()
  })

  it("of a disk: waiting is the mean of the requests that ended, and unknown when none did", () => {
    const later = { ...disk, reads: 104, readMillis: 90, busyMillis: 1500, inFlight: 7 }
    expect(diskRates(later, disk, 2)).toEqual({
      device: "sda",
      readBytesPerSecond: 0,
      writeBytesPerSecond: 0,
      readsPerSecond: 2,
      writesPerSecond: 0,
      readSeconds: 0.01,
      writeSeconds: undefined,
      busyPercent: 50,
      inFlight: 7
    })
  })

  it("of a disk: the busy share never passes 100, though the kernel's clock may", () => {
    expect(diskRates({ ...disk, busyMillis: 1504 }, disk, 1).busyPercent).toBe(100)
  })

  it("of a disk: one counter that went back leaves the others", () => {
    const rates = diskRates({ ...disk, readBytes: 3, writeBytes: 4000 }, disk, 1)
    expect(rates.readBytesPerSecond).toBeUndefined()
    expect(rates.writeBytesPerSecond).toBe(2000)
  })

  it("of an interface that was not there before are unknown, and it is still named", () => {
    const { interface: name, ...rates } = networkRates(network, undefined, 1)
    expect(name).toBe("eth0")
    expect(Object.values(rates).every((rate) => rate === undefined)).toBe(true)
    expect(networkRates({ ...network, transmitBytes: 2500 }, network, 1).transmitBytesPerSecond).toBe(500)
  })
})
