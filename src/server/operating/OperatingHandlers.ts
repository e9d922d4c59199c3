import { HttpApiBuilder } from "@effect/platform"
import { Clock, Effect, Either } from "effect"
import { Api, type ServerStatus } from "../../wire/Api.js"
import { storeProblem } from "../Ingest.js"
import { lossEntry } from "../reading/AnswerJson.js"
import { parseLosses, parseScrape, parseStatus } from "../reading/QueryParameters.js"
import { badParameter, parametersOf, refuseReading } from "../reading/ReadingHandlers.js"
import { jsonText, refusedResponse } from "../Refused.js"
import type { ServerParts } from "../ServerParts.js"
import { processUse } from "./processUse.js"
import type { Scrape } from "./Scrape.js"

/** How long `/readyz` waits for the store. */
const readyTimeout = "5 seconds"

/** Most streams that `/api/status` lists: of all senders, and of one that was asked for. */
const maxStreams = 1_000
const maxStreamsOfSender = 100_000

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

/** `/api/status`, `/api/losses`, `/metrics`, which `scrape` answers, `/healthz` and `/readyz`. */
export const operatingHandlers = (parts: ServerParts, scrape: Scrape) => {
  const { store } = parts
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
        Either.mapLeft(parseScrape(parametersOf(request)), badParameter).pipe(
          Effect.flatMap(({ filter, limit }) => scrape(filter, limit, request.headers["accept"])),
          Effect.catchAll(refuseReading(parts, request))
        ))
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
