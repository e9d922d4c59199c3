import type { InSlices } from "../../../src/store/query/InSlices.js"

/** Does work in slices to its end, and counts them. */
export const runInSlices = <A>(work: InSlices<A>): { readonly result: A; readonly slices: number } => {
  for (let slices = 1;; slices++) {
    const { done, value } = work.next()
    if (done === true) return { result: value, slices }
  }
}
