import type { HttpServerResponse } from "@effect/platform"
import { Effect, Either, Schema } from "effect"
import { isUtf8 } from "node:buffer"
import type { CommitResult, StoreError, StreamOwnedError, StreamWriter } from "../../store/MetricStore.js"
import type { BatchAnswer, GapAnswer, PlainAnswer } from "../../wire/Api.js"
import { applyDefinitions, type BatchFrame, type Dictionary } from "../../wire/BatchCodec.js"
import { BATCH_MEDIA_TYPE, decodeClientValue, Offset, parseJson, SenderId, type Skip } from "../../wire/Frames.js"
import { commitBatch, commitSkip, isPassing, prepareBatch, storeProblem } from "../Ingest.js"
import { jsonText, Refused, refusedResponse } from "../Refused.js"
import type { ServerParts } from "../ServerParts.js"
import { isTooNested } from "./isTooNested.js"
import { takePlain } from "./PlainMode.js"
import { PlainReader } from "./PlainReader.js"

/**
 * Most points of a batch, which is checked and committed in one turn. Our own senders join at most 256 KiB into a
 * request, which is no more than some 40,000 points of the shortest form.
 */
const maxBatchPoints = 100_000

/** What a body may hold: metrics of a plain client, or a batch or a skip of a stream. */
export type BodyKind = "plain" | "batch"

/** What the content type says the body is. Bodies without one are read as JSON. */
export const bodyKind = (contentType: string | undefined): Either.Either<BodyKind, Refused> => {
  const [type, ...parameters] = (contentType ?? "application/json").toLowerCase().split(";").map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice(8).replaceAll("\"", "")
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8") {
    return Either.left(
      new Refused({
        status: 415,
        code: "unsupported-charset",
        message: `charset ${charset} is not understood; send UTF-8`
      })
    )
  }
  if (type === BATCH_MEDIA_TYPE) return Either.right("batch")
  if (type === "application/json" || /^application\/[^/]+\+json$/.test(type)) return Either.right("plain")
  return Either.left(
    new Refused({
      status: 415,
      code: "unsupported-media-type",
      message:
        `content-type "${type}" is not understood; send application/json (curl: -H 'content-type: application/json')` +
        ` or ${BATCH_MEDIA_TYPE}`
    })
  )
}

const badRequest = (code: string, message: string): Refused => new Refused({ status: 400, code, message })

const readJson = (body: Buffer): Either.Either<unknown, Refused> => {
  if (isTooNested(body)) {
    return Either.left(
      new Refused({
        status: 413,
        code: "too-large",
        message: "the body holds more arrays and objects than metrics ever do; send it in several parts"
      })
    )
  }
  if (!isUtf8(body)) return Either.left(badRequest("bad-json", "the body is not UTF-8"))
  const text = body.toString("utf8")
  if (text.trim() === "") return Either.left(badRequest("bad-json", "the body is empty; send JSON"))
  return Either.mapLeft(
    parseJson(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text),
    (message) => badRequest("bad-json", message)
  )
}

const ofStore = (error: StoreError): Effect.Effect<never, Refused> => {
  const message = storeProblem(error)
  return isPassing(error)
    ? Effect.fail(new Refused({ status: 503, code: "busy", message, retryAfterSeconds: 5 }))
    : Effect.zipRight(
      Effect.logError("Metrics could not be stored", error),
      Effect.fail(new Refused({ status: 500, code: "internal", message }))
    )
}

const ofOwner = (error: StreamOwnedError): Refused =>
  new Refused({
    status: 403,
    code: "stream-owned",
    message: `the stream ${error.stream} was opened with another token`
  })

const decodeWriter = Schema.decodeUnknownEither(Schema.Struct({
  sender: Schema.optionalWith(SenderId, { exact: true }),
  acked: Schema.optionalWith(Offset, { exact: true })
}))

/** Takes the bodies of `POST /api/metrics`, whatever brought them. */
export interface BodyIngest {
  /**
   * Takes a body that is complete and inflated; `owner` says who sent it, `note` is told why metrics of a plain client
   * were refused, where any were.
   */
  readonly take: (
    kind: BodyKind,
    body: Buffer,
    owner: string,
    note?: (reason: string) => void
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, Refused>
  /** Counts and words a refusal. */
  readonly refuse: (refused: Refused) => HttpServerResponse.HttpServerResponse
}

/** Makes what takes metrics of plain clients, and batches and skips of senders that cannot reach the socket. */
export const makeBodyIngest = (parts: ServerParts): BodyIngest => {
  const { auth, counters, store, ways } = parts
  const plain = { store, counters, reader: new PlainReader() }

  // A stream whose token is no longer known changes hands by being opened,
  // which on the socket is what `hello` does.
  const orOpened = (
    writer: StreamWriter,
    commit: Effect.Effect<CommitResult, StoreError | StreamOwnedError>
  ): Effect.Effect<CommitResult, Refused> =>
    commit.pipe(
      Effect.catchTag("StreamOwnedError", () =>
        Effect.zipRight(store.openStreams([writer], auth.isCurrentOwner), commit)),
      Effect.catchTags({
        StoreError: ofStore,
        StreamOwnedError: (error) =>
          Effect.fail(ofOwner(error))
      })
    )

  const batch = (frame: BatchFrame, writer: StreamWriter): Effect.Effect<CommitResult, Refused> => {
    const dictionary: Dictionary = new Map()
    const applied = applyDefinitions(dictionary, frame.define)
    if (Either.isLeft(applied)) return Effect.fail(badRequest("bad-frame", applied.left))
    const prepared = prepareBatch(frame, dictionary, writer)
    if (Either.isLeft(prepared)) {
      const ids = prepared.left.unknown.slice(0, 10).join(", ")
      return Effect.fail(
        badRequest(
          "unknown-series",
          `series ids without a definition: ${ids}; over HTTP every batch defines all its ids`
        )
      )
    }
    return orOpened(writer, commitBatch(store, counters, prepared.right))
  }

  const takeBatch = (json: unknown, owner: string): Effect.Effect<HttpServerResponse.HttpServerResponse, Refused> => {
    const decoded = decodeClientValue(json)
    if (Either.isLeft(decoded)) return Effect.fail(badRequest("bad-frame", decoded.left))
    const frame: BatchFrame | Skip | { readonly type: "hello" } = decoded.right
    if (frame.type === "hello") {
      return Effect.fail(badRequest("bad-frame", "hello belongs to the socket; over HTTP send batch or skip"))
    }
    const given = decodeWriter(json)
    if (Either.isLeft(given)) {
      return Effect.fail(badRequest("bad-frame", "sender: expected 1 to 128 characters; acked: expected an offset"))
    }
    if (frame.type === "batch" && frame.series.length > maxBatchPoints) {
      return Effect.fail(
        new Refused({
          status: 413,
          code: "too-large",
          message: `${frame.series.length} points in one batch; send at most ${maxBatchPoints}`
        })
      )
    }
    const writer: StreamWriter = {
      stream: frame.stream,
      sender: given.right.sender ?? frame.stream,
      owner,
      acked: given.right.acked ?? 0
    }
    ways.cameByHttp(frame.stream)
    const committed = frame.type === "batch"
      ? batch(frame, writer)
      : orOpened(writer, commitSkip(store, writer, frame))
    return Effect.map(committed, (result) =>
      result._tag === "Gap"
        ? jsonText(JSON.stringify({ stream: frame.stream, next: result.next } satisfies GapAnswer), { status: 409 })
        : jsonText(
          JSON.stringify(
            { stream: frame.stream, next: result.next, rejected: result.rejected } satisfies BatchAnswer
          )
        ))
  }

  const plainAnswer = (answer: PlainAnswer): HttpServerResponse.HttpServerResponse =>
    jsonText(JSON.stringify(answer), {
      status: answer.accepted === 0 && answer.rejected.length > 0 ? 422 : 200
    })

  return {
    take: (kind, body, owner, note) =>
      Effect.flatMap(readJson(body), (json) =>
        kind === "batch"
          ? takeBatch(json, owner)
          : Effect.map(Effect.catchTag(takePlain(plain, json), "StoreError", ofStore), (answer) => {
            const first = answer.rejected.at(0)
            if (first !== undefined) note?.(first.message)
            return plainAnswer(answer)
          })),
    refuse: (refused) => {
      if (refused.status === 503) counters.busy++
      return refusedResponse(refused)
    }
  }
}
