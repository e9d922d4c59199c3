import { Effect } from "effect"
import type { IncomingMessage } from "node:http"
import { gunzip } from "node:zlib"
import type { InFlight } from "./InFlight.js"
import { Refused } from "./Refused.js"

const mebibytes = (bytes: number): string => bytes % 1_048_576 === 0 ? `${bytes / 1_048_576} MiB` : `${bytes} bytes`

const tooLarge = (limit: number, how: string): Refused =>
  new Refused({
    status: 413,
    code: "too-large",
    message: `the body is larger than ${mebibytes(limit)}${how}; send it in several parts`
  })

// A client that still sends reads no answer: what is past the limit is read
// and thrown away, up to this many bytes, so that it sees the 413.
const drainBytes = 64 * 1_048_576

const drain = (request: IncomingMessage): void => {
  let drained = 0
  request.on("data", (chunk: Buffer) => {
    drained += chunk.length
    if (drained > drainBytes) request.destroy()
  })
  request.on("error", () => {})
  request.resume()
}

/** Inflates gzip, up to `limit` bytes. Fails with status 413 or 400. */
export const inflate = (bytes: Uint8Array, limit: number): Effect.Effect<Buffer, Refused> =>
  Effect.async<Buffer, Refused>((resume) => {
    gunzip(bytes, { maxOutputLength: limit }, (error, result) => {
      if (error === null) return resume(Effect.succeed(result))
      const code = "code" in error ? error.code : undefined
      resume(Effect.fail(
        code === "ERR_BUFFER_TOO_LARGE"
          ? tooLarge(limit, " after gunzip")
          : new Refused({ status: 400, code: "bad-gzip", message: `the body is no gzip: ${error.message}` })
      ))
    })
  })

const collect = (
  request: IncomingMessage,
  limit: number,
  inFlight: InFlight,
  held: { bytes: number }
): Effect.Effect<Buffer, Refused> =>
  Effect.async<Buffer, Refused>((resume) => {
    const chunks: Array<Buffer> = []
    let size = 0
    const detach = () => {
      request.off("data", onData)
      request.off("end", onEnd)
      request.off("error", onError)
      request.off("close", onError)
    }
    const fail = (refused: Refused) => {
      detach()
      drain(request)
      resume(Effect.fail(refused))
    }
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) return fail(tooLarge(limit, ""))
      if (inFlight.isFull) return fail(serverBusy)
      held.bytes += chunk.length
      inFlight.add(chunk.length)
      chunks.push(chunk)
    }
    const onEnd = () => {
      detach()
      resume(Effect.succeed(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)))
    }
    const onError = () => {
      detach()
      resume(Effect.fail(new Refused({ status: 400, code: "aborted", message: "the body ended too early" })))
    }
    if (Number(request.headers["content-length"] ?? 0) > limit) return fail(tooLarge(limit, ""))
    request.on("data", onData)
    request.on("end", onEnd)
    request.on("error", onError)
    request.on("close", onError)
    return Effect.sync(detach)
  })

const serverBusy = new Refused({
  status: 503,
  code: "busy",
  message: "the server holds as many bytes as it may; try again",
  retryAfterSeconds: 1
})

/**
 * Reads a request's body, inflated where it is gzip, and hands it to `use`.
 * Its bytes count as in flight until `use` is done. At most `limit` bytes,
 * before and after inflating: fails with status 413, 415 (another encoding),
 * 400 (broken) or 503 (the server holds too much).
 */
export const withRequestBody = <A, E, R>(
  request: IncomingMessage,
  limit: number,
  inFlight: InFlight,
  use: (body: Buffer) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Refused, R> =>
  Effect.suspend(() => {
    const held = { bytes: 0 }
    const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase()
    if (encoding !== "identity" && encoding !== "gzip" && encoding !== "x-gzip") {
      drain(request)
      return Effect.fail(
        new Refused({
          status: 415,
          code: "unsupported-encoding",
          message: `content-encoding "${encoding}" is not understood; send gzip or nothing`
        })
      )
    }
    return collect(request, limit, inFlight, held).pipe(
      Effect.flatMap((body) => encoding === "identity" ? Effect.succeed(body) : inflate(body, limit)),
      Effect.flatMap(use),
      Effect.ensuring(Effect.sync(() => inFlight.remove(held.bytes)))
    )
  })

/** Throws away what is left of a body that nobody will read, so that the client can read its answer. */
export const discardRequestBody = (request: IncomingMessage): Effect.Effect<void> => Effect.sync(() => drain(request))
