import { Either, Schema } from "effect"
import { formatProblem } from "../domain/decodeMetric.js"
import { isWellFormed } from "../domain/Json.js"
import { type BatchFrame, decodeBatchFrame } from "./BatchCodec.js"

/** WebSocket subprotocol of batch mode; a connection without it speaks plain mode. */
export const SUBPROTOCOL = "metrics.batch.v1"

/** Media type of a batch or a skip sent by HTTP. */
export const BATCH_MEDIA_TYPE = "application/vnd.metrics.batch.v1+json"

/** Version of the protocol in `hello` and `welcome`. */
export const PROTOCOL_VERSION = 1

/** Close code by which a server says that a newer connection of the same stream took over. */
export const CLOSE_SUPERSEDED = 4001

// Text with a lone surrogate would come back from a store as another text.
const StreamName = Schema.String.pipe(
  Schema.minLength(1),
  Schema.maxLength(128),
  Schema.filter(isWellFormed, { message: () => "the string holds a lone surrogate" })
)

/** Names one opening of an outbox: a random 128-bit id, written as text. */
export const StreamId = StreamName

/** The name of a sender, for people; a UUID by default. */
export const SenderId = StreamName

/** A place in a stream: how many points were accepted into it before this one. */
export const Offset = Schema.Int.pipe(Schema.between(0, Number.MAX_SAFE_INTEGER))

/** A point that the server refused: its offset and the reason. */
export const Rejected = Schema.Tuple(Offset, Schema.String)

const Capabilities = Schema.optionalWith(Schema.Array(Schema.String), { default: () => [] })

/** First frame of a sender: who it is and what it holds. */
export const Hello = Schema.Struct({
  type: Schema.Literal("hello"),
  protocol: Schema.Int,
  sender: SenderId,
  /** `acked`: all before it is known to be acknowledged; `next`: the first offset not yet given away. */
  streams: Schema.Array(Schema.Struct({ stream: StreamId, acked: Offset, next: Offset })),
  /** The sender's clock, ms since the epoch. */
  time: Schema.optionalWith(Schema.Finite, { exact: true }),
  capabilities: Capabilities
})
export type Hello = typeof Hello.Type

/** The server's answer to `hello`: which offset it expects of each stream. */
export const Welcome = Schema.Struct({
  type: Schema.Literal("welcome"),
  protocol: Schema.Int,
  /** Id of the store behind the server. */
  store: Schema.String,
  streams: Schema.Array(Schema.Struct({ stream: StreamId, next: Offset })),
  /** How many batches may wait for their ack. */
  window: Schema.Int.pipe(Schema.between(1, 1024)),
  maxBatchBytes: Schema.Int.pipe(Schema.positive()),
  capabilities: Capabilities
})
export type Welcome = typeof Welcome.Type

/** Everything before `next` is committed; `rejected` lists what of it was refused. */
export const Ack = Schema.Struct({
  type: Schema.Literal("ack"),
  stream: StreamId,
  next: Offset,
  rejected: Schema.optionalWith(Schema.Array(Rejected), { default: () => [] })
})
export type Ack = typeof Ack.Type

/** The batch began past `next`: nothing of it was taken, send again from `next`. */
export const Gap = Schema.Struct({ type: Schema.Literal("gap"), stream: StreamId, next: Offset })
export type Gap = typeof Gap.Type

const Instant = Schema.Int.pipe(Schema.between(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER))

/** A loss that a collector wrote down: metrics that were lost before they were accepted. */
export const DeclaredLoss = Schema.Struct({
  /** Who lost them. */
  generator: Schema.String.pipe(Schema.maxLength(255)),
  /** How many; absent or `null` where nobody could count. */
  count: Schema.optional(Schema.NullOr(Offset)),
  /** First and last instant concerned, ms since the epoch. */
  from: Instant,
  to: Instant
})
export type DeclaredLoss = typeof DeclaredLoss.Type

/**
 * The offsets `from` ≤ o < `to` will never come as points; answered by an ack.
 * They were metrics, unless `loss` says what they tell instead.
 */
export const Skip = Schema.Struct({
  type: Schema.Literal("skip"),
  stream: StreamId,
  from: Offset,
  to: Offset,
  reason: Schema.String.pipe(Schema.maxLength(1000)),
  loss: Schema.optional(DeclaredLoss)
})
export type Skip = typeof Skip.Type

/** Nothing after the last ack was taken: wait, then send again from `next`. */
export const Busy = Schema.Struct({
  type: Schema.Literal("busy"),
  retryAfterMillis: Schema.Number.pipe(Schema.between(0, 3_600_000))
})
export type Busy = typeof Busy.Type

/**
 * What a server may say in an error frame.
 *
 * - `bad-frame`: not JSON, or not a frame of the protocol
 * - `unknown-series`: a batch used an id that was not defined on this connection
 * - `too-large`: over `maxBatchBytes`
 * - `protocol`: a version that the server does not speak, or a frame out of turn
 * - `too-many-series`: a connection defined more than the server keeps; connect again
 * - `too-many-streams`: a connection opened more than the server keeps; deliver some over HTTP or another connection
 * - `stream-owned`: the stream was opened with another token
 * - `internal`: the server could not store it; it may be sent again
 */
export type ErrorCode =
  | "bad-frame"
  | "unknown-series"
  | "too-large"
  | "protocol"
  | "too-many-series"
  | "too-many-streams"
  | "stream-owned"
  | "internal"

/** Something is wrong with the connection; after a fatal one the server closes it. */
export const ErrorFrame = Schema.Struct({
  type: Schema.Literal("error"),
  code: Schema.String,
  message: Schema.String,
  fatal: Schema.Boolean
})
export type ErrorFrame = typeof ErrorFrame.Type

/** What a server sends in batch mode. */
export const ServerFrame = Schema.Union(Welcome, Ack, Gap, Busy, ErrorFrame)
export type ServerFrame = typeof ServerFrame.Type

const decodeServer = Schema.decodeUnknownEither(ServerFrame)
const decodeHello = Schema.decodeUnknownEither(Hello)
const decodeSkip = Schema.decodeUnknownEither(Skip)

/** What a sender sends in batch mode. */
export type ClientFrame = Hello | BatchFrame | Skip

/** Reads JSON text, or says why it is none. */
export const parseJson = (text: string): Either.Either<unknown, string> =>
  Either.try({
    try: () => JSON.parse(text) as unknown,
    catch: (cause) => `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`
  })

const typeOf = (json: unknown): unknown =>
  typeof json === "object" && json !== null && "type" in json ? json.type : undefined

/** Reads a frame of a server, or says why it is none of ours. */
export const decodeServerFrame = (text: string): Either.Either<ServerFrame, string> =>
  Either.flatMap(parseJson(text), (json) =>
    // A union of schemas makes text of what should tell its members apart, and an
    // object with a member `toString` cannot be made text.
    typeof typeOf(json) === "string"
      ? Either.mapLeft(decodeServer(json), formatProblem)
      : Either.left("type: expected text"))

/** Reads a client's frame that was parsed from JSON, or says why it is none of ours. */
export const decodeClientValue = (json: unknown): Either.Either<ClientFrame, string> => {
  const type = typeOf(json)
  switch (type) {
    case "batch":
      return decodeBatchFrame(json)
    case "hello":
      return Either.mapLeft(decodeHello(json), formatProblem)
    case "skip":
      return Either.mapLeft(decodeSkip(json), formatProblem)
    default:
      return Either.left(`type: expected hello, batch or skip, got ${JSON.stringify(type) ?? "nothing"}`)
  }
}

/** Reads a frame of a sender, or says why it is none of ours. */
export const decodeClientFrame = (text: string): Either.Either<ClientFrame, string> =>
  Either.flatMap(parseJson(text), decodeClientValue)

/** Writes a frame that has no columns. */
export const encodeFrame = (
  frame: (typeof Hello.Encoded) | (typeof ServerFrame.Encoded) | (typeof Skip.Encoded)
): string => JSON.stringify(frame)
