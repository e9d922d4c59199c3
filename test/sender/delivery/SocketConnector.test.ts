import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Scope } from "effect"
import * as http from "node:http"
import type * as net from "node:net"
import { type WebSocket, WebSocketServer } from "ws"
import { SocketConnector } from "../../../src/sender/delivery/SocketConnector.js"
import { steadyPort } from "../../e2e/SteadyPort.js"

interface Peer {
  readonly url: string
  /** The first client, when it has connected. */
  readonly client: Effect.Effect<WebSocket>
}

const portOf = (server: http.Server | net.Server): number => {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

const listening = <S extends http.Server | net.Server>(
  make: () => S,
  close: (server: S) => void
): Effect.Effect<S, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<S>((resume) => {
      const server = make()
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => close(server))
  )

/** A WebSocket server that does nothing by itself. */
const wsPeer = (autoPong: boolean): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const connected = yield* Deferred.make<WebSocket>()
    const server = yield* listening(() => http.createServer(), (one) => {
      one.close()
      one.closeAllConnections()
    })
    const sockets = new WebSocketServer({ server, autoPong })
    sockets.on("connection", (socket) => {
      socket.on("error", () => {})
      Deferred.unsafeDone(connected, Exit.succeed(socket))
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const socket of sockets.clients) socket.terminate()
      })
    )
    return { url: `ws://127.0.0.1:${portOf(server)}`, client: Deferred.await(connected) }
  })

const connect = (url: string) =>
  Effect.flatMap(
    SocketConnector,
    (connector) => connector.connect({ url, protocol: "metrics.batch.v1", headers: { authorization: "Bearer t" } })
  )

/** Waits until a number stops growing. */
const standstill = (read: () => number): Effect.Effect<number> =>
  Effect.gen(function*() {
    let before = -1
    while (read() !== before) {
      before = read()
      yield* Effect.sleep("200 millis")
    }
    return before
  })

const withConnector = Effect.provide(SocketConnector.layer)

describe("SocketConnector", () => {
  it.scopedLive("a round trip ends with the answer to its own ping, and says that all sent before was read", () =>
    Effect.gen(function*() {
      const peer = yield* wsPeer(false)
      const connection = yield* connect(peer.url)
      const socket = yield* peer.client
      const seen: Array<string> = []
      socket.on("message", (data) => seen.push(Buffer.isBuffer(data) ? data.toString() : ""))
      const pinged = yield* Deferred.make<string>()
      socket.once("ping", (data: Buffer) => Deferred.unsafeDone(pinged, Exit.succeed(data.toString())))
      yield* connection.send("before")
      const trip = yield* Effect.fork(connection.roundTrip)
      const name = yield* Deferred.await(pinged)
      assert.deepStrictEqual(seen, ["before"])
      // Of another ping, and of none.
      socket.pong(`${name}0`)
      socket.pong()
      yield* Effect.sleep("100 millis")
      assert.strictEqual((yield* Fiber.poll(trip))._tag, "None")
      socket.pong(name)
      yield* Fiber.join(trip)
    }).pipe(withConnector))

  it.scopedLive("a round trip on a connection that is lost fails", () =>
    Effect.gen(function*() {
      const peer = yield* wsPeer(false)
      const connection = yield* connect(peer.url)
      const socket = yield* peer.client
      const trip = yield* Effect.fork(Effect.flip(connection.roundTrip))
      yield* Effect.sleep("50 millis")
      socket.terminate()
      assert.strictEqual((yield* Fiber.join(trip)).reason, "Closed")
      assert.strictEqual((yield* Effect.flip(connection.roundTrip)).reason, "Write")
    }).pipe(withConnector))

  it.scopedLive("a peer that does not read makes the sender wait, and gets everything when it reads", () =>
    Effect.gen(function*() {
      const peer = yield* wsPeer(true)
      const connection = yield* connect(peer.url)
      const socket = yield* peer.client
      let received = 0
      socket.on("message", () => received++)
      socket.pause()
      let sent = 0
      const frame = "x".repeat(1_048_576)
      const sending = yield* Effect.fork(
        Effect.replicateEffect(Effect.tap(connection.send(frame), () => sent++), 64, { discard: true })
      )
      assert.isBelow(yield* standstill(() => sent), 64)
      socket.resume()
      yield* Fiber.join(sending)
      yield* Effect.repeat(Effect.sleep("20 millis"), { until: () => received >= 64 })
      assert.strictEqual(received, 64)
    }).pipe(withConnector))

  it.scopedLive("frames that nobody takes pause the reading, and none is lost", () =>
    Effect.gen(function*() {
      const peer = yield* wsPeer(true)
      const connection = yield* connect(peer.url)
      const socket = yield* peer.client
      for (let i = 0; i < 5_000; i++) socket.send(String(i))
      yield* Effect.repeat(Effect.sleep("20 millis"), { until: () => connection.paused })
      for (let i = 0; i < 5_000; i++) assert.strictEqual(yield* connection.receive, String(i))
      assert.isFalse(yield* connection.paused)
    }).pipe(withConnector))

  it.scopedLive("a refused upgrade tells status, body and how long to wait", () =>
    Effect.gen(function*() {
      const server = yield* listening(
        () =>
          http.createServer((_, response) => {
            response.writeHead(503, { "retry-after": "7" })
            response.end("{\"code\":\"stopping\"}")
          }),
        (one) => one.close()
      )
      const error = yield* Effect.flip(connect(`ws://127.0.0.1:${portOf(server)}`))
      assert.deepStrictEqual(
        [error.reason, error.status, error.body, error.retryAfterMillis],
        ["Refused", 503, "{\"code\":\"stopping\"}", 7_000]
      )
    }).pipe(withConnector))

  it.scopedLive("a port where nobody listens, and a URL that is none, are typed failures", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(connect(`ws://127.0.0.1:${yield* steadyPort}`))).reason, "Open")
      assert.strictEqual((yield* Effect.flip(connect("no url"))).reason, "Open")
    }).pipe(withConnector))

  it.scopedLive("a reset ends receiving after the frames before it, and sending at once", () =>
    Effect.gen(function*() {
      const peer = yield* wsPeer(true)
      const connection = yield* connect(peer.url)
      const socket = yield* peer.client
      socket.send("last words")
      assert.strictEqual(yield* connection.receive, "last words")
      socket.terminate()
      const error = yield* Effect.flip(connection.receive)
      assert.deepStrictEqual([error.reason, error.code], ["Closed", 1006])
      assert.strictEqual((yield* Effect.flip(connection.send("more"))).reason, "Write")
      assert.strictEqual((yield* Effect.flip(connection.ping)).reason, "Write")
    }).pipe(withConnector))

  it.scopedLive("a close tells its code, and a pong is a sign of life", () =>
    Effect.gen(function*() {
      const peer = yield* wsPeer(true)
      const connection = yield* connect(peer.url)
      const socket = yield* peer.client
      const before = yield* connection.heard
      yield* connection.ping
      yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => Effect.map(connection.heard, (n) => n > before) })
      socket.close(4001, "another")
      const error = yield* Effect.flip(connection.receive)
      assert.deepStrictEqual([error.code, error.message], [4001, "the connection was closed (4001: another)"])
    }).pipe(withConnector))

  it.scopedLive("closing the scope closes the socket", () =>
    Effect.gen(function*() {
      const peer = yield* wsPeer(true)
      const socket = yield* Effect.scoped(Effect.zipRight(connect(peer.url), peer.client))
      yield* Effect.async<void>((resume) => {
        if (socket.readyState === socket.CLOSED) return resume(Effect.void)
        socket.on("close", () => resume(Effect.void))
      })
    }).pipe(withConnector))
})
