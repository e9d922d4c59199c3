const doubles = new Float64Array(2)
const words = new Int32Array(doubles.buffer)

/** Farthest distance that is told: what is farther away is no neighbour. */
const MAX_ULPS = 2 ** 30

/**
 * How many doubles lie from `near` to `number`, towards greater magnitudes;
 * `undefined` when they are far apart or of different sign.
 */
export const toUlps = (number: number, near: number): number | undefined => {
  doubles[0] = number
  doubles[1] = near
  if ((words[1] ^ words[3]) < 0) return undefined
  const distance = (words[1] - words[3]) * 2 ** 32 + ((words[0] >>> 0) - (words[2] >>> 0))
  return Math.abs(distance) <= MAX_ULPS ? distance : undefined
}

/** The double that lies so many doubles from `near`: the inverse of {@link toUlps}. */
export const fromUlps = (near: number, ulps: number): number => {
  if (ulps === 0) return near
  doubles[0] = near
  const low = (words[0] >>> 0) + ulps
  words[1] += Math.floor(low / 2 ** 32)
  words[0] = low
  return doubles[0]
}
