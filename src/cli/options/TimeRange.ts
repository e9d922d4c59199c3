import { Duration, Effect, Option } from "effect"
import { type CliFailure, misuse } from "../CliFailure.js"
import { parseDuration, parseInstant } from "./Values.js"

/** A range of time as the command line gave it: `last` (ms), or `from` and `to` (ms since the epoch); what was not given is absent. */
export interface TimeRange {
  readonly last: number | undefined
  readonly from: number | undefined
  readonly to: number | undefined
}

/** Reads `--last`, or `--from` and `--to`; a wrong call names the option. */
export const readTimeRange = (
  { from, last, to }: { readonly [name in "from" | "last" | "to"]: Option.Option<string> }
): Effect.Effect<TimeRange, CliFailure> =>
  Effect.gen(function*() {
    if (Option.isSome(last) && (Option.isSome(from) || Option.isSome(to))) {
      return yield* misuse("--last goes without --from and --to")
    }
    const read = <A>(name: string, text: Option.Option<string>, parse: (text: string) => Effect.Effect<A, string>) =>
      Option.isNone(text)
        ? Effect.succeed(undefined)
        : Effect.mapError(parse(text.value), (message) => misuse(`--${name}: ${message}`))
    return {
      last: yield* read("last", last, (text) => Effect.map(parseDuration(text), Duration.toMillis)),
      from: yield* read("from", from, parseInstant),
      to: yield* read("to", to, parseInstant)
    }
  })
