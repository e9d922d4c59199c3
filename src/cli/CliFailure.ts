import { Data } from "effect"

/**
 * A command could not do its work. The message is written for the person at
 * the terminal; `exitCode` is 1 for a failure and 2 for a wrong call or
 * configuration.
 */
export class CliFailure extends Data.TaggedError("CliFailure")<{
  readonly message: string
  readonly exitCode: 1 | 2
}> {}

/** A failure at run time: exit code 1. */
export const failure = (message: string): CliFailure => new CliFailure({ message, exitCode: 1 })

/** A wrong call or configuration: exit code 2. */
export const misuse = (message: string): CliFailure => new CliFailure({ message, exitCode: 2 })
