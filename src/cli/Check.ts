import { Command } from "@effect/cli"
import { FileSystem, Path } from "@effect/platform"
import { Chunk, Clock, Console, Effect, Either, Layer, Option, Stream } from "effect"
import { MetricsClient } from "../client/MetricsClient.js"
import type { MetricsGenerator } from "../generators/MetricsGenerator.js"
import { SocketConnector } from "../sender/SocketConnector.js"
import { probeSocket } from "../sender/SocketTransport.js"
import { makeDirectory } from "../sqlite/makeDirectory.js"
import { parseEndpoint } from "../wire/Endpoint.js"
import { chosenGenerators } from "./Agent.js"
import { failure, messageOf, misuse } from "./CliFailure.js"
import { caOption, endpointOptions, readCa, readToken, tokenOptions } from "./ConnectionOptions.js"
import { dataDirectory, dataDirOption } from "./DataDirectory.js"
import { chooseGenerators, generatorOptions } from "./GeneratorOptions.js"
import { type CommandHelp, helpOf } from "./Help.js"

/** How long a generator may take to its first metric. */
const firstMetricWithin = "10 seconds"

/** Clocks further apart than this make dashboards and queries by time misleading. */
const maxClockDifference = 5000

/** One thing that is tried: it succeeds with what was found, or fails with what is wrong. */
interface Step<R> {
  readonly name: string
  readonly try: Effect.Effect<string, unknown, R>
}

const serverSteps = Effect.gen(function*() {
  const client = yield* MetricsClient
  return [
    { name: "server", try: Effect.as(client.health, "answers over HTTP") },
    {
      name: "access",
      try: Effect.map(
        client.status,
        (status) =>
          `metrics-collector ${status.version}, ${status.store.points} points of ${status.store.series} series stored`
      )
    },
    {
      name: "clock",
      try: Effect.gen(function*() {
        const status = yield* client.status
        const here = yield* Clock.currentTimeMillis
        const difference = Math.round(status.startedAt + status.uptimeSeconds * 1000 - here)
        if (Math.abs(difference) > maxClockDifference) {
          return yield* failure(
            `the server's clock is ${difference} ms from ours: points will show at the wrong time; set one of them`
          )
        }
        return `${Math.abs(difference)} ms apart`
      })
    }
  ]
})

const writable = (directory: string): Effect.Effect<string, unknown, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    yield* makeDirectory(directory)
    yield* Effect.scoped(Effect.flatMap(
      fs.makeTempFileScoped({ directory, prefix: "check-" }),
      (file) => fs.writeFileString(file, path.basename(file))
    ))
    return directory
  })

const sample = (generator: MetricsGenerator): Effect.Effect<string, unknown> =>
  generator.generateMetrics.pipe(
    Stream.chunks,
    Stream.filter(Chunk.isNonEmpty),
    Stream.runHead,
    Effect.timeoutFail({
      duration: firstMetricWithin,
      onTimeout: () => failure(`no metric within ${firstMetricWithin}`)
    }),
    Effect.flatMap(Option.match({
      onNone: () => failure("ended without a metric"),
      onSome: (chunk) => {
        const { metricType, origin, value } = Chunk.unsafeHead(chunk)
        return Effect.succeed(`${chunk.length} metrics, as in ${origin} ${metricType} ${value}`)
      }
    }))
  )

/** `check`: tries everything that `run` would need, and says what works. */
export const checkCommand = Command.make(
  "check",
  { ...endpointOptions, ...tokenOptions, caFile: caOption, dataDir: dataDirOption, ...generatorOptions },
  (options) =>
    Effect.gen(function*() {
      const choice = yield* chooseGenerators(options)
      const endpoint = yield* Effect.mapError(
        parseEndpoint(options.endpoint, Option.getOrUndefined(options.httpEndpoint)),
        (error) => misuse(error.message)
      )
      const token = yield* readToken(options)
      const ca = yield* readCa(options.caFile)
      const directory = yield* dataDirectory(options.dataDir)
      const generators = yield* Effect.flatMap(Layer.makeMemoMap, (memoMap) =>
        // Standard input would be read away from the command that is meant.
        chosenGenerators({ ...choice, stdin: false, selfMetrics: false }, memoMap))
      const client = yield* Layer.build(
        MetricsClient.layer({ serverUrl: endpoint.serverUrl, ca, token })
      )
      const remote = yield* Effect.provide(serverSteps, client)
      const steps: ReadonlyArray<Step<FileSystem.FileSystem | Path.Path>> = [
        ...remote,
        {
          name: "socket",
          try: probeSocket(endpoint, token).pipe(
            Effect.provide(SocketConnector.layerTrusting(ca)),
            Effect.as(`speaks our protocol on ${endpoint.socketUrl}`)
          )
        },
        { name: "data", try: writable(directory) },
        ...generators.map((generator) => ({ name: generator.name, try: sample(generator) }))
      ]
      let failed = 0
      for (const step of steps) {
        const result = yield* Effect.either(step.try)
        if (Either.isLeft(result)) failed++
        yield* Console.log(
          Either.match(result, {
            onLeft: (error) => `  FAIL  ${step.name.padEnd(10)}  ${messageOf(error)}`,
            onRight: (found) => `  ok    ${step.name.padEnd(10)}  ${found}`
          })
        )
      }
      if (failed > 0) return yield* failure(`${failed} of ${steps.length} checks failed`)
    }).pipe(Effect.scoped)
)

/** Help of `check`. */
export const checkHelp: CommandHelp = helpOf(checkCommand, {
  name: "check",
  usage: "[--endpoint URL] [--token T] [--data-dir DIR] [options of run]",
  summary: "Try what run needs: server, token, socket, clock, data directory, sources",
  examples: [["check --endpoint ws://metrics.example:5000/ws/metrics", "before a collector is left to itself"]]
})
