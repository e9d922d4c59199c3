import { Headers, HttpBody, type HttpClient, HttpClientRequest } from "@effect/platform"
import { Duration, Effect, Either, Option, Schema } from "effect"
import type { PipelineStatus } from "../telemetry/PipelineStatus.js"
import { certificateProblem } from "../wire/CertificateProblem.js"
import { BATCH_MEDIA_TYPE, Offset, Rejected, StreamId } from "../wire/Frames.js"
import { type FrameSource, nextFrame } from "./delivery/EntryFrame.js"
import type { JoinedLimit } from "./delivery/JoinedLimit.js"
import type { Positions } from "./delivery/Positions.js"
import { retryAfterMillis } from "./delivery/SocketConnector.js"
import type { Outbox, OutboxError } from "./Outbox.js"
import { DeliveryFailure, DeliveryRefused } from "./SenderErrors.js"

/** Time for one request, its answer's body included. */
export const HTTP_TIMEOUT = Duration.seconds(15)

/** What a server of ours answered to a batch or a skip. */
export type HttpAnswer =
  | {
    readonly _tag: "Taken"
    readonly stream: string
    readonly next: number
    readonly rejected: ReadonlyArray<readonly [offset: number, reason: string]>
  }
  | { readonly _tag: "Gap"; readonly next: number }

const Taken = Schema.parseJson(Schema.Struct({
  stream: StreamId,
  next: Offset,
  rejected: Schema.optionalWith(Schema.Array(Rejected), { default: () => [] })
}))
const decodeTaken = Schema.decodeUnknownEither(Taken)

const decodeGap = Schema.decodeUnknownEither(Schema.parseJson(Schema.Struct({ next: Offset })))

const decodeProblem = Schema.decodeUnknownEither(Schema.parseJson(Schema.Struct({ message: Schema.String })))

const said = (body: string): string => {
  const problem = decodeProblem(body)
  return Either.isRight(problem) ? `: ${problem.right.message.slice(0, 300)}` : ""
}

const foreign = "the endpoint does not answer like a metrics-collector server; check the URL, and what stands before " +
  "it (--plain sends plain JSON to servers of another kind)"

/** What a status other than 200 and 409 means, in either mode: see {@link readAnswer}. */
export const readFailure = (
  status: number,
  body: string,
  retryAfter?: string
): DeliveryFailure | DeliveryRefused => {
  const refused = (message: string) => new DeliveryRefused({ message })
  if (status >= 300 && status < 400) {
    return refused(`the server redirects (HTTP ${status}); give the URL that it redirects to as the endpoint`)
  }
  switch (status) {
    case 400:
    case 415:
    case 422:
      return refused(`the server cannot read what we send (HTTP ${status})${said(body)}; ${foreign}`)
    case 401:
    case 403:
      return refused(
        `the server does not let this sender in (HTTP ${status})${said(body)}; check its token (--token)`
      )
    case 413:
      return refused(
        `a batch is more than the server takes (HTTP 413)${said(body)}; raise the limit of the server or of the ` +
          "proxy before it"
      )
    case 404:
    case 405:
      return new DeliveryFailure({
        message: `the server answered with HTTP ${status}${said(body)}; ${foreign}`,
        retryAfterMillis: retryAfterMillis(retryAfter)
      })
    default:
      return new DeliveryFailure({
        message: `the server answered with HTTP ${status}${said(body)}`,
        retryAfterMillis: retryAfterMillis(retryAfter)
      })
  }
}

/**
 * Reads the answer to a POST of `stream`. What a later attempt may cure is a
 * `DeliveryFailure`; 401, 403, 413, 415, redirects, and 400, 409 or 200 that are not
 * of our protocol are a `DeliveryRefused`. No status loses a metric.
 */
export const readAnswer = (
  stream: string,
  status: number,
  body: string,
  retryAfter?: string
): Either.Either<HttpAnswer, DeliveryFailure | DeliveryRefused> => {
  const refused = (message: string) => Either.left(new DeliveryRefused({ message }))
  switch (status) {
    case 200: {
      const taken = decodeTaken(body)
      return Either.isRight(taken) && taken.right.stream === stream
        ? Either.right({ _tag: "Taken", ...taken.right })
        : refused(`HTTP 200 without an acknowledgement of ours: ${foreign}`)
    }
    case 409: {
      const gap = decodeGap(body)
      return Either.isRight(gap)
        ? Either.right({ _tag: "Gap", next: gap.right.next })
        : refused(`HTTP 409 without an offset${said(body)}: ${foreign}`)
    }
    default:
      return status > 200 && status < 300
        ? refused(`HTTP ${status} without an acknowledgement of ours: ${foreign}`)
        : Either.left(readFailure(status, body, retryAfter))
  }
}

/** What HTTP needs of its sender. */
export interface HttpTransportOptions {
  readonly outbox: typeof Outbox.Service
  readonly positions: Positions
  readonly client: HttpClient.HttpClient
  readonly status: PipelineStatus["sender"]
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** What batches over HTTP need beside it. */
export interface BatchHttpOptions extends HttpTransportOptions {
  readonly joined: JoinedLimit
}

type Failure = DeliveryFailure | DeliveryRefused | OutboxError

// Codes of failures before anything of a request was sent.
const unsent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT"
])

const isUnsent = (error: unknown): boolean => {
  let current = error
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    if ("code" in current && typeof current.code === "string" && unsent.has(current.code)) return true
    current = current.cause
  }
  return false
}

/** What an error says, and behind it what caused it in the end. */
const reasonOf = (error: Error): string => {
  let last = error
  for (let depth = 0; depth < 8 && last.cause instanceof Error; depth++) last = last.cause
  const code = "code" in last && typeof last.code === "string" ? last.code : last.name
  return last === error ? error.message : `${error.message}: ${last.message === "" ? code : last.message}`
}

/** Where a request goes, and who says so. */
export type HttpTarget = Pick<HttpTransportOptions, "client" | "headers" | "url">

/** The answer to a request, its body whole. */
export interface HttpText {
  readonly status: number
  readonly body: string
  readonly retryAfter: string | undefined
}

/** Posts a text and reads the whole answer, whatever its status. */
export const postText = (
  { client, headers, url }: HttpTarget,
  body: string,
  mediaType: string
): Effect.Effect<HttpText, DeliveryFailure> =>
  Effect.gen(function*() {
    const request = HttpClientRequest.post(url, { headers, body: HttpBody.text(body, mediaType) })
    // The body is read whatever the status: a connection is used again only when it was.
    const exchange = Effect.gen(function*() {
      const response = yield* client.execute(request)
      return { response, text: yield* response.text }
    })
    const { response, text } = yield* exchange.pipe(
      Effect.mapError((error) => {
        const certificate = certificateProblem(error)
        return new DeliveryFailure({
          message: `HTTP: ${certificate ?? reasonOf(error)}`,
          untaken: certificate !== undefined || isUnsent(error)
        })
      }),
      Effect.timeoutFail({
        duration: HTTP_TIMEOUT,
        onTimeout: () => new DeliveryFailure({ message: `HTTP: no answer within ${Duration.format(HTTP_TIMEOUT)}` })
      })
    )
    const retryAfter = Option.getOrUndefined(Headers.get(response.headers, "retry-after"))
    return { status: response.status, body: text, retryAfter }
  })

/** Posts a frame of `stream` and reads the answer. */
export const postFrame = (
  target: HttpTarget,
  stream: string,
  frame: string
): Effect.Effect<HttpAnswer, DeliveryFailure | DeliveryRefused> =>
  Effect.flatMap(
    postText(target, frame, BATCH_MEDIA_TYPE),
    ({ body, retryAfter, status }) => readAnswer(stream, status, body, retryAfter)
  )

/** Whether less at once might have come through: it was sent, and no server asked for it later. */
const wasTooMuch = (error: DeliveryFailure | DeliveryRefused): boolean =>
  error._tag === "DeliveryRefused" || (error.untaken !== true && error.retryAfterMillis === undefined)

// Gaps in a row after which the two sides do not understand each other.
const maxGaps = 3

/**
 * Sends what the outbox holds, one request after the other, and waits for more
 * when all is acknowledged. `onAnswer` runs after each answer of a server of ours.
 */
export const deliverOverHttp = (
  options: BatchHttpOptions,
  onAnswer: Effect.Effect<void>
): Effect.Effect<never, Failure> =>
  Effect.gen(function*() {
    const { joined, outbox, positions, status } = options
    let gaps = 0
    const source: FrameSource = {
      outbox,
      positions,
      isNeeded: () => true,
      get most() {
        return joined.bytes
      },
      origin: (stream) => ({ sender: outbox.sender, acked: positions.acked(stream) })
    }
    yield* positions.open(yield* outbox.streams)
    while (true) {
      const frame = yield* nextFrame(source)
      if (frame === undefined) {
        yield* outbox.awaitAppend
        continue
      }
      const { batches, end, stream, text } = frame
      const answer = yield* Effect.tapError(postFrame(options, stream, text), (error) =>
        Effect.sync(() => {
          if (wasTooMuch(error)) joined.lost()
        }))
      joined.answered()
      status.batchesSent += Math.max(1, batches)
      if (answer._tag === "Taken") {
        yield* positions.acknowledge(answer.stream, answer.next, answer.rejected)
        if (answer.next < end) yield* positions.rewind
        gaps = answer.next < end ? gaps + 1 : 0
      } else {
        yield* positions.place(stream, answer.next)
        gaps++
      }
      if (gaps > maxGaps) {
        return yield* new DeliveryFailure({ message: `the server keeps asking for offset ${answer.next} again` })
      }
      yield* onAnswer
    }
  })
