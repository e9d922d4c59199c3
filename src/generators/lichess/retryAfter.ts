import type { HttpClientResponse } from "@effect/platform"
import { Chunk, Clock, Duration, Effect, Option, Schema, Stream } from "effect"

const longestBody = 16_384

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
    const text = yield* beginning(response)
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

const beginning = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string> => {
  let bytes = 0
  return response.stream.pipe(
    Stream.takeUntil((part) => {
      bytes += part.length
      return bytes >= longestBody
    }),
    Stream.decodeText(),
    Stream.runCollect,
    Effect.map(Chunk.join("")),
    Effect.timeout("5 seconds"),
    Effect.orElseSucceed(() => "")
  )
}
