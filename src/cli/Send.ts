import { Args, Command, Options } from "@effect/cli"
import { Config, Duration, Effect, Either, Option } from "effect"
import { GenericMetric, metricProblem } from "../domain/GenericMetric.js"
import { GenericMetricsSender } from "../sender/GenericMetricsSender.js"
import { type Agent, showStatus, startAgent } from "./agent/Agent.js"
import { flushWhileAcknowledged } from "./agent/Flush.js"
import { type CliFailure, failure, misuse, toFailure } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { caOption, endpointOptions, plainOption, readTarget, tokenOptions } from "./options/ConnectionOptions.js"
import { noGenerators } from "./options/GeneratorOptions.js"
import { parsed, parseDuration, parseInstant, parsePairs } from "./options/Values.js"
import { loggerLayer } from "./terminal/Terminal.js"

const arguments_ = {
  origin: Args.text({ name: "ORIGIN" }).pipe(Args.optional),
  metricType: Args.text({ name: "METRIC_TYPE" }).pipe(Args.optional),
  value: Args.text({ name: "VALUE" }).pipe(Args.optional)
}

const options = {
  metadata: Options.text("metadata").pipe(
    Options.withPseudoName("KEY=VALUE"),
    Options.withDescription("A tag of the metric; repeatable"),
    Options.repeated
  ),
  timestamp: Options.text("timestamp").pipe(
    Options.withPseudoName("TIME"),
    Options.withDescription("ISO 8601 or milliseconds since the epoch (default: now)"),
    Options.optional
  ),
  stdin: Options.boolean("stdin").pipe(
    Options.withDescription("Send what standard input holds: one metric as JSON a line")
  ),
  ...endpointOptions,
  ...tokenOptions,
  caFile: caOption,
  plain: plainOption,
  dataDir: Options.text("data-dir").pipe(
    Options.withPseudoName("DIR"),
    Options.withDescription("Keep what could not be delivered in an outbox there (default: give up with an error)"),
    Options.optional
  ),
  timeout: Options.text("timeout").pipe(
    Options.withPseudoName("DURATION"),
    Options.withDescription("Give up after this long without an acknowledgement (METRICS_TIMEOUT; default 30s)"),
    Options.withFallbackConfig(Config.string("timeout")),
    Options.withDefault("30s"),
    parsed("timeout", parseDuration)
  )
}

/** The metric that the arguments describe. */
const metricOf = (
  origin: string,
  metricType: string,
  value: string,
  metadata: ReadonlyArray<string>,
  timestamp: Option.Option<string>
): Either.Either<GenericMetric, CliFailure> =>
  Either.gen(function*() {
    if (value.trim() === "" || !Number.isFinite(Number(value))) {
      return yield* Either.left(misuse(`VALUE: "${value}" is no finite number`))
    }
    const tags = yield* Either.mapLeft(parsePairs(metadata), (message) => misuse(`--metadata: ${message}`))
    const at = Option.isNone(timestamp)
      ? undefined
      : yield* Either.mapLeft(parseInstant(timestamp.value), (message) => misuse(`--timestamp: ${message}`))
    const metric = new GenericMetric({
      origin,
      metricType,
      value: Number(value),
      metadata: tags,
      ...(at === undefined ? {} : { timestamp: at })
    }, true)
    const problem = metricProblem(metric)
    return problem === undefined ? metric : yield* Either.left(misuse(problem))
  })

/** Fails when something of the input did not reach the store. */
const reportLosses = (agent: Agent): Effect.Effect<void, CliFailure> =>
  Effect.gen(function*() {
    const { generators, sender } = yield* agent.status
    const invalid = generators.reduce((sum, generator) => sum + generator.invalid, 0)
    if (sender.unverified > 0) {
      yield* Effect.logWarning(
        `${sender.unverified} metrics are unverified: the server did not acknowledge them, or was sent them twice`
      )
    }
    if (invalid + sender.rejected === 0) return
    return yield* failure(
      `${sender.acknowledged - sender.rejected} metrics ${
        sender.plain ? "delivered" : "stored"
      }; ${invalid} were not valid and ` +
        `${sender.rejected} were rejected by the server (see the messages above)`
    )
  })

/** `send`: delivers one metric, or what standard input holds, and ends when all is acknowledged. */
export const sendCommand = Command.make("send", { ...arguments_, ...options }, (options) =>
  Effect.gen(function*() {
    const { metricType, origin, value } = options
    const named = Option.all({ metricType, origin, value })
    if (options.stdin ? Option.isSome(origin) : Option.isNone(named)) {
      return yield* misuse("expected ORIGIN METRIC_TYPE VALUE, or --stdin without them; see send --help")
    }
    const metric = Option.isNone(named) ? undefined : yield* metricOf(
      named.value.origin,
      named.value.metricType,
      named.value.value,
      options.metadata,
      options.timestamp
    )
    const { target } = yield* readTarget(options, "generic")
    const dataDir = Option.getOrUndefined(options.dataDir)
    const sender = GenericMetricsSender.layer({
      ...target,
      dataDir,
      // What is not acknowledged when the patience ends is not waited for again.
      shutdownGrace: Duration.zero
    })
    const work = Effect.gen(function*() {
      const agent = yield* startAgent({ ...noGenerators, stdin: options.stdin }, sender)
      if (metric === undefined) yield* showStatus(agent, { stdin: true })
      else yield* agent.sender.sendMetric(metric)
      yield* agent.pipeline.awaitDone
      yield* flushWhileAcknowledged(
        agent,
        options.timeout,
        dataDir === undefined ? "are lost with this process (--data-dir keeps them)" : `are kept in ${dataDir}`
      )
      yield* reportLosses(agent)
    })
    yield* Effect.scoped(work).pipe(Effect.mapError(toFailure), Effect.provide(loggerLayer(undefined)))
  }))

/** Help of `send`. */
export const sendHelp: CommandHelp = helpOf(sendCommand, {
  name: "send",
  usage: "ORIGIN METRIC_TYPE VALUE [--metadata KEY=VALUE]   or   send --stdin",
  summary: "Send one metric, or a file of them, and wait until it is stored",
  examples: [
    ["send application event 1 --metadata event_name=user_login", "one event with a tag"],
    ["send --stdin < metrics.ndjson", "each line one metric: {\"origin\":…,\"metric_type\":…,\"value\":…}"]
  ]
})
