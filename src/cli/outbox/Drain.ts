import { Command, Options } from "@effect/cli"
import { Config, Console, Duration, Effect } from "effect"
import { GenericMetricsSender } from "../../sender/GenericMetricsSender.js"
import { OutboxError } from "../../sender/Outbox.js"
import { startAgent } from "../agent/Agent.js"
import { flushWhileAcknowledged } from "../agent/Flush.js"
import { toFailure } from "../CliFailure.js"
import { type CommandHelp, helpOf } from "../Help.js"
import { caOption, endpointOptions, plainOption, readTarget, tokenOptions } from "../options/ConnectionOptions.js"
import { dataDirOption } from "../options/DataDirectory.js"
import { noGenerators } from "../options/GeneratorOptions.js"
import { existingOutbox, ofOutboxError } from "../options/OutboxOptions.js"
import { parsed, parseDuration } from "../options/Values.js"
import { showProgress } from "../terminal/ShowProgress.js"
import { loggerLayer } from "../terminal/Terminal.js"

const options = {
  ...endpointOptions,
  ...tokenOptions,
  caFile: caOption,
  plain: plainOption,
  dataDir: dataDirOption,
  timeout: Options.text("timeout").pipe(
    Options.withPseudoName("DURATION"),
    Options.withDescription("Give up after this long without an acknowledgement (METRICS_TIMEOUT; default 30s)"),
    Options.withFallbackConfig(Config.string("timeout")),
    Options.withDefault("30s"),
    parsed("timeout", parseDuration)
  )
}

/** `outbox drain`: delivers everything in an outbox, and ends. */
export const drainCommand = Command.make("drain", options, (options) =>
  Effect.gen(function*() {
    const { target } = yield* readTarget(options, "generic")
    const { dataDir, pending, undeclared } = yield* Effect.scoped(Effect.gen(function*() {
      const { dataDir, outbox } = yield* existingOutbox(options.dataDir)
      const { losses, streams } = yield* Effect.mapError(outbox.status, ofOutboxError)
      return {
        dataDir,
        pending: streams.reduce((sum, stream) => sum + stream.pending, 0),
        undeclared: losses.some(({ delivered }) => !delivered) || streams.some(({ skipped }) => skipped.length > 0)
      }
    }))
    if (pending === 0 && !undeclared) return yield* Console.log("the outbox is empty")
    const sender = GenericMetricsSender.layer({
      ...target,
      dataDir,
      shutdownGrace: Duration.zero
    })
    const work = Effect.gen(function*() {
      const agent = yield* startAgent(noGenerators, sender)
      yield* showProgress(
        Effect.map(agent.status, ({ sender }) => ({ done: Math.min(pending, sender.acknowledged), total: pending }))
      )
      yield* flushWhileAcknowledged(agent, options.timeout, `stay in ${dataDir}`)
      const { acknowledged, rejected, unverified } = (yield* agent.status).sender
      yield* Console.log(
        `${acknowledged} metrics delivered; the outbox is empty` +
          (unverified === 0 ? "" : `; ${unverified} are unverified: see outbox losses`) +
          (rejected === 0 ? "" : `; ${rejected} were refused: see outbox dead-letters list`)
      )
    })
    yield* Effect.scoped(work).pipe(
      Effect.mapError((error) => error instanceof OutboxError ? ofOutboxError(error) : toFailure(error)),
      Effect.provide(loggerLayer(undefined))
    )
  }))

/** Help of `outbox drain`. */
export const drainHelp: CommandHelp = helpOf(drainCommand, {
  name: "outbox drain",
  usage: "[--endpoint URL] [--token T] [--data-dir DIR] [--timeout 30s]",
  summary: "Deliver everything in the outbox and end: exit 0 when it is empty, 1 when not",
  examples: [["outbox drain --endpoint ws://metrics.example:5000/ws/metrics", "before a host is taken down"]]
})
