import { Effect } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"

// A third of the time of the main thread, while both want it.
const niceness = 5

/**
 * Has the system prefer the main thread to the threads that Node.js has started
 * beside it (Linux; elsewhere nothing happens). Those collect garbage and
 * compile for all threads of the process: four of them, which on two processors
 * keep the thread that stores waiting while a query is read.
 */
export const preferMainThread: Effect.Effect<void> = Effect.sync(() => {
  if (process.platform !== "linux") return
  try {
    for (const name of fs.readdirSync("/proc/self/task")) {
      const thread = Number(name)
      if (!Number.isInteger(thread) || thread === process.pid) continue
      os.setPriority(thread, Math.min(os.constants.priority.PRIORITY_LOW, os.getPriority(process.pid) + niceness))
    }
  } catch {
    // Without /proc, where it is forbidden, or where a thread has ended meanwhile: all share as equals.
  }
})
