import { Either } from "effect"
import { QueryError } from "../MetricStore.js"
import type { PatternQuestion } from "./PatternJudge.js"

/** Most characters of a pattern. */
const maxLength = 1_000

/** Most values of which is remembered what a pattern says. */
const maxKnown = 100_000

/**
 * A regular expression of a user, which must match the whole value of a tag.
 * What it says of a value is found out once, by somebody who can be stopped
 * when it takes too long.
 */
export class TagPattern {
  private readonly known = new Map<string, boolean>()

  private constructor(private readonly key: string, private readonly pattern: string) {}

  static make(key: string, pattern: string): Either.Either<TagPattern, QueryError> {
    const problem = (text: string) =>
      Either.left(new QueryError({ reason: "Invalid", message: `the pattern for tag ${key}: ${text}` }))
    if (pattern.length > maxLength) return problem(`is longer than ${maxLength} characters`)
    return Either.match(
      Either.try({
        try: () => RegExp(pattern, "u"),
        catch: (error) => error instanceof Error ? error.message : String(error)
      }),
      { onLeft: problem, onRight: () => Either.right(new TagPattern(key, pattern)) }
    )
  }

  /** What must be found out of values before they can be tested; `undefined` when all are known. */
  question(values: Iterable<string>): PatternQuestion | undefined {
    const all = new Set(values)
    const unknown = Array.from(all).filter((value) => !this.known.has(value))
    if (unknown.length === 0) return undefined
    if (this.known.size + unknown.length <= maxKnown) return { key: this.key, pattern: this.pattern, values: unknown }
    this.known.clear()
    return { key: this.key, pattern: this.pattern, values: Array.from(all) }
  }

  /** Takes the answer to a {@link question} in. */
  learn({ values }: PatternQuestion, verdicts: ReadonlyArray<boolean>): void {
    values.forEach((value, i) => this.known.set(value, verdicts[i] === true))
  }

  /** Whether a value that was learned matches. */
  test(value: string): boolean {
    return this.known.get(value) === true
  }
}
