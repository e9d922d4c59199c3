import type { DiskIoMetrics } from "../../domain/SystemMetrics.js"
import { perSecond } from "./perSecond.js"

/** What a block device has done since boot; without `device` all of them together. What nobody counts is absent. */
export interface DiskCounters {
  readonly device?: string
  readonly reads: number | undefined
  readonly readBytes: number | undefined
  /** Time that reads took, waiting included, of all of them together. */
  readonly readMillis: number | undefined
  readonly writes: number | undefined
  readonly writeBytes: number | undefined
  readonly writeMillis: number | undefined
  /** Requests under way now. */
  readonly inFlight: number | undefined
  /** Time with at least one request under way. */
  readonly busyMillis: number | undefined
}

const meanSeconds = (millis: number | undefined, requests: number | undefined): number | undefined =>
  millis === undefined || requests === undefined || requests === 0 ? undefined : millis / requests / 1000

/** What a device did in the `seconds` between two readings of its counters. */
export const diskRates = (now: DiskCounters, before: DiskCounters | undefined, seconds: number): DiskIoMetrics => {
  const readsPerSecond = perSecond(before?.reads, now.reads, seconds)
  const writesPerSecond = perSecond(before?.writes, now.writes, seconds)
  const busyMillis = perSecond(before?.busyMillis, now.busyMillis, seconds)
  return {
    device: now.device,
    readBytesPerSecond: perSecond(before?.readBytes, now.readBytes, seconds),
    writeBytesPerSecond: perSecond(before?.writeBytes, now.writeBytes, seconds),
    readsPerSecond,
    writesPerSecond,
    readSeconds: meanSeconds(perSecond(before?.readMillis, now.readMillis, seconds), readsPerSecond),
    writeSeconds: meanSeconds(perSecond(before?.writeMillis, now.writeMillis, seconds), writesPerSecond),
    // The kernel's clock for this is coarser than ours.
    busyPercent: busyMillis === undefined ? undefined : Math.min(100, busyMillis / 10),
    inFlight: now.inFlight
  }
}
