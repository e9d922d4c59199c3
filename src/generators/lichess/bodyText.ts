import type { HttpClientError, HttpClientResponse } from "@effect/platform"
import { Chunk, Effect, Stream } from "effect"

/**
 * Reads the body of an answer as text, and stops when it has read at least
 * `mostBytes`: a longer body is cut off.
 */
export const bodyText = (
  response: HttpClientResponse.HttpClientResponse,
  mostBytes: number
): Effect.Effect<string, HttpClientError.ResponseError> => {
  let bytes = 0
  return response.stream.pipe(
    Stream.takeUntil((part) => {
      bytes += part.length
      return bytes >= mostBytes
    }),
    Stream.decodeText(),
    Stream.runCollect,
    Effect.map(Chunk.join(""))
  )
}
