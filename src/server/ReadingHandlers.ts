import { Headers, HttpApiBuilder, type HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Either, Option, Stream } from "effect"
import type { QueryError, StoreError } from "../store/MetricStore.js"
import { Api } from "../wire/Api.js"
import { latestJson, seriesJson } from "./AnswerJson.js"
import { storeProblem } from "./Ingest.js"
import { liveEvents } from "./Live.js"
import type { LiveAudiences } from "./LiveAudiences.js"
import { nextTurn } from "../domain/nextTurn.js"
import { parseFilter, parseQuery } from "./QueryParameters.js"
import { Refused, refusedResponse } from "./Refused.js"
import type { ServerParts } from "./ServerParts.js"

/** The parameters of a request's URL. */
export const parametersOf = (request: { readonly url: string }): URLSearchParams => {
  const at = request.url.indexOf("?")
  return new URLSearchParams(at < 0 ? "" : request.url.slice(at + 1))
}

/** A refusal that names what is wrong with the parameters. */
export const badParameter = (message: string): Refused => new Refused({ status: 400, code: "bad-parameter", message })

const ofQuery = ({ message, reason }: QueryError): Refused => {
  switch (reason) {
    case "Invalid":
    case "TooHard":
      return badParameter(message)
    case "TooLarge":
      return new Refused({ status: 400, code: "query-too-large", message })
    case "TooLong":
      return new Refused({ status: 503, code: "query-timeout", message })
  }
}

/** Turns what reading for a request may fail with into a refusal; the cause goes to the log. */
export const refuseReading = (
  { incidents }: Pick<ServerParts, "incidents">,
  request: HttpServerRequest.HttpServerRequest
) =>
(
  error: StoreError | QueryError | Refused
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  switch (error._tag) {
    case "Refused":
      return Effect.succeed(refusedResponse(error))
    case "QueryError":
      if (error.reason === "TooLong" || error.reason === "TooHard") {
        const { remoteAddress } = NodeHttpServerRequest.toIncomingMessage(request).socket
        incidents.note("slow-query", remoteAddress, error.message)
      }
      return Effect.succeed(refusedResponse(ofQuery(error)))
    case "StoreError":
      if (error.reason === "Unavailable") {
        // The store told its operator; that many asked meanwhile is no news.
        return Effect.as(
          Effect.logDebug("The store could not answer", error),
          refusedResponse({
            status: 503,
            code: "unavailable",
            message: "the server could not read its store; ask again",
            retryAfterSeconds: 1
          })
        )
      }
      return Effect.as(
        Effect.logError("The store could not answer", error),
        refusedResponse({
          status: error.reason === "Closed" ? 503 : 500,
          code: "internal",
          message: storeProblem(error)
        })
      )
  }
}

const contentType = "application/json"

/** Sends the pieces of a JSON text, giving sockets a turn between two of them. */
const inPieces = (pieces: Iterator<Uint8Array>): HttpServerResponse.HttpServerResponse => {
  const first = pieces.next()
  const second = first.done === true ? first : pieces.next()
  if (first.done !== true && second.done === true) return HttpServerResponse.uint8Array(first.value, { contentType })
  const rest = Stream.repeatEffectOption(Effect.flatMap(nextTurn, () => {
    const piece = pieces.next()
    return piece.done === true ? Effect.fail(Option.none()) : Effect.succeed(piece.value)
  }))
  return HttpServerResponse.stream(
    Stream.concat(
      Stream.fromIterable([first, second].flatMap((piece) => piece.done === true ? [] : [piece.value])),
      rest
    ),
    { contentType }
  )
}

/** `/api/series`, `/api/query`, `/api/latest` and `/api/live`, whose readers are `audiences`. */
export const readingHandlers = (parts: ServerParts, audiences: LiveAudiences) => {
  const { counters, store } = parts
  return HttpApiBuilder.group(Api, "reading", (handlers) =>
    handlers
      .handleRaw("series", ({ request }) =>
        Either.mapLeft(parseFilter(parametersOf(request)), badParameter).pipe(
          Effect.flatMap(store.series),
          Effect.map((series) => inPieces(seriesJson(series))),
          Effect.catchAll(refuseReading(parts, request))
        ))
      .handleRaw("query", ({ request }) =>
        Either.mapLeft(parseQuery(parametersOf(request)), badParameter).pipe(
          Effect.flatMap(({ fields, query }) =>
            Effect.map(store.queryText({ ...query, fields }), ({ giveBack, pieces }) => {
              counters.queries++
              // When it is closed, its socket holds none of them.
              NodeHttpServerRequest.toServerResponse(request).once("close", giveBack)
              return inPieces(pieces.values())
            })
          ),
          Effect.catchAll(refuseReading(parts, request))
        ))
      .handleRaw("latest", ({ request }) =>
        Either.mapLeft(parseFilter(parametersOf(request)), badParameter).pipe(
          Effect.flatMap(store.latest),
          Effect.map((points) => inPieces(latestJson(points))),
          Effect.catchAll(refuseReading(parts, request))
        ))
      .handleRaw("live", ({ request }) =>
        Either.mapLeft(parseFilter(parametersOf(request)), badParameter).pipe(
          Effect.flatMap((filter) => Effect.map(store.matcher(filter), (matcher) => audiences.join(filter, matcher))),
          Effect.map((join) =>
            HttpServerResponse.stream(liveEvents(store, counters, join, parts.stopping), {
              contentType: "text/event-stream",
              headers: Headers.fromInput({ "cache-control": "no-store", "x-accel-buffering": "no" })
            })
          ),
          Effect.catchAll(refuseReading(parts, request))
        )))
}
