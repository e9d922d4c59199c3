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

/** What an error says to a person. */
export const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** Turns any error of the rooms below into a failure that the command reports. */
export const toFailure = (error: unknown): CliFailure => error instanceof CliFailure ? error : failure(messageOf(error))
