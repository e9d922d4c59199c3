import type { NetworkMetrics } from "../../domain/SystemMetrics.js"
import { perSecond } from "./perSecond.js"

/** What went through a network interface since it came up. What nobody counts is absent. */
export interface InterfaceCounters {
  readonly interface: string
  readonly receiveBytes: number | undefined
  readonly receivePackets: number | undefined
  readonly receiveErrors: number | undefined
  readonly receiveDrops: number | undefined
  readonly transmitBytes: number | undefined
  readonly transmitPackets: number | undefined
  readonly transmitErrors: number | undefined
  readonly transmitDrops: number | undefined
}

/** What went through an interface in the `seconds` between two readings of its counters. */
export const networkRates = (
  now: InterfaceCounters,
  before: InterfaceCounters | undefined,
  seconds: number
): NetworkMetrics => ({
  interface: now.interface,
  receiveBytesPerSecond: perSecond(before?.receiveBytes, now.receiveBytes, seconds),
  transmitBytesPerSecond: perSecond(before?.transmitBytes, now.transmitBytes, seconds),
  receivePacketsPerSecond: perSecond(before?.receivePackets, now.receivePackets, seconds),
  transmitPacketsPerSecond: perSecond(before?.transmitPackets, now.transmitPackets, seconds),
  receiveErrorsPerSecond: perSecond(before?.receiveErrors, now.receiveErrors, seconds),
  transmitErrorsPerSecond: perSecond(before?.transmitErrors, now.transmitErrors, seconds),
  receiveDropsPerSecond: perSecond(before?.receiveDrops, now.receiveDrops, seconds),
  transmitDropsPerSecond: perSecond(before?.transmitDrops, now.transmitDrops, seconds)
})
