import { HelpDoc, Options, ValidationError } from "@effect/cli"
import { Duration, Effect, Either } from "effect"
import { parseTimestamp } from "../../domain/Timestamp.js"

const units: { readonly [unit: string]: number | undefined } = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000
}

/** Reads a duration as people write it: `500ms`, `1s`, `5m`, `1h`, `30d`, `2w`. A bare number is refused. */
export const parseDuration = (text: string): Either.Either<Duration.Duration, string> => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text.trim())
  const unit = match === null ? undefined : units[match[2]]
  return match === null || unit === undefined
    ? Either.left(`"${text}" is no duration; write it like 500ms, 1s, 5m, 1h or 30d`)
    : Either.right(Duration.millis(Number(match[1]) * unit))
}

const sizes: { readonly [unit: string]: number | undefined } = {
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40
}

/** Reads a size as people write it: `500MB`, `10GB`, `1.5GiB`; answers bytes. A bare number is refused. */
export const parseSize = (text: string): Either.Either<number, string> => {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?b)$/i.exec(text.trim())
  const bytes = match === null ? NaN : Math.round(Number(match[1]) * (sizes[match[2].toLowerCase()] ?? NaN))
  return bytes > 0
    ? Either.right(bytes)
    : Either.left(`"${text}" is no size; write it like 500MB, 10GB or 1.5GiB`)
}

/** Reads an instant: ISO 8601 or ms since the epoch. */
export const parseInstant = (text: string): Either.Either<number, string> => {
  const millis = parseTimestamp(/^-?\d+$/.test(text) ? Number(text) : text)
  return millis === undefined
    ? Either.left(`"${text}" is no time; write it like 2026-01-31T12:00:00Z or as milliseconds since the epoch`)
    : Either.right(millis)
}

/** Reads `key=value` pairs into a record; the last of equal keys counts. */
export const parsePairs = (pairs: ReadonlyArray<string>): Either.Either<{ readonly [key: string]: string }, string> => {
  const entries: Array<readonly [string, string]> = []
  for (const pair of pairs) {
    const at = pair.indexOf("=")
    if (at < 1) return Either.left(`"${pair}" is no pair; write it like key=value`)
    entries.push([pair.slice(0, at), pair.slice(at + 1)])
  }
  return Either.right(Object.fromEntries(entries))
}

/** Reads an option's text with a parser that says what is wrong; the message names the option. */
export const parsed =
  <A, B>(name: string, parse: (value: A) => Either.Either<B, string>) =>
  (self: Options.Options<A>): Options.Options<B> =>
    Options.mapEffect(self, (value) =>
      Either.match(parse(value), {
        onLeft: (message) => Effect.fail(ValidationError.invalidValue(HelpDoc.p(`--${name}: ${message}`))),
        onRight: (result) => Effect.succeed(result)
      }))
