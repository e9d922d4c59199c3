import { Command } from "@effect/cli"
import { Deferred, Effect } from "effect"
import { GenericMetricsSender } from "../sender/GenericMetricsSender.js"
import type { PipelineSnapshot } from "../telemetry/PipelineStatus.js"
import { SOCKET_PATH } from "../wire/Endpoint.js"
import { sayDelivered, showStatus, startAgent } from "./agent/Agent.js"
import { toFailure } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { logFormat, logFormatOption } from "./options/CommonOptions.js"
import { chooseGenerators, generatorOptions } from "./options/GeneratorOptions.js"
import { serverOptions, startServer } from "./options/ServerOptions.js"
import { loggerLayer, Terminal } from "./terminal/Terminal.js"

/** `up`: collector and server in one process, joined over loopback. */
export const upCommand = Command.make(
  "up",
  { ...serverOptions, ...generatorOptions, logFormat: logFormatOption },
  (options) =>
    Effect.gen(function*() {
      const choice = yield* chooseGenerators(options)
      const format = yield* logFormat(options.logFormat)
      const work = Effect.gen(function*() {
        const terminal = yield* Terminal
        const pipeline = yield* Deferred.make<Effect.Effect<PipelineSnapshot>>()
        const server = yield* startServer(options, Effect.flatten(Deferred.await(pipeline)))
        const agent = yield* startAgent(
          choice,
          GenericMetricsSender.layer({
            endpointUrl: server.url.replace(/^http/, "ws") + SOCKET_PATH,
            dataDir: server.dataDir,
            ...(server.token === undefined ? {} : { token: server.token })
          }),
          sayDelivered
        )
        yield* Deferred.succeed(pipeline, agent.status)
        terminal.writeLine(`\n  Dashboard  ${server.url}/`)
        terminal.writeLine(`  Data       ${server.dataDir}`)
        terminal.writeLine("  Stop       Ctrl-C\n")
        yield* showStatus(agent, { dashboard: `${server.url}/`, stdin: choice.stdin })
        return yield* Effect.never
      })
      return yield* Effect.scoped(work).pipe(Effect.mapError(toFailure), Effect.provide(loggerLayer(format)))
    })
)

/** Help of `up`. */
export const upHelp: CommandHelp = helpOf(upCommand, {
  name: "up",
  usage: "[--port 5000] [--data-dir DIR] [--lichess CHANNEL] [options]",
  summary: "Collect this host and show it on a dashboard, all in one process",
  examples: [
    ["up", "this host, on http://127.0.0.1:5000/"],
    ["up --system --lichess blitz --port 8080", "this host and a live chess game, on another port"]
  ]
})
