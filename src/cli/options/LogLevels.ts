import { Config, Effect, Either, Layer, Logger, LogLevel, Option } from "effect"
import { type CliFailure, misuse } from "../CliFailure.js"

const levels: { readonly [name: string]: LogLevel.LogLevel | undefined } = {
  all: LogLevel.All,
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warning: LogLevel.Warning,
  error: LogLevel.Error,
  fatal: LogLevel.Fatal,
  none: LogLevel.None
}

const parse = (from: string, name: string): Either.Either<LogLevel.LogLevel, CliFailure> => {
  const level = levels[name.toLowerCase()]
  return level === undefined
    ? Either.left(misuse(`${from}: "${name}" is no level; there are ${Object.keys(levels).join(", ")}`))
    : Either.right(level)
}

/** The words of a command line without `--log-level`, and the level that it named. */
export interface LogLevelSplit {
  readonly words: ReadonlyArray<string>
  readonly level: Option.Option<LogLevel.LogLevel>
}

/**
 * Takes `--log-level LEVEL` out of the words of a command line, wherever it
 * stands before a bare `--`; @effect/cli finds it only in front of all options.
 */
export const splitLogLevel = (words: ReadonlyArray<string>): Either.Either<LogLevelSplit, CliFailure> =>
  Either.gen(function*() {
    const end = words.indexOf("--")
    const at = words.indexOf("--log-level")
    if (at === -1 || (end !== -1 && at > end)) return { words, level: Option.none() }
    const name = words[at + 1]
    if (name === undefined) return yield* Either.left(misuse("--log-level needs a level, as in --log-level debug"))
    const level = yield* parse("--log-level", name)
    return { words: [...words.slice(0, at), ...words.slice(at + 2)], level: Option.some(level) }
  })

/** Sets the lowest level that is logged: the named one, else that of the configuration, else `info`. */
export const logLevelLayer = (named: Option.Option<LogLevel.LogLevel>): Layer.Layer<never, CliFailure> =>
  Layer.unwrapEffect(
    Effect.gen(function*() {
      if (Option.isSome(named)) return Logger.minimumLogLevel(named.value)
      const configured = yield* Config.string("log-level").pipe(Config.withDefault("info"))
      return Logger.minimumLogLevel(yield* parse("log-level (METRICS_LOG_LEVEL)", configured))
    }).pipe(Effect.catchTag("ConfigError", (error) => misuse(`log-level: ${error.message}`)))
  )
