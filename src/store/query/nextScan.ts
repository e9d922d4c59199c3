// Bytes that the scans of a thread may hold together while all of them go on. One alone may need two to three times as
// many, for which its heap has room (WorkerRunner.ts).
const mostHeld = 256 * 1024 * 1024

/** What is looked at of a scan. */
interface Holding {
  readonly scan: {
    /** Bytes, about. */
    readonly held: number
  }
}

/**
 * Which of some scans goes on, of those that stand in the order of their next slices, by numbers that grow with each
 * that begins: the next; or, where they hold too much together, the one that began first, alone. What all of them might
 * hold at once would end the thread, and with it all of them.
 */
export const nextScan = (scans: ReadonlyMap<number, Holding>): number | undefined => {
  let held = 0
  let next: number | undefined
  let oldest = Infinity
  for (const [id, { scan }] of scans) {
    held += scan.held
    next ??= id
    if (id < oldest) oldest = id
  }
  return next === undefined || held <= mostHeld ? next : oldest
}
