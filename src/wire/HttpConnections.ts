import { HttpClient, type HttpClientError, type HttpClientRequest } from "@effect/platform"
import { Context, Effect, Layer } from "effect"
import { onceForAll } from "../domain/onceForAll.js"

/**
 * HTTP over connections of its own, opened by the first request: a program that
 * delivers over a socket never loads the client (undici, 8 MB of memory). `ca`
 * holds certificates (PEM) that are trusted in place of the authorities that
 * Node trusts.
 */
export const httpConnections = (ca?: string): Layer.Layer<HttpClient.HttpClient> =>
  Layer.scoped(
    HttpClient.HttpClient,
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      const opened = yield* onceForAll(
        Effect.promise(() => import("./UndiciConnections.js")).pipe(
          Effect.flatMap(({ undiciConnections }) => Layer.buildWithScope(undiciConnections(ca), scope)),
          Effect.map(Context.get(HttpClient.HttpClient))
        )
      )
      return HttpClient.makeWith<HttpClientError.HttpClientError, never, HttpClientError.HttpClientError, never>(
        (request) =>
          Effect.flatMap(request, (request: HttpClientRequest.HttpClientRequest) =>
            Effect.flatMap(opened, (client) => client.execute(request))),
        Effect.succeed
      )
    })
  )
