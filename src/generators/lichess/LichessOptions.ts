import { Data, Duration, Effect } from "effect"

/** What to follow on Lichess, and how patiently. */
export interface LichessOptions {
  /** TV channels by their names in URLs, case-sensitive: see {@link knownChannels}. */
  readonly channels: ReadonlyArray<string>
  /** Base URL of the server; default `https://lichess.org`. */
  readonly url?: string
  /** A feed that sends nothing for so long is taken for dead and opened again; default 90 s. */
  readonly idleTimeout?: Duration.DurationInput
  /** How often each feed reports on its health; default 10 s. */
  readonly healthInterval?: Duration.DurationInput
}

/** Options that were checked and completed. */
export interface LichessSettings {
  /** Without repetitions. */
  readonly channels: ReadonlyArray<string>
  /** Without a slash at the end. */
  readonly url: string
  readonly idleTimeout: Duration.Duration
  readonly healthInterval: Duration.Duration
}

/** The options of the Lichess generator cannot be used. */
export class LichessOptionsError extends Data.TaggedError("LichessOptionsError")<{ readonly message: string }> {}

/** The TV channels of lichess.org. A server may have others: it decides which of them exist. */
export const knownChannels: ReadonlyArray<string> = [
  "best",
  "bullet",
  "blitz",
  "rapid",
  "classical",
  "ultraBullet",
  "chess960",
  "crazyhouse",
  "kingOfTheHill",
  "threeCheck",
  "antichess",
  "atomic",
  "horde",
  "racingKings",
  "bot",
  "computer"
]

const channelName = /^[A-Za-z0-9_-]{1,64}$/

const refuse = (message: string) => Effect.fail(new LichessOptionsError({ message }))

/** Checks and completes the options. */
export const checkOptions = (options: LichessOptions): Effect.Effect<LichessSettings, LichessOptionsError> =>
  Effect.gen(function*() {
    const channels = Array.from(new Set(options.channels))
    if (channels.length === 0) {
      return yield* refuse(`lichess: no channel is named; name one or more of ${knownChannels.join(", ")}`)
    }
    for (const channel of channels) {
      if (!channelName.test(channel)) {
        return yield* refuse(
          `lichess: ${JSON.stringify(channel)} cannot be a channel; channels are ${knownChannels.join(", ")}`
        )
      }
    }
    const given = options.url ?? "https://lichess.org"
    const url = URL.canParse(given) ? new URL(given) : undefined
    if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
      return yield* refuse(
        `lichess: ${JSON.stringify(given)} is no URL of a server; expected one as in https://lichess.org`
      )
    }
    const idleTimeout = Duration.decode(options.idleTimeout ?? "90 seconds")
    const healthInterval = Duration.decode(options.healthInterval ?? "10 seconds")
    if (Duration.toMillis(idleTimeout) <= 0) return yield* refuse("lichess: idleTimeout must be more than zero")
    if (Duration.toMillis(healthInterval) < 100) {
      return yield* refuse("lichess: healthInterval must be at least 100 milliseconds")
    }
    return {
      channels,
      url: (url.origin + url.pathname).replace(/\/+$/, ""),
      idleTimeout,
      healthInterval
    }
  })
