import type { CpuTimes } from "../CpuUsage.js"
import { Scanner } from "./Scanner.js"

/** The modes of {@link Stat.cpu}, in the order of its times. */
export const cpuModes = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest"] as const

/** What `/proc/stat` tells: counters since boot, times in clock ticks. */
export interface Stat {
  readonly cpu: CpuTimes
  readonly interrupts: number | undefined
  readonly contextSwitches: number | undefined
  readonly forks: number | undefined
  readonly running: number | undefined
  readonly blocked: number | undefined
}

const count = (value: number): number | undefined => value >= 0 ? value : undefined

// Columns: user nice system idle iowait irq softirq steal guest guest_nice. The
// kernel counts guests' time in user and nice as well, so it is taken out there.
// Old kernels have fewer columns.
const readTimes = (line: Scanner): ReadonlyArray<number> => {
  const times: Array<number> = []
  for (let i = 0; i < 9; i++) times.push(line.number() || 0)
  const guestNice = line.number() || 0
  times[0] = Math.max(0, times[0] - times[8])
  times[1] = Math.max(0, times[1] - guestNice)
  times[8] += guestNice
  return times
}

/** Reads `/proc/stat` (proc_stat(5)), or `undefined` when it has no line `cpu`. */
export const parseStat = (text: string): Stat | undefined => {
  const scanner = new Scanner(text)
  let total: ReadonlyArray<number> | undefined
  const cores: Array<CpuTimes["cores"][number]> = []
  let interrupts: number | undefined
  let contextSwitches: number | undefined
  let forks: number | undefined
  let running: number | undefined
  let blocked: number | undefined
  for (; !scanner.done; scanner.nextLine()) {
    const name = scanner.word()
    if (name === "cpu") total = readTimes(scanner)
    else if (name.startsWith("cpu")) cores.push({ core: name.slice(3), times: readTimes(scanner) })
    else if (name === "intr") interrupts = count(scanner.number())
    else if (name === "ctxt") contextSwitches = count(scanner.number())
    else if (name === "processes") forks = count(scanner.number())
    else if (name === "procs_running") running = count(scanner.number())
    else if (name === "procs_blocked") blocked = count(scanner.number())
  }
  return total === undefined
    ? undefined
    : { cpu: { total, cores }, interrupts, contextSwitches, forks, running, blocked }
}
