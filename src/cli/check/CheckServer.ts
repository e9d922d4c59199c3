import { HttpClient } from "@effect/platform"
import { Clock, Effect, Either, type Redacted } from "effect"
import { MetricsClient } from "../../client/MetricsClient.js"
import { SocketConnector } from "../../sender/delivery/SocketConnector.js"
import { postFrame, postText } from "../../sender/HttpTransport.js"
import { randomId } from "../../sender/outbox/Entropy.js"
import { readPlainAnswer } from "../../sender/plain/PlainAnswer.js"
import { openPlainSocket } from "../../sender/plain/PlainSocket.js"
import { DeliveryRefused } from "../../sender/SenderErrors.js"
import { authorization, ofSocketError, probeSocket, within } from "../../sender/SocketTransport.js"
import type { Endpoint } from "../../wire/Endpoint.js"
import { encodeFrame } from "../../wire/Frames.js"
import { failure } from "../CliFailure.js"
import type { CheckStep } from "./CheckStep.js"

/** Clocks further apart than this make dashboards and queries by time misleading. */
const maxClockDifference = 5000

// A refusal says itself what to do.
const unlessRefused = (advice: string) => (error: unknown): string | undefined =>
  error instanceof DeliveryRefused ? undefined : advice

const withoutHttp = unlessRefused(
  "correct --endpoint, or name the address with --http-endpoint; while the WebSocket fails, nothing " +
    "but HTTP delivers"
)

const withoutSocket = unlessRefused(
  "correct --endpoint, or let what stands before the server pass WebSockets (Upgrade); until then " +
    "HTTP delivers, at more cost"
)

const clock = Effect.gen(function*() {
  const client = yield* MetricsClient
  const before = yield* Clock.currentTimeMillis
  const { time } = yield* client.status
  const after = yield* Clock.currentTimeMillis
  const difference = Math.round(time - (before + after) / 2)
  // It was read at some moment between the two.
  if (Math.abs(difference) - (after - before) / 2 > maxClockDifference) {
    return yield* failure(
      `the server's clock is ${Math.abs(difference)} ms ${difference > 0 ? "ahead of" : "behind"} ours: points will ` +
        "show at the wrong time"
    )
  }
  return { says: `${Math.abs(difference)} ms apart` }
})

/** Steps that try a server of ours: its answers, its token, both ways of delivery, its clock. */
export const serverSteps = (
  endpoint: Endpoint,
  token: Redacted.Redacted | undefined
): ReadonlyArray<CheckStep<MetricsClient | HttpClient.HttpClient | SocketConnector>> => [
  {
    name: "server",
    try: Effect.flatMap(MetricsClient, ({ health }) => Effect.as(health, { says: `answers at ${endpoint.serverUrl}` }))
  },
  {
    name: "access",
    needs: "server",
    try: Effect.map(
      Effect.flatMap(MetricsClient, ({ status }) => status),
      ({ store, version }) => ({
        says: `metrics-collector ${version}, ${store.points} points of ${store.series} series stored`
      })
    )
  },
  {
    name: "clock",
    needs: "access",
    try: clock,
    advice: () => "set the clock that is wrong, as with timedatectl set-ntp true"
  },
  {
    name: "socket",
    try: Effect.as(probeSocket(endpoint, token), { says: `takes batches at ${endpoint.socketUrl}` }),
    advice: withoutSocket
  },
  {
    name: "http",
    try: Effect.gen(function*() {
      const client = yield* HttpClient.HttpClient
      const stream = `check-${yield* randomId}`
      // Past the end of a stream that is not there: answered as a gap, and nothing is written.
      const nothing = encodeFrame({ type: "skip", stream, from: 1, to: 1, reason: "check" })
      yield* postFrame({ client, headers: authorization(token), url: endpoint.httpUrl }, stream, nothing)
      return { says: `takes batches at ${endpoint.httpUrl}` }
    }),
    advice: withoutHttp
  }
]

/** Steps that try a server of another kind: both ways of plain delivery, without sending it a metric. */
export const plainServerSteps = (
  endpoint: Endpoint,
  token: Redacted.Redacted | undefined
): ReadonlyArray<CheckStep<HttpClient.HttpClient | SocketConnector>> => [
  {
    name: "socket",
    try: Effect.scoped(Effect.gen(function*() {
      const connector = yield* SocketConnector
      const url = endpoint.socketUrl
      const connection = yield* openPlainSocket({ connector, url, headers: authorization(token) })
      yield* within(Effect.mapError(connection.roundTrip, ofSocketError), "the server answered no ping")
      return { says: `opens at ${url}, and answers pings` }
    })),
    advice: withoutSocket
  },
  {
    name: "http",
    try: Effect.gen(function*() {
      const client = yield* HttpClient.HttpClient
      const url = endpoint.httpUrl
      const target = { client, url, headers: authorization(token) }
      const { body, retryAfter, status } = yield* postText(target, "[]", "application/json")
      const answer = readPlainAnswer(0, status, body, retryAfter)
      if (Either.isRight(answer)) return { says: `takes metrics at ${url} (HTTP ${status})` }
      if (status !== 400 && status !== 422) return yield* answer.left
      return {
        says: `answers at ${url}, and takes no empty array (HTTP ${status})`,
        advice: "whether it takes metrics shows with the first ones: send one with metrics-collector send --plain"
      }
    }),
    advice: withoutHttp
  }
]
