import type { HttpServerResponse } from "@effect/platform"
import { Clock, Effect, type Scope } from "effect"
import type { QueryError, SeriesFilter, StoreError } from "../../store/MetricStore.js"
import { makeWrittenAnswers } from "../reading/WrittenAnswers.js"
import type { Refused } from "../Refused.js"
import type { ServerParts } from "../ServerParts.js"
import { acceptedFormat, type ExpositionFormat, expositionTypes } from "./Exposition.js"
import { processUse } from "./processUse.js"
import { prometheusText } from "./PrometheusText.js"

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
  Effect.map(makeWrittenAnswers<StoreError | QueryError>(maxBytes), (answers) => {
    const { counters, inFlight, store } = parts

    const write = (format: ExpositionFormat, filter: SeriesFilter, limit: number) =>
      Effect.gen(function*() {
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
        return yield* prometheusText(format, server, latest, now, limit)
      })

    return (filter, limit, accept) => {
      const format = acceptedFormat(accept)
      return answers.forAll(
        JSON.stringify([format, limit, filter]),
        write(format, filter, limit),
        expositionTypes[format]
      )
    }
  })
