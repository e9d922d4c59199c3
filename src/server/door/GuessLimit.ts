import { networkOf } from "./networkOf.js"
import { RecentMap } from "./RecentMap.js"

/** Wrong tokens that an address may show at once, and each how long it waits for the next. */
const burst = 20
const refillMillis = 1_000

/** Addresses kept at a time; those that were wrong the longest ago are forgotten first. */
const maxAddresses = 10_000

interface Bucket {
  wrong: number
  /** Ms since the epoch. */
  at: number
}

/**
 * Bounds how often tokens may be guessed from one address (one /64 of IPv6):
 * twenty at once, then one a second. It keeps ten thousand addresses.
 */
export class GuessLimit {
  readonly #buckets = new RecentMap<string, Bucket>(maxAddresses / 2)

  /** How many addresses are kept. */
  get size(): number {
    return this.#buckets.size
  }

  #wrongAt(network: string, now: number): number {
    const bucket = this.#buckets.get(network)
    return bucket === undefined ? 0 : Math.max(0, bucket.wrong - Math.max(0, now - bucket.at) / refillMillis)
  }

  /** Seconds until a token of the address is looked at again; 0 for now. */
  secondsLeft(address: string | undefined, now: number): number {
    const over = this.#wrongAt(networkOf(address), now) - (burst - 1)
    return over <= 0 ? 0 : Math.max(1, Math.ceil(over * refillMillis / 1_000))
  }

  /** A token of the address was wrong. */
  wrong(address: string | undefined, now: number): void {
    const network = networkOf(address)
    const wrong = this.#wrongAt(network, now) + 1
    this.#buckets.set(network, { wrong, at: now })
  }
}
