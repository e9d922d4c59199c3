import { cpuSeconds, type Measured } from "../delivery/Talk.js"

/** Series that a library updates before each export. */
export const LIBRARY_SERIES = 1_000

/** Labels of the series, one object for each, and values for a round. */
export const labels: ReadonlyArray<{ readonly series: string; readonly group: string }> = Array.from(
  { length: LIBRARY_SERIES },
  (_, i) => ({ series: `s${i}`, group: `g${Math.floor(i / 50)}` })
)

/** The value of a series in a round: two decimals, another one each time. */
export const valueOf = (series: number, round: number): number => ((series * 7 + round * 13) % 10_000) / 100

/** Counts what a library needs, update by update and as a whole. */
export class LibraryCost {
  private readonly cpu = cpuSeconds()
  private updating = 0

  /** Runs all updates of a round. */
  update(all: () => void): void {
    const before = performance.now()
    all()
    this.updating += performance.now() - before
  }

  /** What has been needed since it was made: processor seconds and, of the wall clock, seconds of updates. */
  get measured(): Measured {
    return { cpu: cpuSeconds() - this.cpu, updating: this.updating / 1_000 }
  }
}
