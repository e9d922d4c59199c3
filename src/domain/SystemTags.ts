import type { JsonObject } from "./Json.js"

/** Pairs of tag and value, as in `[["core", "0"]]`. */
type TagPairs = ReadonlyArray<readonly [tag: string, value: string]>

const mostKnown = 10_000

/**
 * The metadata of one host's metrics: `host`, the tags a user put on
 * everything, and the tags of the single series.
 *
 * Every set of tags is one frozen object for as long as it is in use, so that
 * whoever caches by metadata object (the wire encoder does) finds a series
 * again without looking at its tags. A tag of the user may replace `host`, but
 * never a series' own tag: that would make one series of several.
 */
export class SystemTags {
  /** `host` and the user's tags, for series that have no tags of their own. */
  readonly host: JsonObject
  private readonly known = new Map<string, JsonObject>()

  constructor(host: string, tags: { readonly [tag: string]: string } = {}) {
    this.host = Object.freeze({ host, ...tags })
  }

  /** The metadata of a series with these tags of its own. */
  with(...own: TagPairs): JsonObject {
    let key = ""
    for (const [tag, value] of own) key += `${tag}\0${value}\0`
    const known = this.known.get(key)
    if (known !== undefined) return known
    const made = Object.freeze({ ...this.host, ...Object.fromEntries(own) })
    // Devices that come and go under ever new names must not fill the memory.
    if (this.known.size >= mostKnown) this.known.clear()
    this.known.set(key, made)
    return made
  }
}
