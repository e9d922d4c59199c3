import { joinLosses, type Loss } from "./Loss.js"

/**
 * Losses that wait to be committed: one for each source and reason, and apart
 * from it one for those that nobody could count, so that no count is forgotten.
 */
export class PendingLosses {
  private readonly losses = new Map<string, Loss>()

  get size(): number {
    return this.losses.size
  }

  /** The first instant that any of them concerns; `Infinity` when there are none. */
  get since(): number {
    let first = Infinity
    for (const { from } of this.losses.values()) first = Math.min(first, from)
    return first
  }

  add(loss: Loss): void {
    const key = `${loss.reason} ${loss.count === "unknown"} ${loss.source}`
    const known = this.losses.get(key)
    this.losses.set(key, known === undefined ? loss : joinLosses(known, loss))
  }

  /** Takes all of others. */
  takeAll(others: PendingLosses): void {
    for (const loss of others.losses.values()) this.add(loss)
    others.clear()
  }

  clear(): void {
    this.losses.clear()
  }

  toArray(): ReadonlyArray<Loss> {
    return Array.from(this.losses.values())
  }
}
