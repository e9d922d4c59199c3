import type { InSlices } from "./InSlices.js"

// Times moved in one slice.
const slice = 200_000

/** Where each sorted stretch of times begins, and their number at the end. */
const stretchesOf = (time: ReadonlyArray<number>): ReadonlyArray<number> => {
  const starts = [0]
  for (let i = 1; i < time.length; i++) if (time[i] < time[i - 1]) starts.push(i)
  starts.push(time.length)
  return starts
}

/** The places of times in their order, equal ones as they stand; `undefined` when they are sorted already. */
export function* timeOrder(time: ReadonlyArray<number>): InSlices<Uint32Array | undefined> {
  let starts = stretchesOf(time)
  if (starts.length <= 2) return undefined
  let from = new Uint32Array(time.length)
  for (let i = 0; i < from.length; i++) from[i] = i
  let to = new Uint32Array(time.length)
  let moved = 0
  while (starts.length > 2) {
    const merged = [0]
    for (let s = 0; s + 1 < starts.length; s += 2) {
      const middle = starts[s + 1]
      const end = starts[Math.min(s + 2, starts.length - 1)]
      for (let left = starts[s], right = middle, at = left; at < end; at++) {
        to[at] = right === end || (left < middle && time[from[left]] <= time[from[right]])
          ? from[left++]
          : from[right++]
        if (++moved % slice === 0) yield
      }
      merged.push(end)
    }
    starts = merged
    ;[from, to] = [to, from]
  }
  return from
}
