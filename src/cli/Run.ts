import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import { GenericMetricsSender } from "../sender/GenericMetricsSender.js"
import { sayDelivered, showStatus, startAgent } from "./agent/Agent.js"
import { stdoutSender } from "./agent/StdoutSender.js"
import { toFailure } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { logFormat, logFormatOption } from "./options/CommonOptions.js"
import { caOption, endpointOptions, plainOption, readTarget, tokenOptions } from "./options/ConnectionOptions.js"
import { dataDirectory, dataDirOption } from "./options/DataDirectory.js"
import { chooseGenerators, generatorOptions } from "./options/GeneratorOptions.js"
import { loggerLayer } from "./terminal/Terminal.js"

const options = {
  ...endpointOptions,
  ...tokenOptions,
  caFile: caOption,
  plain: plainOption,
  dataDir: dataDirOption,
  ...generatorOptions,
  stdout: Options.boolean("stdout").pipe(
    Options.withDescription("Write metrics to standard output instead of delivering them")
  ),
  format: Options.choice("format", ["generic", "timeseries"]).pipe(
    Options.withDescription("Form of --stdout and --plain: metrics as collected, or points of a time-series database"),
    Options.withDefault("generic")
  ),
  logFormat: logFormatOption
}

/** `run`: collects and delivers until it is stopped or its sources end. */
export const runCommand = Command.make("run", options, (options) =>
  Effect.gen(function*() {
    const choice = yield* chooseGenerators(options)
    const work = Effect.gen(function*() {
      const sender = options.stdout ? stdoutSender(options.format) : yield* Effect.gen(function*() {
        const { socketUrl, target } = yield* readTarget(options, options.format)
        const dataDir = yield* dataDirectory(options.dataDir)
        yield* Effect.logInfo(`delivering to ${socketUrl}`).pipe(Effect.annotateLogs({ outbox: dataDir }))
        return GenericMetricsSender.layer({ ...target, dataDir })
      })
      const agent = yield* startAgent(choice, sender, sayDelivered)
      yield* showStatus(agent, { stdin: choice.stdin, stdout: options.stdout })
      yield* agent.pipeline.awaitDone
      yield* agent.sender.flush
    })
    const format = yield* logFormat(options.logFormat)
    yield* Effect.scoped(work).pipe(Effect.mapError(toFailure), Effect.provide(loggerLayer(format)))
  }))

/** Help of `run`. */
export const runHelp: CommandHelp = helpOf(runCommand, {
  name: "run",
  usage: "[--endpoint URL] [--system] [--lichess CHANNEL] [--stdin] [options]",
  summary: "Collect metrics and deliver them to a server",
  examples: [
    ["run --endpoint ws://metrics.example:5000/ws/metrics --tag rack=7", "this host, each second, to that server"],
    ["run --lichess blitz --stdout", "the live blitz game, one JSON object a line, to look at"],
    ["run --stdin < numbers.ndjson", "metrics of another program; ends when all are stored"]
  ]
})
