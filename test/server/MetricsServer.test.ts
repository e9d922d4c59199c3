import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Redacted, Scope } from "effect"
import { readFileSync } from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import { WebSocket } from "ws"
import { steadyPort } from "../e2e/SteadyPort.js"
import { connect, connectBatch, hello, memoryStore, post, request, startServer } from "./TestServer.js"

const certificate = {
  cert: readFileSync(new URL("./tls/cert.pem", import.meta.url), "utf8"),
  key: readFileSync(new URL("./tls/key.pem", import.meta.url), "utf8")
}

describe("starting", () => {
  it.scopedLive("says who is likely on a port in use and how to take another", () =>
    Effect.gen(function*() {
      const first = yield* startServer()
      const error = yield* Effect.flip(startServer({ port: first.port }))
      expect(error).toMatchObject({ _tag: "ServerError", reason: "AddressInUse" })
      expect(error.message).toContain(`port ${first.port}`)
      expect(error.message).toContain("--port")
      expect(yield* request(first, "/healthz")).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("refuses other hosts without a token, unless told to be insecure", () =>
    Effect.gen(function*() {
      for (const host of ["0.0.0.0", "::", "192.0.2.1", ""]) {
        const error = yield* Effect.flip(startServer({ host }))
        expect(error, host).toMatchObject({ reason: "Unprotected", message: expect.stringContaining("--token") })
      }
      const open = yield* startServer({ host: "0.0.0.0", insecure: true })
      expect(open.url).toBe(`http://localhost:${open.port}`)
      expect(yield* request(open, "/api/latest", { headers: { host: "any.example" } })).toMatchObject({ status: 200 })
      const closed = yield* startServer({ host: "0.0.0.0", token: Redacted.make("t") })
      expect(yield* request(closed, "/api/latest")).toMatchObject({ status: 401 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("names impossible options", () =>
    Effect.gen(function*() {
      for (
        const [options, name] of [
          [{ port: 65_536 }, "port"],
          [{ token: Redacted.make(" ") }, "token"],
          [{ window: 0 }, "window"],
          [{ window: 5000 }, "window"],
          [{ maxBodyBytes: -1 }, "maxBodyBytes"],
          [{ tls: { cert: "x", key: "y" } }, "TLS"]
        ] as const
      ) {
        const error = yield* Effect.flip(startServer(options))
        expect(error).toMatchObject({ reason: "InvalidOption", message: expect.stringContaining(name) })
      }
      const elsewhere = yield* Effect.flip(startServer({ host: "192.0.2.1", insecure: true }))
      expect(elsewhere).toMatchObject({ reason: "AddressNotAvailable", message: expect.stringContaining("--host") })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("serves over TLS, socket included", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ tls: certificate })
      expect(server.url).toBe(`https://127.0.0.1:${server.port}`)
      const status = yield* Effect.async<number | undefined, Error>((resume) => {
        Https.get(`${server.url}/healthz`, { rejectUnauthorized: false, agent: false }, (response) => {
          response.resume()
          response.on("end", () => resume(Effect.succeed(response.statusCode)))
        }).on("error", (error) => resume(Effect.fail(error)))
      })
      expect(status).toBe(200)
      const answer = yield* Effect.async<string, Error>((resume) => {
        const ws = new WebSocket(`${server.url.replace("https", "wss")}/ws/metrics`, { rejectUnauthorized: false })
        ws.on("error", (error) => resume(Effect.fail(error)))
        ws.on("open", () => ws.send("{\"origin\":\"a\",\"metric_type\":\"m\",\"value\":1}"))
        ws.on("message", (data) => {
          ws.close()
          resume(Effect.succeed(Buffer.isBuffer(data) ? data.toString("utf8") : ""))
        })
      })
      expect(JSON.parse(answer)).toEqual({ type: "success", accepted: 1 })
    }).pipe(Effect.provide(memoryStore)))
})

describe("stopping", () => {
  it.scopedLive("says 1001 to sockets, ends live streams, and lets the port go", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const server = yield* Scope.extend(startServer({ port: yield* steadyPort }), scope)
      const plain = yield* connect(server)
      const batch = yield* connectBatch(server)
      batch.send(hello("s1"))
      yield* batch.next
      const connected = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<boolean>()
      const live = Http.get({ host: "127.0.0.1", port: server.port, path: "/api/live", agent: false }, (response) => {
        response.on("data", () => Deferred.unsafeDone(connected, Effect.void))
        response.on("close", () => Deferred.unsafeDone(ended, Effect.succeed(response.complete)))
      })
      live.on("error", () => {})
      yield* Deferred.await(connected)
      const agent = new Http.Agent({ keepAlive: true })
      yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
      yield* Effect.async<void>((resume) => {
        Http.get({ host: "127.0.0.1", port: server.port, path: "/healthz", agent }, (response) => {
          response.resume()
          response.on("end", () => resume(Effect.void))
        })
      })

      yield* Scope.close(scope, Exit.void)
      expect((yield* plain.closed).code).toBe(1001)
      expect((yield* batch.closed).code).toBe(1001)
      expect(yield* Deferred.await(ended)).toBe(true)
      expect(yield* Effect.exit(request(server, "/healthz"))).toMatchObject({ _tag: "Failure" })
      const again = yield* startServer({ port: server.port })
      expect(yield* post(again, { origin: "a", metric_type: "m", value: 1 })).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("does not wait for a peer that reads nothing", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const server = yield* Scope.extend(startServer(), scope)
      const peer = yield* connect(server)
      peer.socket.pause()
      yield* Scope.close(scope, Exit.void)
      expect(yield* Effect.exit(request(server, "/healthz"))).toMatchObject({ _tag: "Failure" })
    }).pipe(Effect.provide(memoryStore)))
})
