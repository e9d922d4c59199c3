import type { InSlices } from "./InSlices.js"

// Numbers looked at in one slice.
const slice = 200_000

/**
 * Puts the number where it would stand were all sorted that belongs to `place`, none that is greater before it and none
 * that is smaller behind it.
 */
function* select(numbers: Float64Array, place: number): InSlices<undefined> {
  let low = 0
  let high = numbers.length - 1
  let looked = 0
  // Each round mostly leaves less than two thirds. Numbers that make it go on for long are sorted.
  for (let rounds = 2 * Math.ceil(Math.log2(numbers.length + 1)); low < high; rounds--) {
    if (rounds === 0) {
      numbers.subarray(low, high + 1).sort()
      return undefined
    }
    looked += high - low
    if (looked > slice) {
      looked = 0
      yield
    }
    const [a, b, c] = [numbers[low], numbers[(low + high) >>> 1], numbers[high]]
    const pivot = Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
    let left = low
    let right = high
    while (left <= right) {
      while (numbers[left] < pivot) left++
      while (numbers[right] > pivot) right--
      if (left > right) break
      const own = numbers[left]
      numbers[left++] = numbers[right]
      numbers[right--] = own
    }
    if (place <= right) high = right
    else if (place >= left) low = left
    else return undefined
  }
  return undefined
}

/** The quantile of one or more numbers, between two of them on the line from one to the other; 0.5 is the median. */
export function* quantileOf(values: ReadonlyArray<number>, quantile: number): InSlices<number> {
  const numbers = new Float64Array(values)
  const place = (numbers.length - 1) * quantile
  const below = Math.floor(place)
  const share = place - below
  yield* select(numbers, below)
  const low = numbers[below]
  if (share === 0) return low
  let high = Infinity
  for (let i = below + 1; i < numbers.length; i++) if (numbers[i] < high) high = numbers[i]
  // Not low + (high - low) * share: the difference of two large values can be beyond a double.
  return low * (1 - share) + high * share
}
