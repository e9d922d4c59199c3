import { HttpApiBuilder, HttpServerResponse } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Either } from "effect"
import { Api } from "../../wire/Api.js"
import { parseJson } from "../../wire/Frames.js"
import { SESSION_COOKIE, SESSION_SECONDS } from "../Auth.js"
import { discardRequestBody, withRequestBody } from "../ingest/RequestBody.js"
import { Refused, refusedResponse } from "../Refused.js"
import type { ServerParts } from "../ServerParts.js"

const maxLoginBytes = 8_192

const tokenIn = (text: string): Either.Either<string, Refused> => {
  const bad = new Refused({ status: 400, code: "bad-json", message: "expected {\"token\": \"…\"}" })
  const json = parseJson(text)
  if (Either.isLeft(json)) return Either.left(bad)
  const body = json.right
  return typeof body === "object" && body !== null && "token" in body && typeof body.token === "string"
    ? Either.right(body.token)
    : Either.left(bad)
}

/** `/api/session`: a token in, a cookie out, for the dashboard in a browser. */
export const sessionHandlers = (parts: ServerParts) => {
  const { auth } = parts
  const attributes = `Path=/; HttpOnly; SameSite=Strict${parts.secure ? "; Secure" : ""}`
  const empty = (cookie: string | undefined) =>
    HttpServerResponse.empty({
      status: 204,
      headers: {
        "cache-control": "no-store",
        ...(cookie === undefined ? undefined : { "set-cookie": `${SESSION_COOKIE}=${cookie}; ${attributes}` })
      }
    })
  return HttpApiBuilder.group(Api, "session", (handlers) =>
    handlers
      .handleRaw("login", ({ request }) => {
        const incoming = NodeHttpServerRequest.toIncomingMessage(request)
        // A page of another site can send a form here, but no JSON: that needs its origin to be allowed.
        if (!/^application\/json\b/i.test(incoming.headers["content-type"] ?? "")) {
          return Effect.as(
            discardRequestBody(incoming),
            refusedResponse({ status: 415, code: "unsupported-media-type", message: "send application/json" })
          )
        }
        return withRequestBody(incoming, maxLoginBytes, parts.inFlight, (body) => tokenIn(body.toString("utf8"))).pipe(
          Effect.map((token) => {
            if (!auth.isProtected) return empty(undefined)
            const granted = parts.door.login(incoming, token)
            return "status" in granted
              ? refusedResponse(granted)
              : empty(`${granted.cookie}; Max-Age=${SESSION_SECONDS}`)
          }),
          Effect.catchAll((refused) => Effect.succeed(refusedResponse(refused)))
        )
      })
      .handleRaw("logout", () => Effect.succeed(empty("; Max-Age=0"))))
}
