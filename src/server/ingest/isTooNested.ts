// Below this many bytes what is read stays small whatever it is.
const harmless = 1_048_576

// The least that a batch takes for each array or object of its fields, columns included, is more.
const leastBytes = 8

const bracket = 0x5b
const brace = 0x7b

/**
 * Whether a body over 1 MiB holds more than one array or object for every
 * eight bytes. Metrics never do, and what does takes fifty times its bytes when
 * it is read, and seconds where they lie in each other, so that this is asked
 * first. Brackets in strings count too.
 */
export const isTooNested = (body: Uint8Array): boolean => {
  if (body.length <= harmless) return false
  let opened = 0
  for (let i = 0; i < body.length; i++) {
    const byte = body[i]
    if (byte === bracket || byte === brace) opened++
  }
  return opened > body.length / leastBytes
}
