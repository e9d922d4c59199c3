import { Effect, Layer, Logger, LogLevel } from "effect"
import { MetricsServer } from "../../src/server/MetricsServer.js"
import { SqliteMetricStore } from "../../src/store/SqliteMetricStore.js"
import { answerWords, bytesReceived, cpuSeconds, tell } from "./Talk.js"

// The server of this package: `Server <data directory> <port, 0 for any>`.

const [, , dataDir, port] = process.argv

await Effect.gen(function*() {
  const server = yield* MetricsServer
  answerWords(() => Promise.resolve({ cpu: cpuSeconds(), bytes: bytesReceived() }))
  tell({ port: server.port })
  return yield* Effect.never
}).pipe(
  Effect.provide(MetricsServer.layer({ port: Number(port) }).pipe(Layer.provide(SqliteMetricStore.layer({ dataDir })))),
  Logger.withMinimumLogLevel(LogLevel.Error),
  Effect.runPromise
)
