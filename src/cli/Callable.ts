import { type CliApp, Command, type ValidationError } from "@effect/cli"
import type { Effect } from "effect"
import type { CommandHelp } from "./Help.js"

/** The name of the executable. */
export const program = "metrics-collector"

/** Commands that a call can name: the pages that say which options they take, and what runs them. */
export interface Callable<E, R> {
  readonly pages: ReadonlyArray<CommandHelp>
  /** Runs the words of a call, of which the first two are the runtime and the script. */
  readonly call: (
    words: ReadonlyArray<string>,
    version: string
  ) => Effect.Effect<void, E | ValidationError.ValidationError, R | CliApp.CliApp.Environment>
}

/** A tree of commands below the program's name. */
export const callable = <R, E, A>(
  pages: ReadonlyArray<CommandHelp>,
  tree: Command.Command<typeof program, R, E, A>
): Callable<E, R> => ({
  pages,
  call: (words, version) => Command.run(tree, { name: program, version })(words)
})

/** One command alone. */
export const single = <Name extends string, R, E, A>(
  help: CommandHelp,
  command: Command.Command<Name, R, E, A>
) => callable([help], Command.make(program).pipe(Command.withSubcommands([command])))
