import type { Tags } from "../../domain/Identity.js"
import type { Series } from "../../domain/Series.js"
import type { SeriesFilter } from "../MetricStore.js"

/** What has a place in a {@link TagIndex}. */
export interface Indexed {
  readonly id: number
  readonly series: Series
}

// Types whose tags are indexed at a time; the one that was asked for the longest ago is forgotten first.
const maxTypes = 64

/** A tag that a series must have, with one of these values. */
interface Requirement {
  readonly key: string
  readonly values: ReadonlySet<string>
}

const requirementsOf = ({ tags = {}, where = [] }: SeriesFilter): ReadonlyArray<Requirement> => [
  ...Object.entries(tags).map(([key, value]) => ({ key, values: new Set([value]) })),
  ...where.flatMap((condition) =>
    condition._tag === "AnyOf" ? [{ key: condition.key, values: new Set(condition.values) }] : []
  )
]

/** The series of one metric type by the tags they have. */
class Postings<A extends Indexed> {
  private readonly byKey = new Map<string, Map<string, Set<A>>>()

  constructor(entries: Iterable<A>) {
    for (const entry of entries) this.add(entry)
  }

  add(entry: A): void {
    const tags: Tags = entry.series.tags
    for (const key of Object.keys(tags)) {
      let byValue = this.byKey.get(key)
      if (byValue === undefined) this.byKey.set(key, byValue = new Map<string, Set<A>>())
      const own = byValue.get(tags[key])
      if (own === undefined) byValue.set(tags[key], new Set([entry]))
      else own.add(entry)
    }
  }

  remove(entry: A): void {
    const tags: Tags = entry.series.tags
    for (const key of Object.keys(tags)) {
      const byValue = this.byKey.get(key)
      const own = byValue?.get(tags[key])
      own?.delete(entry)
      if (own?.size === 0) byValue?.delete(tags[key])
      if (byValue?.size === 0) this.byKey.delete(key)
    }
  }

  private sets({ key, values }: Requirement): ReadonlyArray<ReadonlySet<A>> {
    const byValue = this.byKey.get(key)
    return byValue === undefined ? [] : Array.from(values).flatMap((value) => byValue.get(value) ?? [])
  }

  /** Those that fulfil the requirement that the fewest fulfil. */
  fewest(requirements: ReadonlyArray<Requirement>): ReadonlyArray<A> {
    let fewest: ReadonlyArray<ReadonlySet<A>> = []
    let least = Infinity
    for (const requirement of requirements) {
      const sets = this.sets(requirement)
      const size = sets.reduce((sum, { size }) => sum + size, 0)
      if (size < least) [fewest, least] = [sets, size]
    }
    return fewest.flatMap((set) => Array.from(set))
  }
}

/**
 * Finds series of a metric type by tags that must be equal, or one of several,
 * without a look at all of its series. A type gets its index with the first
 * filter that names tags, and the newest 64 of them keep it: some 100 bytes for
 * each tag of a series.
 */
export class TagIndex<A extends Indexed> {
  private readonly byType = new Map<string, Postings<A>>()

  /** A series came. */
  add(entry: A): void {
    this.byType.get(entry.series.metricType)?.add(entry)
  }

  /** A series went. */
  remove(entry: A): void {
    this.byType.get(entry.series.metricType)?.remove(entry)
  }

  /**
   * Series of a metric type, all of which are `entries`, among them all that a
   * filter means; `undefined` when the filter wants no tag to have a value.
   */
  candidates(metricType: string, entries: Iterable<A>, filter: SeriesFilter): ReadonlyArray<A> | undefined {
    const requirements = requirementsOf(filter)
    if (requirements.length === 0) return undefined
    const postings = this.byType.get(metricType) ?? new Postings(entries)
    this.byType.delete(metricType)
    this.byType.set(metricType, postings)
    if (this.byType.size > maxTypes) {
      for (const oldest of Array.from(this.byType.keys()).slice(0, 1)) this.byType.delete(oldest)
    }
    return postings.fewest(requirements)
  }
}
