import { type HttpClient, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { Data, Duration, Effect, type Scope } from "effect"
import { bodyText } from "./bodyText.js"
import type { RequestGate } from "./RequestGate.js"
import { retryAfter } from "./retryAfter.js"

/** A request was not answered with what was asked for. */
export class LichessApiError extends Data.TaggedError("LichessApiError")<{
  /**
   * - `missing`: 404, there is no such thing; asking again does not help
   * - `paused`: too many requests; the gate holds all requests back meanwhile
   * - `down`: anything else: no connection, no answer in time, a server in trouble, a web page
   */
  readonly reason: "missing" | "paused" | "down"
  readonly message: string
  /** Status of the answer, where there was one. */
  readonly status: number | undefined
}> {}

/** The requests that we make of a Lichess server, all through one {@link RequestGate}. */
export interface LichessApi {
  /** Base URL, without a slash at the end. */
  readonly url: string
  /** Opens an endless NDJSON answer, which stays open as long as the scope. */
  readonly open: (
    path: string
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, LichessApiError, Scope.Scope>
  /** Asks for a JSON answer and reads it. Answers are small: more than 1 MiB is refused. */
  readonly json: (path: string) => Effect.Effect<unknown, LichessApiError>
}

/** Longest wait for an answer to begin, and for a JSON answer to end. */
const answerTimeout = Duration.seconds(30)

const longestAnswer = 1_048_576

/** Makes the requests of a server. The client ties each connection to its scope. */
export const makeLichessApi = (
  client: HttpClient.HttpClient.With<Error, Scope.Scope>,
  url: string,
  gate: RequestGate
): LichessApi => {
  const request = (path: string, accept: string) =>
    Effect.gen(function*() {
      const response = yield* client.execute(HttpClientRequest.get(url + path, { headers: { accept } })).pipe(
        Effect.mapError((error) => down(describe(error))),
        Effect.timeoutFail({
          duration: answerTimeout,
          onTimeout: () => down(`no answer within ${Duration.format(answerTimeout)}`)
        })
      )
      yield* refused(response, gate)
      return response
    })

  return {
    url,
    open: (path) => gate.send(request(path, "application/x-ndjson")),
    json: (path) =>
      Effect.scoped(gate.send(Effect.gen(function*() {
        const response = yield* request(path, "application/json")
        const text = yield* bodyText(response, longestAnswer).pipe(
          Effect.mapError((error) => down(describe(error), response.status)),
          Effect.timeoutFail({
            duration: answerTimeout,
            onTimeout: () => down(`its answer did not end within ${Duration.format(answerTimeout)}`, response.status)
          })
        )
        if (text.length >= longestAnswer) return yield* down("it answers with more than 1 MiB", response.status)
        return yield* Effect.try({
          try: (): unknown => JSON.parse(text),
          catch: () => down("it answers with what is no JSON", response.status)
        })
      })))
  }
}

const down = (message: string, status?: number): LichessApiError =>
  new LichessApiError({ reason: "down", message, status })

/** Behind its proxy, Lichess also refuses by sending the client to a page of that name. */
const refusalPage = /\/429(?:[/?#.]|$)/

const refused = (
  response: HttpClientResponse.HttpClientResponse,
  gate: RequestGate
): Effect.Effect<void, LichessApiError> =>
  Effect.gen(function*() {
    const { headers, status } = response
    const redirected = status >= 300 && status < 400 && refusalPage.test(headers["location"] ?? "")
    if (status === 429 || redirected) {
      const left = yield* Effect.flatMap(retryAfter(response), gate.pause)
      const message = `too many requests (429): all requests to it pause for ${Duration.format(left)}`
      return yield* new LichessApiError({ reason: "paused", message, status: 429 })
    }
    if (status === 404) {
      return yield* new LichessApiError({ reason: "missing", message: "it answers with status 404", status })
    }
    if (status !== 200) return yield* down(`it answers with status ${status}`, status)
    if (/^\s*text\/html/i.test(headers["content-type"] ?? "")) {
      return yield* down("it answers with a web page", status)
    }
  })

/** What went wrong, with its cause where that says more. */
export const describe = (error: Error): string => {
  const cause = error.cause instanceof Error && error.cause.message !== "" ? `: ${error.cause.message}` : ""
  return `${error.message}${cause}`
}
