import type { SkippedRange } from "../Outbox.js"

type Ranges = ReadonlyArray<SkippedRange>

/** Adds a range to ranges that are in order and do not overlap; those that touch and have one reason become one. */
export const addRange = (ranges: Ranges, added: SkippedRange): Ranges => {
  const joined: Array<SkippedRange> = []
  for (const range of [...ranges, added].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1)
    if (last === undefined || last.to < range.from || (last.to === range.from && last.reason !== range.reason)) {
      joined.push(range)
    } else if (last.reason === range.reason) {
      joined[joined.length - 1] = { ...last, to: Math.max(last.to, range.to) }
    } else if (range.to > last.to) {
      joined.push({ ...range, from: last.to })
    }
  }
  return joined
}

/** What of the ranges lies at or after an offset. */
export const rangesFrom = (ranges: Ranges, offset: number): Ranges =>
  ranges.filter(({ to }) => to > offset).map((range) => range.from >= offset ? range : { ...range, from: offset })

/** The range that covers an offset. */
export const rangeAt = (ranges: Ranges, offset: number): SkippedRange | undefined =>
  ranges.find(({ from, to }) => from <= offset && offset < to)

/** How many offsets of `from` ≤ o < `to` the ranges cover. */
export const coveredOffsets = (ranges: Ranges, from: number, to: number): number => {
  let covered = 0
  for (const range of ranges) covered += Math.max(0, Math.min(range.to, to) - Math.max(range.from, from))
  return covered
}
