import { Headers, HttpApiBuilder, type HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Either } from "effect"
import type { QueryError, SeriesFilter, StoreError } from "../../store/MetricStore.js"
import { Api } from "../../wire/Api.js"
import { storeProblem } from "../Ingest.js"
import { liveEvents } from "../Live.js"
import { Refused, refusedResponse } from "../Refused.js"
import type { ServerParts } from "../ServerParts.js"
import { latestJson, seriesJson } from "./AnswerJson.js"
import type { LiveAudiences } from "./LiveAudiences.js"
import { parseFilter, parseQuery } from "./QueryParameters.js"
import type { Pieces, WrittenAnswers } from "./WrittenAnswers.js"

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

/** What is kept for those who read. */
export interface ReadingParts {
  /** Readers of `/api/live`. */
  readonly audiences: LiveAudiences
  /** Answers of `/api/series`, `/api/query` and `/api/latest`. */
  readonly answers: WrittenAnswers<StoreError | QueryError>
}

/** `/api/series`, `/api/query`, `/api/latest` and `/api/live`. */
export const readingHandlers = (parts: ServerParts, { answers, audiences }: ReadingParts) => {
  const { counters, store } = parts

  /** A list of all series that a filter means: there may be a million, and many who ask. */
  const listed = (
    name: "series" | "latest",
    request: HttpServerRequest.HttpServerRequest,
    list: (filter: SeriesFilter) => Effect.Effect<Pieces, StoreError | QueryError>
  ) =>
    Either.mapLeft(parseFilter(parametersOf(request)), badParameter).pipe(
      Effect.flatMap((filter) => answers.forAll(JSON.stringify([name, filter]), list(filter), contentType)),
      Effect.catchAll(refuseReading(parts, request))
    )

  return HttpApiBuilder.group(Api, "reading", (handlers) =>
    handlers
      .handleRaw("series", ({ request }) =>
        listed("series", request, (filter) => Effect.flatMap(store.series(filter), seriesJson)))
      .handleRaw("query", ({ request }) =>
        Either.mapLeft(parseQuery(parametersOf(request)), badParameter).pipe(
          Effect.flatMap(({ fields, query }) =>
            answers.forOne(
              Effect.map(store.queryText({ ...query, fields }), ({ giveBack, pieces }) => {
                // When it is closed, its socket holds none of them.
                NodeHttpServerRequest.toServerResponse(request).once("close", giveBack)
                return pieces
              }),
              contentType
            )
          ),
          Effect.tap(() => {
            counters.queries++
          }),
          Effect.catchAll(refuseReading(parts, request))
        ))
      .handleRaw("latest", ({ request }) =>
        listed("latest", request, (filter) =>
          Effect.flatMap(store.latest(filter), latestJson)))
      .handleRaw("live", ({ request }) =>
        Either.mapLeft(parseFilter(parametersOf(request)), badParameter).pipe(
          Effect.flatMap((filter) =>
            Effect.map(store.matcher(filter), (matcher) =>
              audiences.join(filter, matcher))
          ),
          Effect.map((join) =>
            HttpServerResponse.stream(liveEvents(store, counters, join, parts.stopping), {
              contentType: "text/event-stream",
              headers: Headers.fromInput({ "cache-control": "no-store", "x-accel-buffering": "no" })
            })
          ),
          Effect.catchAll(refuseReading(parts, request))
        )))
}
