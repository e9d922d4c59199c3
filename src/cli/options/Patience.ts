import { Options } from "@effect/cli"
import { Config, type Duration, Effect, Schedule } from "effect"
import { printable } from "../../domain/Printable.js"
import { retrySchedule } from "../../sender/delivery/Delivery.js"
import { Terminal } from "../terminal/Terminal.js"
import { parsed, parseDuration } from "./Values.js"

/** How long a command waits for a server that does not answer. */
export const patienceOption = Options.text("timeout").pipe(
  Options.withPseudoName("DURATION"),
  Options.withDescription("Give up after this long without an answer (METRICS_TIMEOUT; default 30s)"),
  Options.withFallbackConfig(Config.string("timeout")),
  Options.withDefault("30s"),
  parsed("timeout", parseDuration)
)

/**
 * Tries again with growing pauses what `mayHeal` says may succeed later, for
 * about as long as the patience, and says so once.
 */
export const withPatience = <A, E extends { readonly message: string }, R>(
  work: Effect.Effect<A, E, R>,
  patience: Duration.Duration,
  mayHeal: (error: E) => boolean
): Effect.Effect<A, E, R | Terminal> =>
  Effect.gen(function*() {
    const terminal = yield* Terminal
    let told = false
    return yield* work.pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (told || !mayHeal(error)) return
          told = true
          terminal.writeLine(printable(`${error.message}; trying again`))
        })
      ),
      Effect.retry({ schedule: Schedule.upTo(retrySchedule, patience), while: mayHeal })
    )
  })
