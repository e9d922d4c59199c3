import { Either } from "effect"
import * as vm from "node:vm"
import { QueryError } from "../MetricStore.js"

/** What is to be found out: which values of the tag `key` a pattern matches as a whole. */
export interface PatternQuestion {
  readonly key: string
  readonly pattern: string
  readonly values: ReadonlyArray<string>
}

/** For each question, in their order, and each of its values: whether it matches. */
export type PatternVerdicts = ReadonlyArray<ReadonlyArray<boolean>>

/** How long a pattern may work on all values together, ms. On a busy machine the clock runs while others work. */
const patience = 500

// A pattern of a stranger can take for ever; a script of its own can be stopped.
const script = new vm.Script("{ const own = new RegExp(pattern, 'u'); values.map((value) => own.test(value)) }")

// Made once: a new one for each call would keep the garbage collector busy.
const sandbox: { pattern: string; values: ReadonlyArray<string> } = { pattern: "", values: [] }
const context = vm.createContext(sandbox)

const evaluate = (pattern: string, values: ReadonlyArray<string>): unknown => {
  sandbox.pattern = `^(?:${pattern})$`
  sandbox.values = values
  try {
    return script.runInContext(context, { timeout: patience })
  } finally {
    sandbox.values = []
  }
}

const isList = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

const judge = ({ key, pattern, values }: PatternQuestion): Either.Either<ReadonlyArray<boolean>, QueryError> => {
  try {
    const found = evaluate(pattern, values)
    return Either.right(isList(found) ? Array.from(found, (verdict) => verdict === true) : [])
  } catch {
    return Either.left(
      new QueryError({
        reason: "TooHard",
        message: `the pattern for tag ${key}: takes too long; write it without nested repetitions`
      })
    )
  }
}

/** Answers questions in this thread, each within half a second; fails when one takes longer. */
export const judgePatterns = (
  questions: ReadonlyArray<PatternQuestion>
): Either.Either<PatternVerdicts, QueryError> => Either.all(questions.map(judge))
