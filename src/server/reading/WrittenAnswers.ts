import { HttpServerResponse } from "@effect/platform"
import { Effect, type Scope, Stream } from "effect"
import { Refused } from "../Refused.js"
import { makeSharedWork } from "./SharedWork.js"

/** Most different answers that are written at a time. */
const atOnce = 2

/** An answer in pieces of UTF-8. */
export type Pieces = ReadonlyArray<Uint8Array>

const bytesOf = (pieces: Pieces): number => pieces.reduce((sum, { length }) => sum + length, 0)

/** Answers that were written whole and wait for their readers. */
export interface WrittenAnswers<E> {
  /** Writes for one who asks; what is written is kept until he has it. */
  readonly forOne: <E1>(
    write: Effect.Effect<Pieces, E1>,
    contentType: string
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, E1 | Refused, Scope.Scope>
  /**
   * Writes once for all who ask for the same `key` before it is begun, two different ones at a time; what is written is
   * kept until the last of them has it.
   */
  readonly forAll: (
    key: string,
    write: Effect.Effect<Pieces, E>,
    contentType: string
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, E | Refused, Scope.Scope>
}

const responseOf = (pieces: Pieces, contentType: string): HttpServerResponse.HttpServerResponse =>
  pieces.length === 1
    ? HttpServerResponse.uint8Array(pieces[0], { contentType })
    // One by one: each waits until the client has taken those before it.
    : HttpServerResponse.stream(Stream.rechunk(Stream.fromIterable(pieces), 1), {
      contentType,
      contentLength: bytesOf(pieces)
    })

/** Makes {@link WrittenAnswers}: none is begun while `maxBytes` of them wait, who asks then is refused with status 503. */
export const makeWrittenAnswers = <E>(maxBytes: number): Effect.Effect<WrittenAnswers<E>, never, Scope.Scope> =>
  Effect.map(makeSharedWork<Pieces, E | Refused>(atOnce), (shared) => {
    let kept = 0

    const written = <E1>(write: Effect.Effect<Pieces, E1>): Effect.Effect<Pieces, E1 | Refused, Scope.Scope> =>
      Effect.suspend((): Effect.Effect<Pieces, E1 | Refused> =>
        kept < maxBytes ? write : Effect.fail(
          new Refused({
            status: 503,
            code: "busy",
            message: "too many bytes of earlier answers wait to be read; try again",
            retryAfterSeconds: 5
          })
        )
      ).pipe(
        Effect.tap((pieces) => {
          const bytes = bytesOf(pieces)
          return Effect.acquireRelease(
            Effect.sync(() => {
              kept += bytes
            }),
            () =>
              Effect.sync(() => {
                kept -= bytes
              })
          )
        })
      )

    return {
      forOne: (write, contentType) => Effect.map(written(write), (pieces) => responseOf(pieces, contentType)),
      forAll: (key, write, contentType) =>
        Effect.map(shared.share(key, written(write)), (pieces) => responseOf(pieces, contentType))
    }
  })
