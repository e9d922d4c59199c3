import { oneMountADevice } from "../oneMountADevice.js"
import type { SystemKeeps } from "../SystemFilters.js"
import { Scanner } from "./Scanner.js"

/** A mounted filesystem. */
export interface Mount {
  readonly device: string
  readonly mountpoint: string
  readonly type: string
}

// Blanks and backslashes in names are written as three octal digits.
const unescape = (text: string): string =>
  text.includes("\\")
    ? text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
    : text

/**
 * Reads `/proc/self/mounts` (fstab(5)), without what the filters refuse. A
 * mount that lies under a later one of the same path cannot be asked and is
 * left out.
 */
export const parseMounts = (
  text: string,
  keep: Pick<SystemKeeps, "filesystem" | "mountpoint">
): ReadonlyArray<Mount> => {
  const byMountpoint = new Map<string, Mount>()
  for (const line = new Scanner(text); !line.done; line.nextLine()) {
    const device = unescape(line.word())
    const mountpoint = unescape(line.word())
    const type = line.word()
    if (type !== "") byMountpoint.set(mountpoint, { device, mountpoint, type })
  }
  const kept: Array<Mount> = []
  for (const mount of byMountpoint.values()) {
    if (keep.filesystem(mount.type) && keep.mountpoint(mount.mountpoint)) kept.push(mount)
  }
  return oneMountADevice(kept)
}
