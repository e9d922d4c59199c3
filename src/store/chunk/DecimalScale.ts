import { MAX_COLUMN_INTEGER } from "./IntegerColumn.js"

/** 10^0 … 10^18: exact doubles, so that a division by them is rounded once. */
export const powersOfTen: ReadonlyArray<number> = Array.from({ length: 19 }, (_, exponent) => Number(`1e${exponent}`))

// Adding and taking away 1.5 · 2^52 rounds a number below 2^51 to a whole one, faster than Math.round.
const ROUND = 6_755_399_441_055_744

/**
 * Finds the smallest decimal scale at which each of `count` doubles is a whole
 * number that leads back to it exactly when divided by 10^scale, and fills
 * `integers` with those; −1 when there is none.
 */
export const toDecimals = (numbers: Float64Array, count: number, integers: Float64Array): number => {
  let scale = 0
  let power = 1
  let max = 0
  for (let i = 0; i < count; i++) {
    const number = numbers[i]
    let whole = number * power + ROUND - ROUND
    while (whole / power !== number) {
      if (++scale === powersOfTen.length || !(Math.abs(whole) <= MAX_COLUMN_INTEGER)) return -1
      power = powersOfTen[scale]
      whole = number * power + ROUND - ROUND
      // What was whole before still is: the quotient is the same number, and rounded once.
      for (let j = 0; j < i; j++) integers[j] *= 10
      max *= 10
    }
    integers[i] = whole
    const size = Math.abs(whole)
    if (size > max) max = size
  }
  return max <= MAX_COLUMN_INTEGER ? scale : -1
}

/** Brings integers of {@link toDecimals} to a greater scale; whether they stay within the bound of a column. */
export const rescale = (integers: Float64Array, count: number, from: number, to: number): boolean => {
  if (from === to) return true
  const factor = powersOfTen[to - from]
  for (let i = 0; i < count; i++) {
    integers[i] *= factor
    if (!(Math.abs(integers[i]) <= MAX_COLUMN_INTEGER)) return false
  }
  return true
}
