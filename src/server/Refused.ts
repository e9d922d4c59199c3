import { HttpServerResponse } from "@effect/platform"
import { Data } from "effect"

/** A request that is answered with a refusal: status, a code for programs, a message for people. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 415 | 426 | 429 | 500 | 503
  readonly code: string
  readonly message: string
  /** Told to the client as `Retry-After`. */
  readonly retryAfterSeconds?: number
  /** The methods that would do, told to the client as `Allow`. */
  readonly allow?: ReadonlyArray<string>
}> {}

/** Writes JSON text as an answer. */
export const jsonText = (
  text: string,
  options: { readonly status?: number; readonly headers?: { readonly [name: string]: string } } = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(text, { ...options, contentType: "application/json" })

/** Writes a refusal as an answer: `{"code","message"}`. */
export const refusedResponse = (
  refused: Pick<Refused, "status" | "code" | "message" | "retryAfterSeconds" | "allow">
): HttpServerResponse.HttpServerResponse =>
  jsonText(JSON.stringify({ code: refused.code, message: refused.message }), {
    status: refused.status,
    headers: {
      ...(refused.status === 401 ? { "www-authenticate": "Bearer realm=\"metrics-collector\"" } : undefined),
      ...(refused.allow === undefined ? undefined : { allow: refused.allow.join(", ") }),
      ...(refused.retryAfterSeconds === undefined
        ? undefined
        : { "retry-after": String(refused.retryAfterSeconds) })
    }
  })

const mebibytes = (bytes: number): string => bytes % 1_048_576 === 0 ? `${bytes / 1_048_576} MiB` : `${bytes} bytes`

/** A body over the limit; `how` says when it was, as in " after gunzip". */
export const tooLarge = (limit: number, how: string): Refused =>
  new Refused({
    status: 413,
    code: "too-large",
    message: `the body is larger than ${mebibytes(limit)}${how}; send it in several parts`
  })

/** The server holds as many bytes as it may. */
export const serverBusy = new Refused({
  status: 503,
  code: "busy",
  message: "the server holds as many bytes as it may; try again",
  retryAfterSeconds: 1
})
