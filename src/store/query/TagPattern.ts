import { Either } from "effect"
import * as vm from "node:vm"
import { QueryError } from "../MetricStore.js"

/** Most characters of a pattern. */
const maxLength = 1_000

/** How long a pattern may work on all values together, ms. On a busy machine the clock runs while others work. */
const patience = 500

// A pattern of a stranger can take for ever; a script of its own can be stopped.
const script = new vm.Script("{ const own = new RegExp(pattern, 'u'); values.map((value) => own.test(value)) }")

// Made once: a new one for each call would keep the garbage collector busy.
const sandbox: { pattern: string; values: ReadonlyArray<string> } = { pattern: "", values: [] }
const context = vm.createContext(sandbox)

const evaluate = (pattern: string, values: ReadonlyArray<string>): unknown => {
  sandbox.pattern = pattern
  sandbox.values = values
  try {
    return script.runInContext(context, { timeout: patience })
  } finally {
    sandbox.values = []
  }
}

const isList = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

/**
 * A regular expression of a user, which must match the whole value of a tag.
 * What it says of a value is found out once, for many values in one go that is
 * stopped when it takes too long.
 */
export class TagPattern {
  private readonly known = new Map<string, boolean>()

  private constructor(private readonly key: string, private readonly pattern: string) {}

  static make(key: string, pattern: string): Either.Either<TagPattern, QueryError> {
    const problem = (text: string) => Either.left(new QueryError({ message: `the pattern for tag ${key}: ${text}` }))
    if (pattern.length > maxLength) return problem(`is longer than ${maxLength} characters`)
    const whole = `^(?:${pattern})$`
    return Either.match(
      Either.try({
        try: () => RegExp(pattern, "u"),
        catch: (error) => error instanceof Error ? error.message : String(error)
      }),
      { onLeft: problem, onRight: () => Either.right(new TagPattern(key, whole)) }
    )
  }

  /** Finds out what the pattern says of values; fails when it takes too long. */
  learn(values: Iterable<string>): Either.Either<void, QueryError> {
    const unknown = Array.from(new Set(values)).filter((value) => !this.known.has(value))
    if (unknown.length === 0) return Either.void
    try {
      const found = evaluate(this.pattern, unknown)
      if (isList(found)) unknown.forEach((value, i) => this.known.set(value, found[i] === true))
      return Either.void
    } catch {
      return Either.left(
        new QueryError({
          message: `the pattern for tag ${this.key}: takes too long; write it without nested repetitions`
        })
      )
    }
  }

  /** Whether a value that was learned matches. */
  test(value: string): boolean {
    return this.known.get(value) === true
  }
}
