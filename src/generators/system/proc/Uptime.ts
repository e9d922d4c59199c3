import { Scanner } from "./Scanner.js"

/** Reads `/proc/uptime` (`9944.74 19719.59`, proc_uptime(5)): seconds since boot, or `undefined` when it is none. */
export const parseUptime = (text: string): number | undefined => {
  const seconds = new Scanner(text).number()
  return seconds >= 0 ? seconds : undefined
}
