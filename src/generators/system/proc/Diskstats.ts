import type { DiskCounters } from "../DiskRates.js"
import type { Keep } from "../SystemFilters.js"
import { Scanner } from "./Scanner.js"

// The kernel counts sectors of 512 bytes, whatever the device's own are.
const sector = 512

/**
 * The disk that a partition belongs to by its name: `sda1` to `sda`,
 * `nvme0n1p2` to `nvme0n1`; `undefined` for a name without a number at its end.
 */
const diskOf = (device: string): string | undefined => {
  const match = /^(.*?)(\d+)$/.exec(device)
  if (match === null) return undefined
  const stem = match[1]
  return /\dp$/.test(stem) ? stem.slice(0, -1) : stem
}

const diskNames = new Map<string, string | undefined>()

const knownDiskOf = (device: string): string | undefined => {
  if (diskNames.has(device)) return diskNames.get(device)
  if (diskNames.size >= 4096) diskNames.clear()
  const disk = diskOf(device)
  diskNames.set(device, disk)
  return disk
}

/**
 * Reads `/proc/diskstats` (Documentation/admin-guide/iostats.rst), without
 * what `keep` refuses and without partitions whose disk is listed: their
 * traffic is the disk's.
 */
export const parseDiskstats = (text: string, keep: Keep): ReadonlyArray<DiskCounters> => {
  const disks: Array<DiskCounters & { readonly device: string }> = []
  const names = new Set<string>()
  for (const line = new Scanner(text); !line.done; line.nextLine()) {
    line.skipWords(2)
    const device = line.word()
    names.add(device)
    if (device === "" || !keep(device)) continue
    const reads = line.number()
    line.skipWords(1)
    const readSectors = line.number()
    const readMillis = line.number()
    const writes = line.number()
    line.skipWords(1)
    const writeSectors = line.number()
    const writeMillis = line.number()
    const inFlight = line.number()
    const busyMillis = line.number()
    // Before Linux 2.6.25 partitions had four columns.
    if (Number.isNaN(busyMillis)) continue
    disks.push({
      device,
      reads,
      readBytes: readSectors * sector,
      readMillis,
      writes,
      writeBytes: writeSectors * sector,
      writeMillis,
      inFlight,
      busyMillis
    })
  }
  return disks.filter(({ device }) => {
    const disk = knownDiskOf(device)
    return disk === undefined || !names.has(disk)
  })
}
