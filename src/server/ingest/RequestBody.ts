import { Effect } from "effect"
import type { IncomingMessage } from "node:http"
import type { InFlight } from "../door/InFlight.js"
import { Refused, serverBusy, tooLarge } from "../Refused.js"
import { inflate } from "./inflate.js"

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

const collect = (
  request: IncomingMessage,
  limit: number,
  take: (bytes: number) => boolean
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
      if (!take(chunk.length)) return fail(serverBusy)
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

/**
 * Reads a request's body, inflated where it is gzip, and hands it to `use`,
 * with the number of bytes that were sent.
 * Its bytes, inflated ones too, count as in flight until `use` is done. At most `limit` bytes,
 * before and after inflating: fails with status 413, 415 (another encoding),
 * 400 (broken) or 503 (the server holds too much).
 */
export const withRequestBody = <A, E, R>(
  request: IncomingMessage,
  limit: number,
  inFlight: InFlight,
  use: (body: Buffer, received: number) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Refused, R> =>
  Effect.suspend(() => {
    let held = 0
    const take = (bytes: number): boolean => {
      if (inFlight.isFull) return false
      held += bytes
      inFlight.add(bytes)
      return true
    }
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
    return collect(request, limit, take).pipe(
      Effect.flatMap((sent) =>
        Effect.flatMap(
          encoding === "identity" ? Effect.succeed(sent) : inflate(sent, limit, take),
          (body) => use(body, sent.length)
        )
      ),
      Effect.ensuring(Effect.sync(() => inFlight.remove(held)))
    )
  })

/** Throws away what is left of a body that nobody will read, so that the client can read its answer. */
export const discardRequestBody = (request: IncomingMessage): Effect.Effect<void> => Effect.sync(() => drain(request))
