import { Command } from "@effect/cli"
import type { FileSystem, HttpClient, Path } from "@effect/platform"
import { Effect, Layer } from "effect"
import { MetricsClient } from "../client/MetricsClient.js"
import { SocketConnector } from "../sender/delivery/SocketConnector.js"
import { httpConnections } from "../wire/HttpConnections.js"
import { chosenGenerators } from "./agent/Agent.js"
import { hostSteps } from "./check/CheckHost.js"
import { plainServerSteps, serverSteps } from "./check/CheckServer.js"
import { type CheckStep, runSteps } from "./check/CheckStep.js"
import { failure } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import {
  caOption,
  endpointOptions,
  plainOption,
  readCa,
  readEndpoint,
  readToken,
  tokenOptions
} from "./options/ConnectionOptions.js"
import { dataDirectory, dataDirOption } from "./options/DataDirectory.js"
import { chooseGenerators, generatorOptions } from "./options/GeneratorOptions.js"

type CheckedServices =
  | FileSystem.FileSystem
  | Path.Path
  | MetricsClient
  | HttpClient.HttpClient
  | SocketConnector

/** How long the server may take to an answer. */
const answerWithin = "10 seconds"

/** `check`: tries everything that `run` would need, and says what works. */
export const checkCommand = Command.make(
  "check",
  {
    ...endpointOptions,
    ...tokenOptions,
    caFile: caOption,
    plain: plainOption,
    dataDir: dataDirOption,
    ...generatorOptions
  },
  (options) =>
    Effect.gen(function*() {
      const choice = yield* chooseGenerators(options)
      const endpoint = yield* readEndpoint(options)
      const token = yield* readToken(options)
      const ca = yield* readCa(options.caFile)
      const directory = yield* dataDirectory(options.dataDir)
      const generators = yield* Effect.flatMap(Layer.makeMemoMap, (memoMap) =>
        // Standard input would be read away from the command that is meant.
        chosenGenerators({ ...choice, stdin: false, selfMetrics: false }, memoMap))
      const { serverUrl } = endpoint
      const network = Layer.mergeAll(
        MetricsClient.layer({ serverUrl, ca, token, timeout: answerWithin }),
        SocketConnector.layerTrusting(ca),
        httpConnections(ca)
      )
      const remote = options.plain ? plainServerSteps(endpoint, token) : serverSteps(endpoint, token)
      const steps: ReadonlyArray<CheckStep<CheckedServices>> = [...hostSteps(directory, generators), ...remote]
      const failed = yield* Effect.provide(runSteps(steps), network)
      if (failed.length > 0) {
        return yield* failure(`${failed.length} of ${steps.length} checks failed: ${failed.join(", ")}`)
      }
    }).pipe(Effect.scoped)
)

/** Help of `check`. */
export const checkHelp: CommandHelp = helpOf(checkCommand, {
  name: "check",
  usage: "[--endpoint URL] [--token T] [--data-dir DIR] [options of run]",
  summary: "Try what run needs: configuration, disk, sources, server, token, clock, both ways of delivery",
  examples: [["check --endpoint ws://metrics.example:5000/ws/metrics", "before a collector is left to itself"]]
})
