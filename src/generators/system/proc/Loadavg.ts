import type { LoadMetrics } from "../../../domain/SystemMetrics.js"
import { Scanner } from "./Scanner.js"

/** What `/proc/loadavg` tells. */
export interface Loadavg {
  readonly load: LoadMetrics
  /** All threads of the host. */
  readonly threads: number | undefined
}

/** Reads `/proc/loadavg` (`0.16 0.15 0.09 1/82 4540`, proc_loadavg(5)), or `undefined` when it is none. */
export const parseLoadavg = (text: string): Loadavg | undefined => {
  const line = new Scanner(text)
  const oneMinute = line.number()
  const fiveMinutes = line.number()
  const fifteenMinutes = line.number()
  if (Number.isNaN(oneMinute + fiveMinutes + fifteenMinutes)) return undefined
  line.wordBefore("/")
  const threads = line.number()
  return { load: { oneMinute, fiveMinutes, fifteenMinutes }, threads: threads >= 0 ? threads : undefined }
}
