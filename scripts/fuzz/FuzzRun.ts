import type { Decoder } from "./Decoders.js"
import type { Mutator } from "./Mutator.js"

/** Input that a decoder did not stand, so that it can be tried again. */
export interface Finding {
  readonly decoder: string
  readonly input: Buffer
  readonly problem: string
}

/** What a decoder did with much bad input. */
export interface FuzzCount {
  inputs: number
  accepted: number
  /** Ms of the slowest input. */
  slowest: number
}

/** Most ms that an input of at most 200 kB may take; the machine may do other things meanwhile. */
const longest = 2_000

/** Makes one bad input for a decoder. */
export const makeInput = (decoder: Decoder, mutator: Mutator): Buffer => {
  const sample = mutator.pick(decoder.samples)
  const way = mutator.below(8)
  const made = decoder.isJson && way < 5
    ? Buffer.from(mutator.json(Buffer.from(sample).toString("utf8")))
    : way === 5
    ? mutator.splice(sample, mutator.pick(decoder.samples))
    : mutator.bytes(sample)
  return decoder.mend !== undefined && mutator.below(4) > 0 ? decoder.mend(made) : made
}

/** Gives one input to a decoder; answers what was wrong with what it did. */
export const tryInput = (decoder: Decoder, input: Buffer, count: FuzzCount): Finding | undefined => {
  const before = performance.now()
  try {
    if (decoder.accepts(input)) count.accepted++
  } catch (error) {
    const problem = error instanceof Error ? error.stack ?? error.message : String(error)
    return { decoder: decoder.name, input, problem }
  }
  const lasted = performance.now() - before
  count.inputs++
  count.slowest = Math.max(count.slowest, lasted)
  return lasted > longest
    ? { decoder: decoder.name, input, problem: `took ${Math.round(lasted)} ms for ${input.length} bytes` }
    : undefined
}
