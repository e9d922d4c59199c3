import type { CpuMetrics } from "../../domain/SystemMetrics.js"

/**
 * Time that processors spent, by mode, since some instant, in any one unit. The
 * modes are disjoint: `times[i]` belongs to the i-th mode of the {@link CpuUsage}.
 */
export interface CpuTimes {
  readonly total: ReadonlyArray<number>
  readonly cores: ReadonlyArray<{ readonly core: string; readonly times: ReadonlyArray<number> }>
}

/** The part of {@link CpuMetrics} that two readings of {@link CpuTimes} tell. */
export type CpuShares = Pick<CpuMetrics, "percent" | "cores" | "modes">

/** Turns two readings of processor times into shares of the time between them. */
export class CpuUsage {
  private readonly idle: ReadonlyArray<boolean>

  /** `idle` names the modes in which a core does nothing; every other mode counts as busy. */
  constructor(private readonly modes: ReadonlyArray<string>, idle: ReadonlyArray<string>) {
    this.idle = modes.map((mode) => idle.includes(mode))
  }

  /** Shares between `before` and `now`, or none when no time passed that the counters could see. */
  between(before: CpuTimes, now: CpuTimes): CpuShares {
    const { deltas, sum } = this.deltas(before.total, now.total)
    if (sum <= 0) return { percent: undefined, cores: [], modes: [] }
    const cores: Array<{ core: string; percent: number }> = []
    for (let i = 0; i < now.cores.length; i++) {
      const { core, times } = now.cores[i]
      // Cores are listed in order, so the same place is right unless one went off or on.
      const same = before.cores[i]?.core === core ? before.cores[i] : before.cores.find((other) => other.core === core)
      if (same === undefined) continue
      const own = this.deltas(same.times, times)
      if (own.sum > 0) cores.push({ core, percent: this.busy(own.deltas, own.sum) })
    }
    return {
      percent: this.busy(deltas, sum),
      cores,
      modes: this.modes.map((mode, i) => ({ mode, percent: 100 * deltas[i] / sum }))
    }
  }

  private deltas(before: ReadonlyArray<number>, now: ReadonlyArray<number>) {
    const deltas: Array<number> = []
    let sum = 0
    for (let i = 0; i < this.modes.length; i++) {
      // The kernel lets idle and iowait step back by a tick.
      const delta = Math.max(0, now[i] - before[i])
      deltas.push(delta)
      sum += delta
    }
    return { deltas, sum }
  }

  private busy(deltas: ReadonlyArray<number>, sum: number): number {
    let busy = 0
    for (let i = 0; i < deltas.length; i++) if (!this.idle[i]) busy += deltas[i]
    return 100 * busy / sum
  }
}
