/**
 * The command `metrics-collector` as a value: run it as it is, or with
 * generators of your own added.
 */
import { CliConfig, ValidationError } from "@effect/cli"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Cause, Console, Effect, Either, Exit, Layer, Option } from "effect"
import { program } from "./cli/Callable.js"
import { CliFailure, misuse } from "./cli/CliFailure.js"
import { type Extension, type Extensions, extensionsLayer, noExtensions } from "./cli/Extensions.js"
import { type CommandHelp, commandPage, optionsFirst, overviewPage, pageOf } from "./cli/Help.js"
import { loadCommand } from "./cli/LoadCommand.js"
import { configurationLayer } from "./cli/options/Configuration.js"
import { logLevelLayer, splitLogLevel } from "./cli/options/LogLevels.js"
import { packageInfo } from "./cli/PackageFiles.js"
import { Terminal } from "./cli/terminal/Terminal.js"
import { printable } from "./domain/Printable.js"
import type { MetricsGenerator } from "./generators/MetricsGenerator.js"

/** What stands after the program's name, up to a bare `--`. */
const wordsOf = (argv: ReadonlyArray<string>): ReadonlyArray<string> => {
  const words = argv.slice(2)
  const end = words.indexOf("--")
  return end === -1 ? words : words.slice(0, end)
}

/** The page that `--help`, or no command at all, asks for. */
const helpPage = (
  argv: ReadonlyArray<string>,
  pages: ReadonlyArray<CommandHelp>,
  version: string
): Option.Option<string> => {
  const words = wordsOf(argv)
  if (words.length > 0 && !words.includes("--help") && !words.includes("-h")) return Option.none()
  const width = process.stdout.columns > 0 ? process.stdout.columns : 100
  const page = pageOf(pages, words)
  return Option.some(
    page === undefined ? overviewPage(program, version, pages, width) : commandPage(program, page, width)
  )
}

// @effect/cli refuses `--option=` and takes only what stands between the first
// and the second `=` of `--option=a=b`; as two words both are read rightly, and
// so is `--log-level`, which is ours to read.
const splitAssignments = (argv: ReadonlyArray<string>): ReadonlyArray<string> =>
  argv.flatMap((word, index) => {
    const match = index < 2 ? null : /^(--log-level(?==)|--[a-z][a-z-]*(?==(?:.*=.*)?$))=(.*)$/s.exec(word)
    return match === null ? [word] : [match[1], match[2]]
  })

// @effect/cli takes an option with an empty value for one that was not given,
// and would go on without what was meant.
const checkValues = (argv: ReadonlyArray<string>): Either.Either<void, CliFailure> => {
  const words = wordsOf(argv)
  const empty = words.find((word, index) => /^--[a-z][a-z-]*$/.test(word) && words[index + 1] === "")
  return empty === undefined
    ? Either.void
    : Either.left(misuse(`${empty} is empty; give it a value, or leave it out`))
}

/**
 * Runs the command with the words of `argv` (the first two being the runtime
 * and the script, as in `process.argv`). A wrong call fails with what
 * @effect/cli said about it (printed already), all else with a message to print.
 */
export const run = (
  argv: ReadonlyArray<string>
): Effect.Effect<void, CliFailure | ValidationError.ValidationError, Extensions> =>
  Effect.gen(function*() {
    const { level, words } = yield* splitLogLevel(splitAssignments(argv))
    yield* checkValues(words)
    const work = Effect.gen(function*() {
      const { version } = yield* packageInfo
      if (words.length === 3 && words[2] === "--version") return yield* Console.log(version)
      const { call, pages } = yield* loadCommand(words[2])
      const page = helpPage(words, pages, version)
      if (Option.isSome(page)) return yield* Console.log(page.value)
      yield* call([...words.slice(0, 2), ...optionsFirst(pages, words.slice(2))], version)
    })
    yield* Effect.provide(
      work,
      Layer.mergeAll(Terminal.Default, CliConfig.layer({ showBuiltIns: false }), logLevelLayer(level)).pipe(
        Layer.provideMerge(configurationLayer),
        Layer.provideMerge(NodeContext.layer)
      )
    )
  })

const exitCode = (cause: Cause.Cause<unknown>): number => {
  if (Cause.isInterruptedOnly(cause)) return 0
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (ValidationError.isValidationError(error)) return 2
  return error instanceof CliFailure ? error.exitCode : 1
}

/** Says on standard error what went wrong, unless @effect/cli did already. */
const report = (cause: Cause.Cause<CliFailure | ValidationError.ValidationError>): Effect.Effect<void> => {
  if (Cause.isInterruptedOnly(cause)) return Effect.void
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (ValidationError.isValidationError(error)) return Console.error(`see ${program} --help`)
  return error === undefined
    ? Console.error(`${program}: this is a defect, please report it\n${Cause.pretty(cause)}`)
    : Console.error(`${program}: ${printable(error.message)}`)
}

/**
 * A reader that goes away, as `head` does, ends the command without a word; a
 * terminal that goes away does not.
 */
const outliveReaders = (): void => {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0)
  })
  process.stderr.on("error", () => {})
}

/**
 * Whoever may list processes reads their command lines: a token in one is
 * overwritten there. Until this runs it could be read; a file or the
 * environment keeps it out altogether.
 */
const hideToken = (): void => {
  if (process.argv.some((word) => /^--token(?:=|$)/.test(word))) {
    process.title = [program, ...process.argv.slice(2, 3).filter((word) => /^[a-z]+$/.test(word))].join(" ")
  }
}

/**
 * Runs the command as a process: reads `process.argv`, drains on SIGINT and
 * SIGTERM, exits with 0 (ok), 1 (failure) or 2 (wrong call or configuration).
 *
 * A program of the user's own gives it more generators:
 *
 * ```ts
 * Cli.main({ generators: [Dice], layer: Dice.layer })
 * ```
 */
export const main = <const G extends ReadonlyArray<Effect.Effect<MetricsGenerator, never, unknown>>, E>(
  extension?: Extension<G, E>
): void => {
  hideToken()
  outliveReaders()
  NodeRuntime.runMain(
    run(process.argv).pipe(
      Effect.tapErrorCause(report),
      Effect.provide(extension === undefined ? noExtensions : extensionsLayer(extension))
    ),
    {
      disableErrorReporting: true,
      disablePrettyLogger: true,
      teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) ? 0 : exitCode(exit.cause))
    }
  )
}
