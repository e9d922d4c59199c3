import { PCGRandom } from "effect/Utils"

/** Values at which readers of JSON stumble. */
const hostileValues: ReadonlyArray<string> = [
  "null",
  "true",
  "0",
  "-0",
  "-1",
  "1.5",
  "1e308",
  "1e999",
  "-1e999",
  "5e-324",
  "9007199254740991",
  "9007199254740993",
  "253402300799999",
  "253402300800000",
  "\"\"",
  "\"\\ud800\"",
  "\"\\u0000\\u001b[2J\"",
  "\"__proto__\"",
  "\"2026-02-30T00:00:00Z\"",
  "\"-000001-01-01T00:00:00Z\"",
  "[]",
  "{}",
  "[[[[[[[[[[[[[[]]]]]]]]]]]]]]",
  "{\"__proto__\":{\"x\":1}}",
  "{\"constructor\":{\"prototype\":{}}}",
  "{\"toString\":1,\"valueOf\":2,\"length\":3}",
  `"${"x".repeat(300)}"`,
  `"${"é".repeat(200)}"`,
  `${"[".repeat(2_000)}${"]".repeat(2_000)}`
]

const hostileBytes: ReadonlyArray<ReadonlyArray<number>> = [
  [0x00],
  [0x7f],
  [0x80],
  [0xff],
  [0xff, 0xff, 0xff, 0xff],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f],
  [0xc3, 0x28],
  [0xed, 0xa0, 0x80],
  [0xef, 0xbb, 0xbf],
  [0x0d, 0x0a],
  [0x22],
  [0x5c],
  [0x2c],
  [0x20]
]

const isJsonToken = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/g

/** Makes bad input out of good; the same seed makes the same. */
export class Mutator {
  readonly #random: PCGRandom

  constructor(seed: number) {
    this.#random = new PCGRandom(seed)
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    return limit <= 1 ? 0 : Math.floor(this.#random.number() * limit)
  }

  /** One of several. */
  pick<A>(from: ReadonlyArray<A>): A {
    return from[this.below(from.length)]
  }

  /** Text with one to four of its JSON values, names included, in the place of which something else stands. */
  json(text: string): string {
    let result = text
    for (let times = 1 + this.below(4); times > 0; times--) {
      const tokens = Array.from(result.matchAll(isJsonToken))
      if (tokens.length === 0) return result
      const token = this.pick(tokens)
      const other = this.below(3) === 0 ? this.pick(tokens)[0] : this.pick(hostileValues)
      result = result.slice(0, token.index) + other + result.slice(token.index + token[0].length)
      if (result.length > 200_000) return result
    }
    return result
  }

  /** Bytes with one to eight of their places changed, cut out, doubled, or filled with others. */
  bytes(input: Uint8Array): Buffer {
    let bytes: Buffer = Buffer.from(input)
    for (let times = 1 + this.below(8); times > 0; times--) {
      const at = this.below(bytes.length + 1)
      const length = 1 + this.below(this.below(4) === 0 ? Math.max(1, bytes.length) : 8)
      switch (this.below(6)) {
        case 0:
          if (at < bytes.length) bytes[at] ^= 1 << this.below(8)
          break
        case 1:
          if (at < bytes.length) bytes[at] = this.below(256)
          break
        case 2:
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
          break
        case 3:
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)])
          break
        case 4:
          bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(this.pick(hostileBytes)), bytes.subarray(at)])
          break
        default: {
          const noise = Buffer.from(Array.from({ length: Math.min(length, 64) }, () => this.below(256)))
          bytes = Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at + noise.length)])
        }
      }
      if (bytes.length > 200_000) break
    }
    return bytes
  }

  /** The front of one and the back of another. */
  splice(one: Uint8Array, other: Uint8Array): Buffer {
    return Buffer.concat([one.subarray(0, this.below(one.length + 1)), other.subarray(this.below(other.length + 1))])
  }
}
