import { Console, Effect, Either } from "effect"
import { messageOf } from "../CliFailure.js"
import { wrap } from "../Help.js"

/** What a step found: all is well, or it is with a reservation, and what to do about that. */
export interface Found {
  readonly says: string
  readonly advice?: string
}

/** One thing that is tried: it succeeds with what was found, or fails with what is wrong. */
export interface CheckStep<R> {
  readonly name: string
  /** Tried only when that one did not fail. */
  readonly needs?: string
  readonly try: Effect.Effect<Found, unknown, R>
  /** What to do when it fails; `undefined` where the error says so itself. */
  readonly advice?: (error: unknown) => string | undefined
}

type Verdict = "ok" | "warn" | "FAIL" | "--"

const indent = " ".repeat(20)

/** A finding in one line, and its advice in another; on a terminal both are wrapped at `width` columns. */
const lines = (verdict: Verdict, name: string, says: string, advice: string | undefined, width: number): string => {
  const room = Math.max(30, width - indent.length - 1)
  const [first = "", ...rest] = wrap(says, room)
  const [todo, ...more] = advice === undefined ? [] : wrap(advice, room - 2)
  return [
    `  ${verdict.padEnd(4)}  ${name.padEnd(10)}  ${first}`,
    ...rest.map((text) => indent + text),
    ...(todo === undefined ? [] : [`${indent}→ ${todo}`]),
    ...more.map((text) => `${indent}  ${text}`)
  ].join("\n")
}

const terminalWidth = Effect.sync(() => process.stdout.isTTY ? process.stdout.columns : Infinity)

/** Tries the steps, one after the other, and prints what each found. Gives the names of those that failed. */
export const runSteps = <R>(steps: ReadonlyArray<CheckStep<R>>): Effect.Effect<ReadonlyArray<string>, never, R> =>
  Effect.gen(function*() {
    const failed: Array<string> = []
    const missing = new Set<string>()
    const width = yield* terminalWidth
    const print = (verdict: Verdict, name: string, says: string, advice?: string): Effect.Effect<void> =>
      Console.log(lines(verdict, name, says, advice, width))
    for (const { advice, name, needs, try: attempt } of steps) {
      if (needs !== undefined && missing.has(needs)) {
        missing.add(name)
        yield* print("--", name, `not tried: it needs ${needs}`)
        continue
      }
      const result = yield* Effect.either(attempt)
      if (Either.isLeft(result)) {
        failed.push(name)
        missing.add(name)
        yield* print("FAIL", name, messageOf(result.left), advice?.(result.left))
      } else {
        const { advice, says } = result.right
        yield* print(advice === undefined ? "ok" : "warn", name, says, advice)
      }
    }
    return failed
  })
