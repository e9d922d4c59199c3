import * as fs from "node:fs"
import * as os from "node:os"

// Who scans gets a tenth of the time of who does not, while both want it.
const niceness = 10

/**
 * Has the system prefer all other threads to the calling one, where it can
 * tell threads apart (Linux); elsewhere nothing happens.
 */
export const lowerPriority = (): void => {
  if (process.platform !== "linux") return
  try {
    // Names the thread as "<process>/task/<thread>"; of a thread that is not the first of its process, its number is
    // one that `setPriority` takes.
    const thread = Number(fs.readlinkSync("/proc/thread-self").split("/").at(-1))
    if (!Number.isInteger(thread) || thread === process.pid) return
    os.setPriority(thread, Math.min(os.constants.priority.PRIORITY_LOW, os.getPriority(thread) + niceness))
  } catch {
    // Without /proc, or where it is forbidden: queries and ingest share as equals.
  }
}
