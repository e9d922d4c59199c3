import type { MemoryMetrics, SwapMetrics } from "../../../domain/SystemMetrics.js"
import { Scanner } from "./Scanner.js"

/** What `/proc/meminfo` tells, in bytes. */
export interface Meminfo {
  readonly memory: MemoryMetrics
  readonly swap: SwapMetrics | undefined
}

const wanted = new Set([
  "MemTotal",
  "MemFree",
  "MemAvailable",
  "Buffers",
  "Cached",
  "SwapTotal",
  "SwapFree",
  "Dirty",
  "Writeback",
  "Shmem",
  "SReclaimable"
])

/** Reads `/proc/meminfo` (proc_meminfo(5)), or `undefined` when it lacks the total or the free memory. */
export const parseMeminfo = (text: string): Meminfo | undefined => {
  const bytes = new Map<string, number>()
  // The file goes on for forty lines after the last one of interest.
  for (const line = new Scanner(text); !line.done && bytes.size < wanted.size; line.nextLine()) {
    const name = line.wordBefore(":")
    if (!wanted.has(name)) continue
    const kibibytes = line.number()
    if (kibibytes >= 0) bytes.set(name, kibibytes * 1024)
  }
  const totalBytes = bytes.get("MemTotal")
  const freeBytes = bytes.get("MemFree")
  if (totalBytes === undefined || freeBytes === undefined) return undefined
  const buffersBytes = bytes.get("Buffers")
  const cachedBytes = bytes.get("Cached")
  // Linux before 3.14 has no MemAvailable; this was the estimate then.
  const availableBytes = bytes.get("MemAvailable") ??
    Math.min(totalBytes, freeBytes + (buffersBytes ?? 0) + (cachedBytes ?? 0))
  const swapTotal = bytes.get("SwapTotal")
  const swapFree = bytes.get("SwapFree")
  return {
    memory: {
      totalBytes,
      availableBytes,
      usedBytes: Math.max(0, totalBytes - availableBytes),
      freeBytes,
      buffersBytes,
      cachedBytes,
      sharedBytes: bytes.get("Shmem"),
      reclaimableBytes: bytes.get("SReclaimable"),
      dirtyBytes: bytes.get("Dirty"),
      writebackBytes: bytes.get("Writeback")
    },
    swap: swapTotal === undefined || swapFree === undefined
      ? undefined
      : { totalBytes: swapTotal, usedBytes: Math.max(0, swapTotal - swapFree), freeBytes: swapFree }
  }
}
