import { HttpServerResponse } from "@effect/platform"
import { Clock, Effect, type Scope, Stream } from "effect"
import type { QueryError, SeriesFilter, StoreError } from "../store/MetricStore.js"
import { acceptedFormat, type ExpositionFormat, expositionTypes } from "./Exposition.js"
import { processUse } from "./processUse.js"
import { prometheusText } from "./PrometheusText.js"
import { Refused } from "./Refused.js"
import type { ServerParts } from "./ServerParts.js"
import { makeSharedWork } from "./SharedWork.js"

/** Most different texts that are written at a time. */
const atOnce = 2

interface Written {
  readonly pieces: ReadonlyArray<Uint8Array>
  readonly bytes: number
}

/** Answers `/metrics`; `accept` is the header of this name. */
export type Scrape = (
  filter: SeriesFilter,
  limit: number,
  accept: string | undefined
) => Effect.Effect<HttpServerResponse.HttpServerResponse, StoreError | QueryError | Refused, Scope.Scope>

/**
 * Makes what answers `/metrics`: one text for all who ask for the same before it is begun. A text is kept until its last
 * reader has it, and none is begun while `maxBytes` of them are kept: then who asks is refused with status 503.
 */
export const makeScrape = (parts: ServerParts, maxBytes: number): Effect.Effect<Scrape, never, Scope.Scope> =>
  Effect.map(makeSharedWork<Written, StoreError | QueryError | Refused>(atOnce), (shared) => {
    const { counters, inFlight, store } = parts
    let kept = 0

    const write = (
      format: ExpositionFormat,
      filter: SeriesFilter,
      limit: number
    ): Effect.Effect<Written, StoreError | QueryError | Refused, Scope.Scope> =>
      Effect.gen(function*() {
        if (kept >= maxBytes) {
          return yield* new Refused({
            status: 503,
            code: "busy",
            message: "too many bytes of earlier answers wait to be read; try again",
            retryAfterSeconds: 5
          })
        }
        const stats = yield* store.stats
        const latest = yield* store.latest(filter)
        const now = yield* Clock.currentTimeMillis
        const server = {
          version: parts.version,
          startedAt: parts.startedAt,
          uptimeSeconds: (now - parts.startedAt) / 1000,
          process: processUse(),
          counters,
          inFlightBytes: inFlight.bytes,
          store: stats
        }
        const pieces = yield* prometheusText(format, server, latest, now, limit)
        const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            kept += bytes
          }),
          () =>
            Effect.sync(() => {
              kept -= bytes
            })
        )
        return { pieces, bytes }
      })

    return (filter, limit, accept) => {
      const format = acceptedFormat(accept)
      const key = JSON.stringify([format, limit, filter])
      return Effect.map(shared.share(key, write(format, filter, limit)), ({ bytes, pieces }) =>
        // One by one: each waits until the client has taken those before it.
        HttpServerResponse.stream(Stream.rechunk(Stream.fromIterable(pieces), 1), {
          contentType: expositionTypes[format],
          contentLength: bytes
        }))
    }
  })
