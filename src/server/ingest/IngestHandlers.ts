import { HttpApiBuilder } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Either } from "effect"
import { Api } from "../../wire/Api.js"
import type { ServerParts } from "../ServerParts.js"
import { bodyKind, makeBodyIngest } from "./BodyIngest.js"
import { discardRequestBody, withRequestBody } from "./RequestBody.js"

/** `POST /api/metrics`: reads the body, and hands it to the ingest. */
export const ingestHandlers = (parts: ServerParts) => {
  const { auth, counters, incidents } = parts
  const ingest = makeBodyIngest(parts)
  return HttpApiBuilder.group(Api, "ingest", (handlers) =>
    handlers.handleRaw("metrics", ({ request }) => {
      const incoming = NodeHttpServerRequest.toIncomingMessage(request)
      const owner = auth.ownerOf(incoming.headers) ?? ""
      return Either.match(bodyKind(incoming.headers["content-type"]), {
        onLeft: (refused) => Effect.zipRight(discardRequestBody(incoming), Effect.fail(refused)),
        onRight: (kind) =>
          withRequestBody(incoming, parts.maxBodyBytes, parts.inFlight, (body, received) => {
            counters.bytes += received
            return ingest.take(
              kind,
              body,
              owner,
              (reason) => incidents.note("bad-metrics", incoming.socket.remoteAddress, reason)
            )
          })
      }).pipe(Effect.catchAll((refused) => {
        incidents.note("refused-body", incoming.socket.remoteAddress, refused.message)
        return Effect.succeed(ingest.refuse(refused))
      }))
    }))
}
