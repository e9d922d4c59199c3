import { Scanner } from "./Scanner.js"

/** What a file of `/proc/pressure` tells: time stalled since boot, in microseconds. */
export interface PressureCounters {
  readonly someMicros: number | undefined
  readonly fullMicros: number | undefined
}

/**
 * Reads `/proc/pressure/*` (`some avg10=0.01 avg60=0.51 avg300=1.05 total=15910783`,
 * Documentation/accounting/psi.rst). The totals are read, because a share
 * computed from them is exact for any interval; the averages are not.
 */
export const parsePressure = (text: string): PressureCounters => {
  let someMicros: number | undefined
  let fullMicros: number | undefined
  for (const line = new Scanner(text); !line.done; line.nextLine()) {
    const kind = line.word()
    line.wordBefore("total=")
    const micros = line.number()
    if (!(micros >= 0)) continue
    if (kind === "some") someMicros = micros
    else if (kind === "full") fullMicros = micros
  }
  return { someMicros, fullMicros }
}
