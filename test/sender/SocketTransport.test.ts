import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer, Option, TestClock } from "effect"
import { WebSocketServer } from "ws"
import { SeriesDictionary } from "../../src/sender/batch/SeriesDictionary.js"
import { JoinedLimit } from "../../src/sender/delivery/JoinedLimit.js"
import { makePositions } from "../../src/sender/delivery/Positions.js"
import { SocketConnector } from "../../src/sender/delivery/SocketConnector.js"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { Outbox } from "../../src/sender/Outbox.js"
import { deliverOverSocket, LONGEST_SILENCE, openSession, WATCH_STEP } from "../../src/sender/SocketTransport.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { makeFakeServer } from "../../src/testing/FakeServer.js"
import { suiteBatch } from "../../src/testing/OutboxSuite.js"
import { decodeClientFrame } from "../../src/wire/Frames.js"
import { waitingDisk } from "./waitingDisk.js"

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** A server that welcomes everybody and says nothing after that; `pongs` says whether it shows that it lives. */
const mute = (pongs: boolean) =>
  Effect.acquireRelease(
    Effect.async<{ readonly server: WebSocketServer; readonly seen: { pings: number } }>((resume) => {
      const server = new WebSocketServer({ port: 0, host: "127.0.0.1", autoPong: pongs })
      const seen = { pings: 0 }
      server.on("connection", (socket) => {
        socket.on("ping", () => seen.pings++)
        socket.on("message", (data) => {
          const frame = decodeClientFrame(Buffer.isBuffer(data) ? data.toString("utf8") : "")
          if (frame._tag === "Left" || frame.right.type !== "hello") return
          const streams = frame.right.streams.map(({ stream }) => ({ stream, next: 0 }))
          socket.send(JSON.stringify({
            type: "welcome",
            protocol: 1,
            store: "mute",
            streams,
            window: 4,
            maxBatchBytes: 1_048_576
          }))
        })
      })
      server.on("listening", () => resume(Effect.succeed({ server, seen })))
    }),
    ({ server }) =>
      Effect.sync(() => {
        for (const socket of server.clients) socket.terminate()
        server.close()
      })
  )

/** How a delivery to a mute server ends, time going on whenever the server has had its say. */
const ending = (pongs: boolean) =>
  Effect.gen(function*() {
    const { seen, server } = yield* mute(pongs)
    const address = server.address()
    const outbox = yield* Outbox
    const ledger = yield* LossLedger
    const { sender: status } = yield* PipelineStatus
    yield* outbox.append([suiteBatch(new SeriesDictionary(), 0, 10)], () => {})
    const options = {
      outbox,
      positions: makePositions(outbox, status, ledger),
      connector: yield* SocketConnector,
      status,
      url: `ws://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
      headers: {},
      mostOffered: 1,
      joined: new JoinedLimit()
    }
    const session = yield* openSession(options)
    const startedAt = yield* Clock.currentTimeMillis
    let heard = yield* session.connection.heard
    const delivering = yield* Effect.fork(Effect.flip(deliverOverSocket(options, session)))
    const isOver = Effect.map(Fiber.poll(delivering), Option.isSome)
    // At each look it is asked for a sign of life.
    for (let looks = 1; !(yield* isOver); looks++) {
      while (seen.pings < looks && !(yield* isOver)) yield* turn
      while (pongs && (yield* session.connection.heard) === heard && !(yield* isOver)) yield* turn
      heard = yield* session.connection.heard
      yield* TestClock.adjust(WATCH_STEP)
    }
    const { message } = yield* Fiber.join(delivering)
    return { message, millis: (yield* Clock.currentTimeMillis) - startedAt }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.mergeAll(MemoryOutbox.layer(), LossLedger.Default, PipelineStatus.Default, SocketConnector.layer)
    )
  )

/** The silence begins between two looks, and is noticed at one. */
const latest = Duration.toMillis(LONGEST_SILENCE) + 2 * Duration.toMillis(WATCH_STEP)

describe("a socket whose server went away without a word", () => {
  it.effect("is given up when there is no sign of life", () =>
    Effect.gen(function*() {
      const { message, millis } = yield* ending(false)
      assert.match(message, /no sign of life from the server for 30s/)
      assert.isAtMost(millis, latest)
    }))

  it.effect("is given up when the server lives and does not answer a batch", () =>
    Effect.gen(function*() {
      const { message, millis } = yield* ending(true)
      assert.match(message, /the server did not answer a batch within 30s/)
      assert.isAtMost(millis, latest)
    }))
})

describe("a socket whose server answers", () => {
  it.scoped("is not given up while an acknowledgement waits for the disk of the outbox", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      const { disk, options: given } = yield* waitingDisk(server)
      const { status } = given
      const options = { ...given, mostOffered: 1, joined: new JoinedLimit() }
      const session = yield* openSession(options)
      const delivering = yield* Effect.fork(deliverOverSocket(options, session))
      yield* TestClock.adjust(Duration.times(LONGEST_SILENCE, 3))
      assert.strictEqual((yield* Fiber.poll(delivering))._tag, "None")
      assert.strictEqual(status.acknowledged, 0)
      yield* disk.open
      yield* TestClock.adjust("1 second")
      assert.strictEqual(status.acknowledged, 10)
      yield* Fiber.interrupt(delivering)
    }).pipe(Effect.provide(Layer.mergeAll(MemoryOutbox.layer(), LossLedger.Default, PipelineStatus.Default))))
})
