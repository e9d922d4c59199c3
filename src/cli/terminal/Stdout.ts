import { Effect } from "effect"
import { type CliFailure, failure } from "../CliFailure.js"

/** Columns of standard output, 80 where it is no terminal, and whether it shows colours. */
export const stdoutLook: Effect.Effect<{ readonly width: number; readonly colour: boolean }> = Effect.sync(() => {
  const { columns, isTTY } = process.stdout
  return {
    width: columns > 0 ? columns : 80,
    colour: isTTY === true && process.env["TERM"] !== "dumb" && (process.env["NO_COLOR"] ?? "") === ""
  }
})

/** Columns of standard output now; `Infinity` where it is no terminal: lines of a file or a pipe are never broken. */
export const stdoutWidth: Effect.Effect<number> = Effect.sync(() => {
  const { columns, isTTY } = process.stdout
  return isTTY === true && columns > 0 ? columns : Infinity
})

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
