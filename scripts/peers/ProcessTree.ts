import * as fs from "node:fs"

/** What a process and all that it started use. */
export interface TreeUsage {
  /** Processor time, s, with that of children that have ended. */
  readonly cpu: number
  /** Resident memory, MB; pages that processes share count for each. */
  readonly rss: number
  readonly processes: number
  /** Page faults of children that have ended: every process has some. */
  readonly endedFaults: number
}

interface ProcessUsage {
  readonly parent: number
  readonly cpu: number
  readonly endedFaults: number
}

// Linux tells processor time in these to every program, whatever its own clock.
const TICKS_PER_SECOND = 100

const readUsage = (pid: string): ProcessUsage | undefined => {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, "utf8")
    // Columns are counted from the one after the name, which may hold blanks.
    const columns = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number)
    const [user, system, endedUser, endedSystem] = columns.slice(11, 15)
    return {
      parent: columns[1],
      cpu: (user + system + endedUser + endedSystem) / TICKS_PER_SECOND,
      endedFaults: columns[8]
    }
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}

const residentMegabytes = (pid: number): number => {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024
  } catch {
    return 0
  }
}

const readAll = (): ReadonlyMap<number, ProcessUsage> => {
  const all = new Map<number, ProcessUsage>()
  for (const name of fs.readdirSync("/proc")) {
    const usage = /^\d+$/.test(name) ? readUsage(name) : undefined
    if (usage !== undefined) all.set(Number(name), usage)
  }
  return all
}

const treeOf = (root: number, all: ReadonlyMap<number, ProcessUsage>): ReadonlyArray<number> => {
  const tree = all.has(root) ? [root] : []
  for (const parent of tree) for (const [pid, usage] of all) if (usage.parent === parent) tree.push(pid)
  return tree
}

/** The process and all below it that run now. */
export const processTree = (root: number): ReadonlyArray<number> => treeOf(root, readAll())

/** Reads what a process and all below it use (Linux). */
export const treeUsage = (root: number): TreeUsage => {
  const all = readAll()
  const usage = { cpu: 0, rss: 0, processes: 0, endedFaults: 0 }
  for (const pid of treeOf(root, all)) {
    const own = all.get(pid)
    if (own === undefined) continue
    usage.cpu += own.cpu
    usage.endedFaults += own.endedFaults
    usage.rss += residentMegabytes(pid)
    usage.processes++
  }
  return usage
}
