import { Args, Command, Options } from "@effect/cli"
import { Console, Effect, Option } from "effect"
import type { LiveEvent } from "../client/MetricsClient.js"
import { printableJson, printableLine } from "../domain/Printable.js"
import { formatIso } from "../domain/Timestamp.js"
import type { LatestEntry } from "../wire/Api.js"
import { toFailure } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { caOption, connectClient, serverOption, tokenOptions } from "./options/ConnectionOptions.js"
import { seriesOptions, seriesQuestion, tagWords } from "./options/SeriesOptions.js"
import { followLive } from "./reading/FollowLive.js"
import { foldWords } from "./terminal/Fold.js"
import { stdoutWidth } from "./terminal/Stdout.js"

const options = {
  metricType: Args.text({ name: "METRIC_TYPE" }).pipe(Args.optional),
  ...seriesOptions,
  format: Options.choice("format", ["text", "json"]).pipe(
    Options.withDescription("Form of a line (default text; json: as /api/live gives it)"),
    Options.withDefault("text")
  ),
  server: serverOption,
  ...tokenOptions,
  caFile: caOption
}

/** A point in one line, or in several where the terminal is narrow. */
export const pointText = (
  { fields, metric_type, origin, tags, timestamp, value }: LatestEntry,
  width: number
): string =>
  foldWords(
    [
      [formatIso(timestamp)],
      [origin],
      [metric_type],
      [String(value)],
      tagWords(tags),
      ...(fields === undefined ? [] : [[JSON.stringify(fields)]])
    ].map((words) => words.map(printableLine)),
    width
  ).join("\n")

const show = (format: "text" | "json", event: LiveEvent): Effect.Effect<void> =>
  event._tag === "Dropped"
    ? Console.error(`${event.count} commits were left out: this terminal is slower than the server`)
    : Effect.flatMap(stdoutWidth, (width) =>
      Console.log(
        event.metrics.map((metric) => format === "json" ? printableJson(metric) : pointText(metric, width)).join("\n")
      ))

/** `tail`: shows points as a server stores them, until it is stopped. */
export const tailCommand = Command.make("tail", options, (options) =>
  Effect.gen(function*() {
    const question = yield* seriesQuestion(options, Option.getOrUndefined(options.metricType))
    const work = followLive(
      question,
      (event) => show(options.format, event),
      (message) => Console.error(`${printableLine(message)}; connecting again`)
    )
    return yield* Effect.provide(work, yield* connectClient(options)).pipe(Effect.mapError(toFailure))
  }))

/** Help of `tail`. */
export const tailHelp: CommandHelp = helpOf(tailCommand, {
  name: "tail",
  usage: "[METRIC_TYPE] [--origin O] [--tag KEY=VALUE] [options]",
  summary: "Follow what a server receives, one line a point",
  examples: [
    ["tail cpu_percent --tag host=web-1", "the CPU of one host, as it comes in"],
    ["tail --origin game --format json", "all of an origin, for another program"]
  ]
})
