import type { HttpClientResponse } from "@effect/platform"
import { Clock, Duration, Effect, Option, Schema } from "effect"
import { bodyText } from "./bodyText.js"

/** The part of a body that is looked at, and for how long it is waited for. */
const longestBody = 16_384
const bodyTimeout = Duration.seconds(5)

const Body = Schema.parseJson(Schema.Struct({ ratelimit: Schema.Struct({ seconds: Schema.NonNegative }) }))

const readBody = Schema.decodeUnknownOption(Body)

/**
 * How long a server that refuses with 429 wants to be left alone: the longer
 * of the header `Retry-After` (seconds or an HTTP date) and of
 * `ratelimit.seconds` in a JSON body; `undefined` when it says neither. The
 * body may be anything, a web page too, and only its beginning is read.
 */
export const retryAfter = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<Duration.Duration | undefined> =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const header = response.headers["retry-after"]
    const text = yield* bodyText(response, longestBody).pipe(
      Effect.timeout(bodyTimeout),
      Effect.orElseSucceed(() => "")
    )
    const asked = [
      header === undefined ? undefined : parseHeader(header, now),
      Option.getOrUndefined(Option.map(readBody(text), (body) => body.ratelimit.seconds * 1000))
    ].filter((millis) => millis !== undefined)
    return asked.length === 0 ? undefined : Duration.millis(Math.max(...asked))
  })

const parseHeader = (header: string, now: number): number | undefined => {
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
