import { HttpServerRequest } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Net from "node:net"
import { makeStaticPage } from "../../../src/server/pages/StaticPage.js"
import { memoryStore, request, startServer } from "../TestServer.js"

describe("StaticPage", () => {
  it.live("is packed for all, also where the first who asks for it goes away", () =>
    Effect.gen(function*() {
      const page = yield* makeStaticPage(new Uint8Array(4_000_000), "text/plain", {})
      const asked = HttpServerRequest.fromWeb(
        new Request("http://localhost/", { headers: { "accept-encoding": "gzip" } })
      )
      const first = yield* Effect.fork(page.answer(asked))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(first)
      const { headers, status } = yield* page.answer(asked)
      expect({ status, encoding: headers["content-encoding"] }).toEqual({ status: 200, encoding: "gzip" })
    }))

  it.scopedLive("is made for all, also where the first who asks for it goes away", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      yield* Effect.async<void>((resume) => {
        const socket = Net.connect(server.port, "127.0.0.1", () => {
          socket.write("GET /docs HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
          setTimeout(() => socket.destroy(), 1)
        })
        socket.once("close", () => resume(Effect.void))
      })
      for (const encoding of ["gzip", "identity"]) {
        const answer = yield* request(server, "/docs", { headers: { "accept-encoding": encoding } })
        expect(answer.status, encoding).toBe(200)
      }
    }).pipe(Effect.provide(memoryStore)))
})
