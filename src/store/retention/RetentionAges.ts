import { Duration } from "effect"
import type { Points } from "../../domain/Series.js"

/** How long points are kept, by their own time. What is absent is kept for ever. */
export interface RetentionOptions {
  /** Age for metric types that no rule names. */
  readonly age?: Duration.DurationInput | undefined
  /** Ages of metric types by name; `*` stands for any characters. The first rule that fits counts. */
  readonly types?: ReadonlyArray<{ readonly metricType: string; readonly age: Duration.DurationInput }> | undefined
}

/** Why points are lost that came when their time was over. */
export const BEYOND_RETENTION = "beyond retention"

const patternOf = (name: string): RegExp =>
  new RegExp(`^${name.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`, "su")

/** The ages of {@link RetentionOptions}, found for metric types. */
export class RetentionAges {
  private readonly rules: ReadonlyArray<readonly [pattern: RegExp, age: number]>
  private readonly rest: number
  private readonly least: number
  private readonly known = new Map<string, number>()

  constructor({ age = Duration.infinity, types = [] }: RetentionOptions = {}) {
    this.rest = Duration.toMillis(age)
    this.rules = types.map((rule) => [patternOf(rule.metricType), Duration.toMillis(rule.age)] as const)
    this.least = this.rules.reduce((least, [, own]) => Math.min(least, own), this.rest)
  }

  /** Whether every point is kept for ever. */
  get keepsAll(): boolean {
    return this.least === Infinity
  }

  /** The age beyond which no point is kept, ms; `Infinity` when some are kept for ever. */
  get longest(): number {
    return this.rules.reduce((most, [, own]) => Math.max(most, own), this.rest)
  }

  private ageOf(metricType: string): number {
    let age = this.known.get(metricType)
    if (age === undefined) {
      age = this.rules.find(([pattern]) => pattern.test(metricType))?.[1] ?? this.rest
      this.known.set(metricType, age)
    }
    return age
  }

  /** Points of a metric type before this instant are beyond the retention at `now`; both ms since the epoch. */
  before(metricType: string, now: number): number {
    return now - this.ageOf(metricType)
  }

  /** The places of points that are beyond the retention at `now`, ascending. */
  lateOf({ series, time }: Points, now: number): ReadonlyArray<number> {
    if (this.keepsAll) return []
    const newest = now - this.least
    const late: Array<number> = []
    for (let i = 0; i < time.length; i++) {
      if (time[i] < newest && time[i] < this.before(series[i].metricType, now)) late.push(i)
    }
    return late
  }
}

/** Points without those of the given places, which ascend. */
export const withoutPoints = (points: Points, places: ReadonlyArray<number>): Points => {
  if (places.length === 0) return points
  const left = new Set(places)
  const keep = (_: unknown, i: number): boolean => !left.has(i)
  return {
    series: points.series.filter(keep),
    time: points.time.filter(keep),
    value: points.value.filter(keep),
    fields: points.fields.filter(keep)
  }
}
