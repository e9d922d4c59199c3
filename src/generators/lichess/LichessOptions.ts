import { Data, Duration, Effect } from "effect"

/** What to follow on Lichess, and how patiently. */
export interface LichessOptions {
  /** TV channels by their names in URLs, case-sensitive: see {@link knownChannels}. */
  readonly channels?: ReadonlyArray<string> | undefined
  /** Players whose status and ratings are asked for; at most 100, names as on the site. */
  readonly users?: ReadonlyArray<string> | undefined
  /** Base URL of the server; default `https://lichess.org`. */
  readonly url?: string | undefined
  /** A feed that sends nothing for so long is taken for dead and opened again; default 90 s. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** How often each feed reports on its health; default 10 s. */
  readonly healthInterval?: Duration.DurationInput | undefined
  /** When a game that its channel left while it was running is asked for again; default 10 min. */
  readonly abandonedRetry?: Duration.DurationInput | undefined
  /** How often the status of the users is asked for; default 30 s, at least 5 s. */
  readonly statusInterval?: Duration.DurationInput | undefined
  /** How often the ratings of each user are asked for; default 10 min, at least 1 min. */
  readonly ratingsInterval?: Duration.DurationInput | undefined
}

/** Options that were checked and completed. */
export interface LichessSettings {
  /** Without repetitions. */
  readonly channels: ReadonlyArray<string>
  /** Ids of the players, in lower case, without repetitions. */
  readonly users: ReadonlyArray<string>
  /** Without a slash at the end. */
  readonly url: string
  readonly idleTimeout: Duration.Duration
  readonly healthInterval: Duration.Duration
  readonly abandonedRetry: Duration.Duration
  readonly statusInterval: Duration.Duration
  readonly ratingsInterval: Duration.Duration
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

const userName = /^[A-Za-z0-9_-]{2,30}$/

/** Most ids that one request for a status may name. */
const mostUsers = 100

const refuse = (message: string) => Effect.fail(new LichessOptionsError({ message: `lichess: ${message}` }))

const atLeast = (
  name: string,
  given: Duration.DurationInput,
  least: Duration.DurationInput
): Effect.Effect<Duration.Duration, LichessOptionsError> => {
  const duration = Duration.decode(given)
  return Duration.greaterThanOrEqualTo(duration, least)
    ? Effect.succeed(duration)
    : refuse(`${name} must be at least ${Duration.format(least)}`)
}

/** Checks and completes the options. */
export const checkOptions = (options: LichessOptions): Effect.Effect<LichessSettings, LichessOptionsError> =>
  Effect.gen(function*() {
    const channels = Array.from(new Set(options.channels))
    const names = options.users ?? []
    const users = Array.from(new Set(names.map((name) => name.toLowerCase())))
    if (channels.length + users.length === 0) {
      return yield* refuse(`neither a channel nor a player is named; channels are ${knownChannels.join(", ")}`)
    }
    const noChannel = channels.find((channel) => !channelName.test(channel))
    if (noChannel !== undefined) {
      return yield* refuse(`${JSON.stringify(noChannel)} cannot be a channel; channels are ${knownChannels.join(", ")}`)
    }
    const noUser = names.find((name) => !userName.test(name))
    if (noUser !== undefined) {
      return yield* refuse(
        `${JSON.stringify(noUser)} cannot be a player: names have 2 to 30 letters, digits, "_" and "-"`
      )
    }
    if (users.length > mostUsers) return yield* refuse(`${users.length} players, at most ${mostUsers} are allowed`)
    const given = options.url ?? "https://lichess.org"
    const url = URL.canParse(given) ? new URL(given) : undefined
    if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
      return yield* refuse(`${JSON.stringify(given)} is no URL of a server; expected one as in https://lichess.org`)
    }
    return {
      channels,
      users,
      url: (url.origin + url.pathname).replace(/\/+$/, ""),
      idleTimeout: yield* atLeast("idleTimeout", options.idleTimeout ?? "90 seconds", "1 second"),
      healthInterval: yield* atLeast("healthInterval", options.healthInterval ?? "10 seconds", "100 millis"),
      abandonedRetry: yield* atLeast("abandonedRetry", options.abandonedRetry ?? "10 minutes", "1 second"),
      statusInterval: yield* atLeast("statusInterval", options.statusInterval ?? "30 seconds", "5 seconds"),
      ratingsInterval: yield* atLeast("ratingsInterval", options.ratingsInterval ?? "10 minutes", "1 minute")
    }
  })
