import { Context, Effect, Layer, Logger, type Scope } from "effect"
import { channel } from "node:diagnostics_channel"
import { Socket } from "node:net"
import * as path from "node:path"
import type { GenericMetric } from "../../src/domain/GenericMetric.js"
import { SocketConnector } from "../../src/sender/delivery/SocketConnector.js"
import { GenericMetricsSender } from "../../src/sender/GenericMetricsSender.js"
import { OUTBOX_FILE, SqliteOutbox } from "../../src/sender/SqliteOutbox.js"
import { MetricsServer } from "../../src/server/MetricsServer.js"
import { SqliteMetricStore } from "../../src/store/SqliteMetricStore.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { httpConnections } from "../../src/wire/HttpConnections.js"
import { directory } from "../e2e/Program.js"
import { readWriteAheadLog } from "./WriteAheadLog.js"

/** What delivery has cost so far. */
export interface Costs {
  /** Transactions of the outbox and of the store. */
  readonly outboxCommits: number
  readonly storeCommits: number
  /** Frames of the sender and of the server over the socket; none over HTTP. */
  readonly framesSent: number
  readonly framesReceived: number
  /** Bytes that reached the server: those of WebSocket, or of HTTP with its headers, included. */
  readonly bytes: number
}

/** A sender with its outbox on disk, and the server with its store that it delivers to, over loopback. */
export interface Delivering {
  readonly sendMetric: (metric: GenericMetric) => Effect.Effect<void, unknown>
  readonly sendMetrics: (metrics: ReadonlyArray<GenericMetric>) => Effect.Effect<unknown, unknown>
  readonly flush: Effect.Effect<void, unknown>
  /** Opens the network, which is down until then. */
  readonly connect: Effect.Effect<void>
  /** What some work costs until all of it is acknowledged. */
  readonly costOf: (work: Effect.Effect<unknown, unknown>) => Effect.Effect<Costs, unknown>
}

const accepted: Array<Socket> = []
channel("net.server.socket").subscribe((message) => {
  if (typeof message !== "object" || message === null || !("socket" in message)) return
  if (message.socket instanceof Socket) accepted.push(message.socket)
})

const without = (after: number, before: number): number => after - before

/** Sets a sender and its server up, each as it is but for a network that is counted. */
export const delivering = (way: "socket" | "http"): Effect.Effect<Delivering, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const dataDir = yield* directory
    const [outboxDir, storeDir] = [path.join(dataDir, "outbox"), path.join(dataDir, "store")]
    const server = Context.get(
      yield* Layer.build(
        MetricsServer.layer({ port: 0 }).pipe(Layer.provide(SqliteMetricStore.layer({ dataDir: storeDir })))
      ),
      MetricsServer
    )
    const network = yield* Effect.makeLatch(false)
    let framesSent = 0
    let framesReceived = 0
    const counted = Layer.effect(
      SocketConnector,
      Effect.map(SocketConnector, ({ connect }) =>
        SocketConnector.of({
          connect: (request) =>
            Effect.map(Effect.zipRight(network.await, connect(request)), (connection) => ({
              ...connection,
              send: (frame) => Effect.suspend(() => (framesSent++, connection.send(frame))),
              receive: Effect.tap(connection.receive, () => Effect.sync(() => framesReceived++))
            }))
        }))
    ).pipe(Layer.provide(SocketConnector.layer))

    const url = `127.0.0.1:${server.port}`
    const sender = yield* GenericMetricsSender.layerWithOutbox({
      // Nothing listens there: the sender falls back to HTTP.
      endpointUrl: way === "socket" ? `ws://${url}/ws/metrics` : "ws://127.0.0.1:1/ws/metrics",
      httpEndpointUrl: `http://${url}/api/metrics`,
      durable: true
    }).pipe(
      Layer.provide([SqliteOutbox.layer({ dataDir: outboxDir, sender: "budget" }), counted, httpConnections()]),
      Layer.provide(Layer.merge(PipelineStatus.Default, LossLedger.Default)),
      Layer.build,
      Effect.map(Context.get(GenericMetricsSender))
    )

    const costs = Effect.sync(() => {
      const outbox = readWriteAheadLog(path.join(outboxDir, OUTBOX_FILE))
      const store = readWriteAheadLog(path.join(storeDir, "store.db"))
      return {
        salts: [outbox.salt, store.salt],
        outboxCommits: outbox.commits,
        storeCommits: store.commits,
        framesSent,
        framesReceived,
        bytes: accepted.reduce((bytes, { bytesRead }) => bytes + bytesRead, 0)
      }
    })
    return {
      sendMetric: sender.sendMetric,
      sendMetrics: sender.sendMetrics,
      flush: sender.flush,
      connect: Effect.asVoid(network.open),
      costOf: (work: Effect.Effect<unknown, unknown>) =>
        Effect.gen(function*() {
          const before = yield* costs
          yield* work
          yield* sender.flush
          const after = yield* costs
          if (before.salts.join() !== after.salts.join()) {
            return yield* Effect.dieMessage("a log was begun anew: nothing can be counted")
          }
          return {
            outboxCommits: without(after.outboxCommits, before.outboxCommits),
            storeCommits: without(after.storeCommits, before.storeCommits),
            framesSent: without(after.framesSent, before.framesSent),
            framesReceived: without(after.framesReceived, before.framesReceived),
            bytes: without(after.bytes, before.bytes)
          }
        })
    }
  }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
