/**
 * A map that keeps the `atLeast` keys that were set last, and never more than
 * twice as many.
 */
export class RecentMap<K, V> {
  // Two generations, because taking the oldest out of one large Map costs its
  // whole length: the older one is dropped when the younger is full.
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  constructor(readonly atLeast: number) {}

  /** How many keys are kept, those twice that were set again in the younger generation. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  set(key: K, value: V): void {
    if (this.#young.size === this.atLeast && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  delete(key: K): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
