import { Options } from "@effect/cli"
import { Config, Effect, Option } from "effect"
import { type CliFailure, misuse } from "../CliFailure.js"
import type { LogFormat } from "../terminal/Terminal.js"

/** How log lines are written; every command that runs until it is stopped takes it. */
export const logFormatOption = Options.choice("log-format", ["pretty", "logfmt", "json"]).pipe(
  Options.withDescription("Form of log lines (METRICS_LOG_FORMAT; default pretty on a terminal, else logfmt)"),
  Options.optional
)

/** The form of log lines that was asked for on the command line or in the configuration. */
export const logFormat = (
  option: Option.Option<LogFormat>
): Effect.Effect<LogFormat | undefined, CliFailure> =>
  Option.isSome(option)
    ? Effect.succeed(option.value)
    : Effect.mapError(
      Effect.map(Config.option(Config.literal("pretty", "logfmt", "json")("log-format")), Option.getOrUndefined),
      () => misuse("log-format: expected pretty, logfmt or json")
    )
