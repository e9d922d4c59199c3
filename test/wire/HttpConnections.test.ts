import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Http from "node:http"
import { httpConnections } from "../../src/wire/HttpConnections.js"

describe("httpConnections", () => {
  it.scopedLive("answers those that come after a first request that was interrupted", () =>
    Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(
        Effect.async<Http.Server>((resume) => {
          const server = Http.createServer((_, response) => response.end("here"))
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const get = HttpClient.get(`http://127.0.0.1:${port}/`)
      const first = yield* Effect.fork(get)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(first)
      expect(yield* Effect.flatMap(get, ({ text }) => text)).toBe("here")
    }).pipe(Effect.provide(httpConnections())))
})
