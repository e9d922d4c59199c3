import { type HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { gzip } from "node:zlib"
import { onceForAll } from "../../domain/onceForAll.js"
import { acceptsGzip } from "./acceptsGzip.js"

// What is smaller fits into one packet either way.
const worthPacking = 1_024

const gzipped = (bytes: Uint8Array): Effect.Effect<Uint8Array> =>
  Effect.async((resume) =>
    gzip(bytes, (error, packed) => resume(error === null ? Effect.succeed(packed) : Effect.die(error)))
  )

/** Whether `If-None-Match` names the entity tag of what would be sent: then the client has it. */
export const isKnown = ({ headers }: HttpServerRequest.HttpServerRequest, tag: string): boolean => {
  const named = headers["if-none-match"]
  // Proxies that pack what they hand on make tags weak.
  return named !== undefined &&
    named.split(",").some((one) => ["*", tag].includes(one.trim().replace(/^W\//, "")))
}

/** What a client has already, told without its content. */
export const notModified = (
  tag: string,
  headers: { readonly [name: string]: string }
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({ status: 304, headers: { ...headers, etag: tag } })

/** A page that is the same whenever and by whomever it is asked for. */
export interface StaticPage {
  /** Answers with the page, packed for who takes gzip, or tells that it has not changed. */
  readonly answer: (
    request: HttpServerRequest.HttpServerRequest
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse>
}

/** Makes a {@link StaticPage}. It is packed once, when that is first asked for; `headers` go with every answer. */
export const makeStaticPage = (
  bytes: Uint8Array,
  contentType: string,
  headers: { readonly [name: string]: string }
): Effect.Effect<StaticPage> =>
  Effect.map(onceForAll(gzipped(bytes)), (packed) => {
    const hash = createHash("sha256").update(bytes).digest("base64url").slice(0, 22)
    const tags = { plain: `"${hash}"`, packed: `"${hash}-gzip"` }
    const isWorthPacking = bytes.length >= worthPacking
    const always = isWorthPacking ? { ...headers, vary: "accept-encoding" } : headers
    return {
      answer: (request) => {
        const form = isWorthPacking && acceptsGzip(request.headers["accept-encoding"]) ? "packed" : "plain"
        const etag = tags[form]
        if (isKnown(request, etag)) return Effect.succeed(notModified(etag, always))
        return form === "plain"
          ? Effect.succeed(HttpServerResponse.uint8Array(bytes, { contentType, headers: { ...always, etag } }))
          : Effect.map(packed, (body) =>
            HttpServerResponse.uint8Array(body, {
              contentType,
              headers: { ...always, etag, "content-encoding": "gzip" }
            }))
      }
    }
  })
