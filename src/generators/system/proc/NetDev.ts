import type { InterfaceCounters } from "../NetworkRates.js"
import type { Keep } from "../SystemFilters.js"
import { Scanner } from "./Scanner.js"

/** Reads `/proc/net/dev` (proc_pid_net(5)), without what `keep` refuses. */
export const parseNetDev = (text: string, keep: Keep): ReadonlyArray<InterfaceCounters> => {
  const interfaces: Array<InterfaceCounters> = []
  const line = new Scanner(text)
  // Two lines of headings.
  line.nextLine()
  line.nextLine()
  for (; !line.done; line.nextLine()) {
    const name = line.wordBefore(":")
    if (name === "" || !keep(name)) continue
    const receiveBytes = line.number()
    const receivePackets = line.number()
    const receiveErrors = line.number()
    const receiveDrops = line.number()
    // fifo, frame, compressed, multicast
    line.skipWords(4)
    const transmitBytes = line.number()
    const transmitPackets = line.number()
    const transmitErrors = line.number()
    const transmitDrops = line.number()
    if (Number.isNaN(transmitDrops)) continue
    interfaces.push({
      interface: name,
      receiveBytes,
      receivePackets,
      receiveErrors,
      receiveDrops,
      transmitBytes,
      transmitPackets,
      transmitErrors,
      transmitDrops
    })
  }
  return interfaces
}
