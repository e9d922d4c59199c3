import { HttpApiError, type HttpApp, HttpServerError, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Cause, Effect, Option } from "effect"
import { SOCKET_PATH } from "../../wire/Endpoint.js"
import { discardRequestBody } from "../ingest/RequestBody.js"
import { refusedResponse } from "../Refused.js"
import type { ServerParts } from "../ServerParts.js"
import { allowedMethods } from "./AllowedMethods.js"

// Open to everybody: health checks, logging in, the dashboard's files, the
// description of the API. The router reads a path more generously than this
// does (capitals, slashes, percent signs, a whole URL), therefore whatever is
// not written exactly like one of these needs the token.
const openPaths: ReadonlySet<string> = new Set([
  "/",
  "/healthz",
  "/readyz",
  "/docs",
  "/openapi.json",
  "/api/session",
  SOCKET_PATH
])

const pageFile = /^(?:\/[\w-]+)*\/[\w-]+(?:\.[\w-]+)+$/

const needsToken = (path: string): boolean => !openPaths.has(path) && !pageFile.test(path)

const preflight = (origin: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({
    status: 204,
    headers: {
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "authorization, content-type, content-encoding",
      "access-control-max-age": "600",
      vary: "origin"
    }
  })

const toResponse = (cause: Cause.Cause<unknown>): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (error instanceof HttpServerError.RouteNotFound) {
    return Effect.succeed(
      refusedResponse({ status: 404, code: "not-found", message: "there is nothing here for this method; see /docs" })
    )
  }
  return Effect.as(
    Effect.logError("A request failed", cause),
    refusedResponse({ status: 500, code: "internal", message: "the server failed; its log says more" })
  )
}

const wrongMethod = (
  method: string,
  path: string,
  allowed: ReadonlyArray<string>
): HttpServerResponse.HttpServerResponse =>
  refusedResponse({
    status: 405,
    code: "wrong-method",
    message: `${path} takes ${allowed.join(", ")}, not ${method}; see /docs`,
    allow: allowed
  })

// The only schema that a route applies is that of its parameters, and they
// are all optional strings.
const isDecodeError = (error: unknown): boolean => error instanceof HttpApiError.HttpApiDecodeError

/** Answers a request whose parameters no handler can read. */
export const refuseRepeatedParameters = <E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<E, R> =>
  Effect.catchAllCause(app, (cause) =>
    isDecodeError(Option.getOrUndefined(Cause.failureOption(cause)))
      ? Effect.succeed(
        refusedResponse({ status: 400, code: "bad-parameter", message: "a parameter was given more than once" })
      )
      : Effect.failCause(cause))

/**
 * Stands before every HTTP request: lets in who may come in, and turns every
 * failure behind it into a plain answer without a word about the inside.
 */
export const httpGate = (parts: ServerParts) => <E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<never, R> =>
  Effect.gen(function*() {
    const incoming = NodeHttpServerRequest.toIncomingMessage(yield* HttpServerRequest.HttpServerRequest)
    const { headers } = incoming
    const path = (incoming.url ?? "/").split("?")[0]
    const origin = parts.auth.allowedOrigin(headers)
    if (incoming.method === "OPTIONS" && origin !== undefined) return preflight(origin)
    const refusal = needsToken(path) ? parts.door.refuse(incoming) : parts.door.refuseForeign(incoming)
    if (refusal !== undefined) {
      parts.counters.refused++
      yield* discardRequestBody(incoming)
      return refusedResponse(refusal)
    }
    const allowed = allowedMethods(path)
    const method = incoming.method ?? "GET"
    const isWrong = allowed !== undefined && !allowed.includes(method)
    if (isWrong) yield* discardRequestBody(incoming)
    const response = isWrong ? wrongMethod(method, path, allowed) : yield* app.pipe(
      Effect.catchAllCause((cause) => Cause.isInterruptedOnly(cause) ? Effect.interrupt : toResponse(cause))
    )
    return HttpServerResponse.setHeaders(response, {
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      ...(origin === undefined ? { "cross-origin-resource-policy": "same-origin" } : undefined),
      ...(response.headers["content-security-policy"] === undefined
        ? { "content-security-policy": "default-src 'none'; frame-ancestors 'none'" }
        : undefined),
      ...(response.headers["cache-control"] === undefined ? { "cache-control": "no-store" } : undefined),
      ...(origin === undefined ? undefined : {
        "access-control-allow-origin": origin,
        vary: response.headers["vary"] === undefined ? "origin" : `${response.headers["vary"]}, origin`
      })
    })
  })
