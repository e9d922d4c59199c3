import { Effect } from "effect"
import { nextTurn } from "../../domain/nextTurn.js"

// Sorted or moved in one turn of the event loop: about 5 ms of comparing long texts.
const runLength = 1_000
const moves = 5_000

/**
 * Sorts a list, which it takes over, stably. Sockets and timers get their turn
 * between slices of the work, but for a short list, which is sorted at once.
 */
export const sortInTurns = <A>(
  list: Array<A>,
  compare: (left: A, right: A) => number
): Effect.Effect<ReadonlyArray<A>> =>
  Effect.gen(function*() {
    const { length } = list
    if (length <= runLength) return list.sort(compare)
    let from = list
    let to = new Array<A>(length)
    for (let start = 0; start < length; start += runLength) {
      const run = list.slice(start, start + runLength).sort(compare)
      for (let i = 0; i < run.length; i++) list[start + i] = run[i]
      yield* nextTurn
    }
    let moved = 0
    for (let width = runLength; width < length; width *= 2) {
      for (let start = 0; start < length; start += 2 * width) {
        const middle = Math.min(start + width, length)
        const end = Math.min(start + 2 * width, length)
        for (let left = start, right = middle, at = start; at < end; at++) {
          to[at] = right === end || (left < middle && compare(from[left], from[right]) <= 0)
            ? from[left++]
            : from[right++]
          if (++moved % moves === 0) yield* nextTurn
        }
      }
      ;[from, to] = [to, from]
    }
    return from
  })
