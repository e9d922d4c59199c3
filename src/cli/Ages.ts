const steps: ReadonlyArray<readonly [below: number, unit: number, name: string]> = [
  [120_000, 1_000, "s"],
  [7_200_000, 60_000, "min"],
  [172_800_000, 3_600_000, "h"],
  [Infinity, 86_400_000, "d"]
]

/** Writes a span of time (ms) roughly, as in `45 s`, `12 min`, `5 h`, `30 d`. */
export const formatAge = (millis: number): string => {
  const age = Math.max(0, millis)
  const [, unit, name] = steps.find(([below]) => age < below) ?? [0, 86_400_000, "d"]
  return `${Math.floor(age / unit)} ${name}`
}
