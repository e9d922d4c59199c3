import type { FileDescriptorMetrics } from "../../../domain/SystemMetrics.js"
import { Scanner } from "./Scanner.js"

/** Reads `/proc/sys/fs/file-nr` (`377 0 2466177`: allocated, allocated but free, bound; proc_sys_fs(5)). */
export const parseFileNr = (text: string): FileDescriptorMetrics | undefined => {
  const line = new Scanner(text)
  const allocated = line.number()
  const free = line.number()
  const max = line.number()
  return Number.isNaN(allocated + free + max) ? undefined : { open: Math.max(0, allocated - free), max }
}
