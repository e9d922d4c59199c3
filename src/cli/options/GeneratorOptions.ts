import { Options } from "@effect/cli"
import { Config, Duration, Effect, Either, Option } from "effect"
import { type CliFailure, misuse } from "../CliFailure.js"
import { configuredList } from "./Configuration.js"
import { parsed, parseDuration, parsePairs } from "./Values.js"

/** Options that choose and shape what is collected. */
export const generatorOptions = {
  system: Options.boolean("system").pipe(
    Options.withDescription("Collect this host (the default when no other source is named)")
  ),
  lichess: Options.text("lichess").pipe(
    Options.withPseudoName("CHANNEL"),
    Options.withDescription("Follow the live game of a Lichess TV channel, as in best, blitz or rapid; repeatable"),
    Options.repeated
  ),
  lichessUser: Options.text("lichess-user").pipe(
    Options.withPseudoName("NAME"),
    Options.withDescription("Watch the status and the ratings of a Lichess player; repeatable"),
    Options.repeated
  ),
  lichessUrl: Options.text("lichess-url").pipe(
    Options.withPseudoName("URL"),
    Options.withDescription("Another Lichess server"),
    Options.withFallbackConfig(Config.string("lichess-url")),
    Options.withDefault("https://lichess.org")
  ),
  stdin: Options.boolean("stdin").pipe(
    Options.withDescription("Read metrics from standard input, one JSON object a line")
  ),
  interval: Options.text("interval").pipe(
    Options.withPseudoName("DURATION"),
    Options.withDescription("How often this host is sampled (METRICS_INTERVAL; default 1s)"),
    Options.withFallbackConfig(Config.string("interval")),
    Options.withDefault("1s"),
    parsed("interval", (text) =>
      Either.filterOrLeft(
        parseDuration(text),
        (duration) => Duration.toMillis(duration) >= 100,
        () => `"${text}" is too short; the shortest interval is 100ms`
      ))
  ),
  tag: Options.text("tag").pipe(
    Options.withPseudoName("KEY=VALUE"),
    Options.withDescription("A tag on every metric; repeatable (METRICS_TAGS=a=b,c=d)"),
    Options.repeated
  ),
  hostname: Options.text("hostname").pipe(
    Options.withPseudoName("NAME"),
    Options.withDescription("Name of this host in the tag host"),
    Options.withFallbackConfig(Config.string("hostname")),
    Options.optional
  ),
  probe: Options.choice("probe", ["auto", "proc", "systeminformation"]).pipe(
    Options.withDescription("How this host is read: /proc (Linux, cheapest) or the systeminformation package"),
    Options.withDefault("auto")
  ),
  procfs: Options.text("procfs").pipe(
    Options.withPseudoName("DIR"),
    Options.withDescription("Where /proc of the host is mounted, for containers"),
    Options.withFallbackConfig(Config.string("procfs")),
    Options.withDefault("/proc")
  ),
  sysfs: Options.text("sysfs").pipe(
    Options.withPseudoName("DIR"),
    Options.withDescription("Where /sys of the host is mounted, for containers"),
    Options.withFallbackConfig(Config.string("sysfs")),
    Options.withDefault("/sys")
  ),
  noSelfMetrics: Options.boolean("no-self-metrics").pipe(
    Options.withDescription("Do not report on the collector itself")
  )
}

/** What the generator options came to. */
export interface GeneratorChoice {
  readonly system: boolean
  readonly lichess: ReadonlyArray<string>
  readonly lichessUser: ReadonlyArray<string>
  readonly lichessUrl: string
  readonly stdin: boolean
  readonly interval: Duration.Duration
  readonly tags: { readonly [key: string]: string }
  readonly hostname: string | undefined
  readonly probe: "auto" | "proc" | "systeminformation"
  readonly procfs: string
  readonly sysfs: string
  readonly selfMetrics: boolean
}

/** Nothing is collected. */
export const noGenerators: GeneratorChoice = {
  system: false,
  lichess: [],
  lichessUser: [],
  lichessUrl: "",
  stdin: false,
  interval: Duration.zero,
  tags: {},
  hostname: undefined,
  probe: "auto",
  procfs: "",
  sysfs: "",
  selfMetrics: false
}

/**
 * Settles the generator options. Repeatable ones are read from the
 * environment here, because @effect/cli never asks the configuration for them.
 */
export const chooseGenerators = (options: {
  readonly system: boolean
  readonly lichess: ReadonlyArray<string>
  readonly lichessUser: ReadonlyArray<string>
  readonly lichessUrl: string
  readonly stdin: boolean
  readonly interval: Duration.Duration
  readonly tag: ReadonlyArray<string>
  readonly hostname: Option.Option<string>
  readonly probe: "auto" | "proc" | "systeminformation"
  readonly procfs: string
  readonly sysfs: string
  readonly noSelfMetrics: boolean
}): Effect.Effect<GeneratorChoice, CliFailure> =>
  Effect.gen(function*() {
    const lichess = options.lichess.length > 0 ? options.lichess : yield* configuredList("lichess")
    const lichessUser = options.lichessUser.length > 0 ? options.lichessUser : yield* configuredList("lichess-user")
    const pairs = options.tag.length > 0 ? options.tag : yield* configuredList("tags")
    const tags = yield* Either.mapLeft(parsePairs(pairs), (message) => misuse(`--tag: ${message}`))
    return {
      system: options.system || (lichess.length + lichessUser.length === 0 && !options.stdin),
      lichess: Array.from(new Set(lichess)),
      lichessUser: Array.from(new Set(lichessUser)),
      lichessUrl: options.lichessUrl,
      stdin: options.stdin,
      interval: options.interval,
      tags,
      hostname: Option.getOrUndefined(options.hostname),
      probe: options.probe,
      procfs: options.procfs,
      sysfs: options.sysfs,
      selfMetrics: !options.noSelfMetrics
    }
  })
