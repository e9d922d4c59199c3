import { Effect } from "effect"
import { type CliFailure, failure } from "./CliFailure.js"

/**
 * Writes to standard output. Returns when the text left the process, so that a
 * slow reader makes the writer wait instead of filling memory.
 */
export const writeStdout = (text: string): Effect.Effect<void, CliFailure> =>
  Effect.async((resume) => {
    process.stdout.write(text, (error) =>
      resume(
        error === null || error === undefined
          ? Effect.void
          : Effect.fail(failure(`standard output: ${error.message}`))
      ))
  })
