import { HttpApiBuilder, HttpServerResponse } from "@effect/platform"
import { Clock, Effect, Either } from "effect"
import { Api, type ServerStatus } from "../wire/Api.js"
import { lossEntry } from "./AnswerJson.js"
import { acceptedFormat, expositionTypes } from "./Exposition.js"
import { storeProblem } from "./Ingest.js"
import { type ProcessUse, prometheusText } from "./PrometheusText.js"
import { parseLosses, parseScrape, parseStatus } from "./QueryParameters.js"
import { badParameter, parametersOf, refuseReading } from "./ReadingHandlers.js"
import { jsonText, refusedResponse } from "./Refused.js"
import type { ServerParts } from "./ServerParts.js"

/** How long `/readyz` waits for the store. */
const readyTimeout = "5 seconds"

/** Most streams that `/api/status` lists: of all senders, and of one that was asked for. */
const maxStreams = 1_000
const maxStreamsOfSender = 100_000

const processUse = (): ProcessUse => {
  const { system, user } = process.cpuUsage()
  return { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 }
}

const serverStatus = (parts: ServerParts, sender: string | undefined) =>
  Effect.gen(function*() {
    const { counters, store } = parts
    const stats = yield* store.stats
    const streams = (yield* store.streams)
      .filter((own) => sender === undefined || own.sender === sender)
      .sort((a, b) => b.lastSeen - a.lastSeen)
    const now = yield* Clock.currentTimeMillis
    const status: ServerStatus = {
      version: parts.version,
      time: now,
      startedAt: parts.startedAt,
      uptimeSeconds: (now - parts.startedAt) / 1000,
      process: processUse(),
      store: { id: store.id, ...stats },
      streamCount: streams.length,
      streams: streams.slice(0, sender === undefined ? maxStreams : maxStreamsOfSender).map((stream) => {
        const transport = parts.ways.of(stream.stream)
        return { ...stream, ...(transport === undefined ? undefined : { transport }) }
      }),
      connections: { ...counters.connections },
      received: {
        bytes: counters.bytes,
        batches: counters.batches,
        plainRequests: counters.plainRequests,
        points: counters.points,
        rejected: counters.rejected,
        queries: counters.queries,
        refused: counters.refused,
        busy: counters.busy
      },
      commits: {
        count: counters.commits.count,
        p50Millis: counters.commits.quantile(0.5) * 1000,
        p99Millis: counters.commits.quantile(0.99) * 1000
      },
      inFlightBytes: parts.inFlight.bytes,
      limits: {
        maxBodyBytes: parts.maxBodyBytes,
        maxFrameBytes: parts.maxFrameBytes,
        maxInFlightBytes: parts.inFlight.limit,
        window: parts.window
      },
      ...(parts.pipeline === undefined ? undefined : { pipeline: yield* parts.pipeline })
    }
    return status
  })

/** `/api/status`, `/api/losses`, `/metrics`, `/healthz` and `/readyz`. */
export const operatingHandlers = (parts: ServerParts) => {
  const { counters, store } = parts
  return HttpApiBuilder.group(Api, "operating", (handlers) =>
    handlers
      .handleRaw("status", ({ request }) =>
        Either.mapLeft(parseStatus(parametersOf(request)), badParameter).pipe(
          Effect.flatMap((sender) => serverStatus(parts, sender)),
          Effect.map((status) => jsonText(JSON.stringify(status))),
          Effect.catchAll(refuseReading(parts, request))
        ))
      .handleRaw("losses", ({ request }) =>
        Either.mapLeft(parseLosses(parametersOf(request)), badParameter).pipe(
          Effect.flatMap(({ limit, sender }) => store.losses(limit, sender)),
          Effect.map((losses) => jsonText(JSON.stringify(losses.map(lossEntry)))),
          Effect.catchAll(refuseReading(parts, request))
        ))
      .handleRaw("prometheus", ({ request }) =>
        Effect.gen(function*() {
          const { filter, limit } = yield* Either.mapLeft(parseScrape(parametersOf(request)), badParameter)
          const stats = yield* store.stats
          const latest = yield* store.latest(filter)
          const now = yield* Clock.currentTimeMillis
          const format = acceptedFormat(request.headers["accept"])
          const server = {
            version: parts.version,
            startedAt: parts.startedAt,
            uptimeSeconds: (now - parts.startedAt) / 1000,
            process: processUse(),
            counters,
            inFlightBytes: parts.inFlight.bytes,
            store: stats
          }
          return HttpServerResponse.text(prometheusText(format, server, latest, now, limit), {
            contentType: expositionTypes[format]
          })
        }).pipe(Effect.catchAll(refuseReading(parts, request))))
      .handleRaw("healthz", () => Effect.succeed(jsonText("{\"status\":\"ok\"}")))
      .handleRaw("readyz", () =>
        Effect.zipRight(store.ready, store.stats).pipe(
          Effect.timeoutOption(readyTimeout),
          Effect.match({
            onFailure: (error) => refusedResponse({ status: 503, code: "not-ready", message: storeProblem(error) }),
            onSuccess: (stats) =>
              stats._tag === "Some"
                ? jsonText("{\"status\":\"ready\"}")
                : refusedResponse({
                  status: 503,
                  code: "not-ready",
                  message: `the store has not answered within ${readyTimeout}`
                })
          })
        )))
}
