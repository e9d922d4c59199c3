import { Either, Schema } from "effect"
import { parseJson } from "../../wire/Frames.js"
import { readFailure } from "../HttpTransport.js"
import { DeliveryFailure, DeliveryRefused } from "../SenderErrors.js"

/** What a server said of the metrics of one body or frame. */
export interface PlainVerdict {
  /** Those that it refused, by their place. */
  readonly rejected: ReadonlyArray<readonly [index: number, reason: string]>
  /** How many fewer it counts than it was sent, without naming them. */
  readonly uncounted: number
}

const Count = Schema.Int.pipe(Schema.nonNegative())

const decodeVerdict = Schema.decodeUnknownEither(Schema.Struct({
  accepted: Count,
  rejected: Schema.optionalWith(Schema.Array(Schema.Struct({ index: Count, message: Schema.String })), {
    default: () => []
  })
}))

/** Reads the verdict of an answer of our form; `undefined` when it is of another. */
const readVerdict = (json: unknown, count: number): PlainVerdict | undefined => {
  const decoded = decodeVerdict(json)
  if (Either.isLeft(decoded)) return undefined
  const rejected = new Map(decoded.right.rejected.map(({ index, message }) => [index, message]))
  for (const index of rejected.keys()) if (index >= count) return undefined
  const uncounted = count - rejected.size - decoded.right.accepted
  return uncounted < 0 ? undefined : { rejected: Array.from(rejected), uncounted }
}

const allTaken: PlainVerdict = { rejected: [], uncounted: 0 }

const isPage = (body: string): boolean => /^\s*<(?:!doctype\s+)?html/i.test(body)

/**
 * Reads the answer to a POST of `count` metrics. Every 2xx is taken as the word
 * of the server that it has them, unless it is a web page; where it answers in
 * the form of `POST /api/metrics`, the refused ones are named. Any other status
 * is a failure as in batch mode.
 */
export const readPlainAnswer = (
  count: number,
  status: number,
  body: string,
  retryAfter?: string
): Either.Either<PlainVerdict, DeliveryFailure | DeliveryRefused> => {
  const verdict = Either.getOrUndefined(Either.map(parseJson(body), (json) => readVerdict(json, count)))
  if (status >= 200 && status < 300) {
    return isPage(body)
      ? Either.left(
        new DeliveryRefused({
          message: `HTTP ${status} with a web page, which no server of metrics answers; check the URL, and what ` +
            "stands before it"
        })
      )
      : Either.right(verdict ?? allTaken)
  }
  if ((status === 400 || status === 422) && verdict !== undefined && verdict.uncounted === 0) {
    return Either.right(verdict)
  }
  const failure = readFailure(status, body, retryAfter)
  // These say that nothing was taken; after any other status part of it may be stored.
  if (failure._tag === "DeliveryRefused" || (status >= 500 && status !== 503)) return Either.left(failure)
  const { message, retryAfterMillis } = failure
  return Either.left(new DeliveryFailure({ message, retryAfterMillis, untaken: true }))
}

/** What a server said on a socket. */
export type PlainReply =
  | { readonly _tag: "Taken"; readonly verdict: PlainVerdict }
  /** It failed: nobody can say what of the frame it has. */
  | { readonly _tag: "Failed"; readonly message: string }

const decodeReply = Schema.decodeUnknownEither(Schema.Struct({
  type: Schema.Literal("success", "error"),
  message: Schema.optional(Schema.String)
}))

/** Reads a text frame as the answer to a frame of `count` metrics; `undefined` when it is no answer. */
export const readPlainReply = (text: string, count: number): PlainReply | undefined => {
  const json = Either.getOrUndefined(parseJson(text))
  const reply = decodeReply(json)
  if (Either.isLeft(reply)) return undefined
  const verdict = readVerdict(json, count)
  if (reply.right.type === "success") return { _tag: "Taken", verdict: verdict ?? allTaken }
  return verdict !== undefined && verdict.uncounted === 0
    ? { _tag: "Taken", verdict }
    : { _tag: "Failed", message: reply.right.message ?? "no reason given" }
}
