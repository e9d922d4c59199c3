import { HttpClient, HttpClientError, HttpClientResponse } from "@effect/platform"
import { Duration, Effect, Either, Layer, Queue } from "effect"
import { identity } from "../domain/Identity.js"
import { decodeMetricOrPoint } from "../domain/TimeseriesPoint.js"
import { SocketConnector, SocketError } from "../sender/delivery/SocketConnector.js"
import type { PlainAnswer } from "../wire/Api.js"
import { applyDefinitions, type BatchFrame, type Dictionary, readPoints } from "../wire/BatchCodec.js"
import { BATCH_MEDIA_TYPE, decodeClientFrame, encodeFrame, PROTOCOL_VERSION, type Skip } from "../wire/Frames.js"

/** A point as the fake server took it. */
export interface FakePoint {
  readonly stream: string
  readonly offset: number
  readonly origin: string
  readonly metricType: string
  readonly tags: Readonly<Record<string, string>>
  readonly time: number
  readonly value: number
  readonly way: "socket" | "http"
}

/**
 * What the network or the server does to a batch or a skip.
 *
 * - `lose`: cut before the server saw it
 * - `lose-answer`: taken, then cut before the answer arrived
 * - `twice`: the server sees it twice
 * - `gap`: answered as a gap without being taken
 * - `busy`: turned away for a second
 * - `fail`: the server fails (HTTP 500, a fatal error frame)
 * - `slow`: taken, and answered after 20 seconds
 * - `silent`: taken, and never answered, though the connection stays
 * - `foreign`: answered by something that is no server of ours
 */
export type Fault = "lose" | "lose-answer" | "twice" | "gap" | "busy" | "fail" | "slow" | "silent" | "foreign"

/** How long a `slow` answer takes. */
const slowness = Duration.seconds(20)

/** A server inside the process that keeps the protocol's rules of contiguity, and a network that can be broken. */
export interface FakeServer {
  /** The network to it: sockets and HTTP. */
  readonly layer: Layer.Layer<SocketConnector | HttpClient.HttpClient>
  /** Everything it stored, in order. */
  readonly points: ReadonlyArray<FakePoint>
  /** Everything that was declared as lost and was not there. */
  readonly skips: ReadonlyArray<Skip>
  /** What it expects of each stream; may be changed, as by a restored backup. */
  readonly next: Map<string, number>
  /** Whether it answers frames of plain mode, and names what it refused over HTTP. */
  answersPlain: boolean
  /** Rejects a point with this reason. */
  reject: (value: number) => string | undefined
  /** What happens to the batch or skip of this number, counted from 1 over both ways. */
  fault: (count: number, way: "socket" | "http") => Fault | undefined
  /** HTTP status with which upgrades are refused. */
  refuseSocket: number | undefined
  /** HTTP status and body with which every POST is answered. */
  refuseHttp: { readonly status: number; readonly body: string; readonly retryAfter?: string } | undefined
  /** Handshakes tried and opened. */
  readonly sockets: { tried: number; opened: number }
  /** POSTs that arrived, refused ones included. */
  posts: number
  /** Goes back to an older state of a stream: forgets what it has from `next` on. */
  readonly restore: (stream: string, next: number) => void
  /** Cuts every open socket, as with this close code. */
  readonly cut: (code?: number) => void
}

interface Reply {
  readonly kind: "ack" | "gap"
  readonly stream: string
  readonly next: number
}

type Rejected = readonly [offset: number, reason: string]

const windowSize = 4

/** Makes a fake server that takes everything. */
export const makeFakeServer = (): FakeServer => {
  const points: Array<FakePoint> = []
  const skips: Array<Skip> = []
  const next = new Map<string, number>()
  const rejected = new Map<string, Array<Rejected>>()
  const open = new Set<(code: number) => void>()
  let frames = 0

  const commit = (frame: BatchFrame, dictionary: Dictionary, way: "socket" | "http"): Reply | string => {
    const { stream } = frame
    const expected = next.get(stream) ?? 0
    const defined = applyDefinitions(dictionary, frame.define)
    if (Either.isLeft(defined)) return defined.left
    const read = readPoints(frame, dictionary)
    if (Either.isLeft(read)) return `unknown series ${read.left.unknown.join()}`
    if (frame.first > expected) return { kind: "gap", stream, next: expected }
    const { offset, series, time, value } = read.right
    const kept = rejected.get(stream) ?? []
    rejected.set(stream, kept)
    for (let i = 0; i < offset.length; i++) {
      if (offset[i] < expected) continue
      const reason = server.reject(value[i])
      if (reason !== undefined) {
        kept.push([offset[i], reason])
        continue
      }
      const { metricType, origin, tags } = series[i]
      points.push({ stream, offset: offset[i], origin, metricType, tags, time: time[i], value: value[i], way })
    }
    next.set(stream, Math.max(expected, frame.first + frame.series.length))
    return { kind: "ack", stream, next: next.get(stream) ?? 0 }
  }

  const commitPlain = (text: string, way: "socket" | "http"): PlainAnswer => {
    const json: unknown = JSON.parse(text)
    const items: ReadonlyArray<unknown> = Array.isArray(json) ? json : [json]
    const refused: Array<{ readonly index: number; readonly message: string }> = []
    for (const [index, item] of items.entries()) {
      const decoded = decodeMetricOrPoint(item)
      const reason = Either.isLeft(decoded) ? decoded.left : server.reject(decoded.right.value)
      if (reason !== undefined || Either.isLeft(decoded)) {
        refused.push({ index, message: reason ?? "" })
        continue
      }
      const { metricType, origin, timestamp = 0, value } = decoded.right
      const { tags } = identity(decoded.right)
      points.push({ stream: "", offset: points.length, origin, metricType, tags, time: timestamp, value, way })
    }
    return { accepted: items.length - refused.length, rejected: refused }
  }

  const skip = (frame: Skip): Reply => {
    const expected = next.get(frame.stream) ?? 0
    if (frame.from > expected) return { kind: "gap", stream: frame.stream, next: expected }
    if (frame.to > expected) skips.push({ ...frame, from: expected })
    next.set(frame.stream, Math.max(expected, frame.to))
    return { kind: "ack", stream: frame.stream, next: next.get(frame.stream) ?? 0 }
  }

  const forget = (stream: string, acked: number): void => {
    rejected.set(stream, (rejected.get(stream) ?? []).filter(([offset]) => offset >= acked))
  }

  const encode = ({ kind, next, stream }: Reply): string =>
    encodeFrame(
      kind === "gap"
        ? { type: "gap", stream, next }
        : { type: "ack", stream, next, rejected: rejected.get(stream) ?? [] }
    )

  const connector = SocketConnector.of({
    connect: (request) =>
      Effect.gen(function*() {
        server.sockets.tried++
        yield* Effect.yieldNow()
        if (server.refuseSocket !== undefined) {
          return yield* new SocketError({
            reason: "Refused",
            message: `the server refused the WebSocket with HTTP ${server.refuseSocket}`,
            status: server.refuseSocket
          })
        }
        server.sockets.opened++
        const inbox = yield* Queue.unbounded<Either.Either<string, SocketError>>()
        const dictionary: Dictionary = new Map()
        let ended: SocketError | undefined
        const end = (code: number): void => {
          if (ended !== undefined) return
          ended = new SocketError({ reason: "Closed", message: `the connection was closed (${code})`, code })
          Queue.unsafeOffer(inbox, Either.left(ended))
        }
        open.add(end)
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            end(1000)
            open.delete(end)
          })
        )
        const slowly = yield* Queue.unbounded<string>()
        let waiting = 0
        const sendSlowly = Effect.flatMap(Queue.take(slowly), (text) =>
          Effect.delay(
            Effect.sync(() => {
              waiting--
              Queue.unsafeOffer(inbox, Either.right(text))
            }),
            slowness
          ))
        yield* Effect.forkScoped(Effect.forever(sendSlowly))
        // A slow answer holds up all that come after it.
        const answer = (text: string, isSlow = false): void => {
          if (isSlow || waiting > 0) waiting++
          if (waiting > 0) Queue.unsafeOffer(slowly, text)
          else Queue.unsafeOffer(inbox, Either.right(text))
        }
        const takePlain = (text: string): void => {
          const fault = server.fault(++frames, "socket")
          if (fault === "lose") return end(1006)
          if (fault === "busy" || fault === "fail") {
            answer(JSON.stringify({ type: "error", message: "the store is busy", accepted: 0, rejected: [] }))
            return fault === "fail" ? end(1011) : undefined
          }
          const { accepted, rejected } = commitPlain(text, "socket")
          if (fault === "lose-answer") return end(1006)
          if (fault === "silent" || !server.answersPlain) return
          if (fault === "foreign") answer("<html>")
          answer(
            JSON.stringify(
              rejected.length === 0
                ? { type: "success", accepted }
                : { type: "error", message: "some were refused", accepted, rejected }
            ),
            fault === "slow"
          )
        }
        const take = (text: string): void => {
          if (request.protocol === undefined) return takePlain(text)
          const decoded = decodeClientFrame(text)
          if (Either.isLeft(decoded)) {
            answer(encodeFrame({ type: "error", code: "bad-frame", message: decoded.left, fatal: true }))
            return end(1008)
          }
          const frame = decoded.right
          if (frame.type === "hello") {
            const streams = frame.streams.map(({ acked, stream }) => {
              forget(stream, acked)
              return { stream, next: next.get(stream) ?? 0 }
            })
            answer(encodeFrame({
              type: "welcome",
              protocol: PROTOCOL_VERSION,
              store: "fake",
              streams,
              window: windowSize,
              maxBatchBytes: 1_048_576
            }))
            for (const { acked, stream } of frame.streams) {
              const at = next.get(stream) ?? 0
              if (at > acked) answer(encode({ kind: "ack", stream, next: at }))
            }
            return
          }
          const fault = server.fault(++frames, "socket")
          if (fault === "lose") return end(1006)
          // Definitions count whatever becomes of their frame.
          if (frame.type === "batch") applyDefinitions(dictionary, frame.define)
          if (fault === "busy") return answer(encodeFrame({ type: "busy", retryAfterMillis: 1000 }))
          if (fault === "fail") {
            answer(encodeFrame({ type: "error", code: "internal", message: "the store failed", fatal: true }))
            return end(1011)
          }
          if (fault === "gap") {
            return answer(encode({ kind: "gap", stream: frame.stream, next: next.get(frame.stream) ?? 0 }))
          }
          const once = () => frame.type === "skip" ? skip(frame) : commit(frame, dictionary, "socket")
          const reply = once()
          if (fault === "lose-answer") return end(1006)
          if (fault === "silent") return
          if (fault === "foreign") return answer("<html>")
          if (typeof reply === "string") {
            answer(encodeFrame({ type: "error", code: "unknown-series", message: reply, fatal: true }))
            return end(1008)
          }
          answer(encode(reply), fault === "slow")
          if (fault === "twice") {
            const again = once()
            if (typeof again !== "string") answer(encode(again))
          }
        }
        let heard = 0
        return {
          send: (text: string) =>
            Effect.suspend(() => {
              if (ended !== undefined) {
                return Effect.fail(new SocketError({ reason: "Write", message: "the connection is not open" }))
              }
              take(text)
              return Effect.yieldNow()
            }),
          receive: Effect.flatten(Queue.take(inbox)),
          roundTrip: Effect.suspend(() => {
            if (ended !== undefined) return Effect.fail(ended)
            heard++
            return Effect.void
          }),
          ping: Effect.sync(() => {
            heard++
          }),
          heard: Effect.sync(() => heard),
          paused: Effect.succeed(false)
        }
      }).pipe(Effect.annotateLogs({ url: request.url }))
  })

  const client = HttpClient.make((request) =>
    Effect.gen(function*() {
      server.posts++
      yield* Effect.yieldNow()
      const respond = (status: number, body: string, headers: Record<string, string> = {}) =>
        HttpClientResponse.fromWeb(request, new Response(body, { status, headers }))
      const lost = new HttpClientError.RequestError({ request, reason: "Transport", description: "connection reset" })
      if (server.refuseHttp !== undefined) {
        const { body, retryAfter, status } = server.refuseHttp
        return respond(status, body, retryAfter === undefined ? {} : { "retry-after": retryAfter })
      }
      const text = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
      if (request.body.contentType !== BATCH_MEDIA_TYPE) {
        const fault = server.fault(++frames, "http")
        if (fault === "lose") return yield* lost
        if (fault === "busy") return respond(503, "", { "retry-after": "1" })
        if (fault === "fail") return respond(500, "")
        const taken = commitPlain(text, "http")
        if (fault === "lose-answer") return yield* lost
        if (fault === "silent") return yield* Effect.never
        if (fault === "slow") yield* Effect.sleep(slowness)
        return respond(200, server.answersPlain ? JSON.stringify(taken) : "")
      }
      const decoded = decodeClientFrame(text)
      if (Either.isLeft(decoded) || decoded.right.type === "hello") {
        return respond(400, JSON.stringify({ code: "bad-frame", message: Either.getLeft(decoded) }))
      }
      const frame = decoded.right
      const fault = server.fault(++frames, "http")
      if (fault === "lose") return yield* lost
      if (fault === "busy") return respond(503, "", { "retry-after": "1" })
      if (fault === "fail") return respond(500, "")
      const { stream } = frame
      if (fault === "gap") return respond(409, JSON.stringify({ stream, next: next.get(stream) ?? 0 }))
      if (frame.type === "batch" && frame.acked !== undefined) forget(stream, frame.acked)
      const once = () => frame.type === "skip" ? skip(frame) : commit(frame, new Map(), "http")
      const first = once()
      const reply = fault === "twice" ? once() : first
      if (fault === "lose-answer") return yield* lost
      if (fault === "silent") return yield* Effect.never
      if (fault === "foreign") return respond(200, "<html>")
      if (fault === "slow") yield* Effect.sleep(slowness)
      if (typeof reply === "string") return respond(400, JSON.stringify({ code: "bad-batch", message: reply }))
      return reply.kind === "gap"
        ? respond(409, JSON.stringify({ stream, next: reply.next }))
        : respond(200, JSON.stringify({ stream, next: reply.next, rejected: rejected.get(stream) ?? [] }))
    })
  )

  const server: FakeServer = {
    layer: Layer.merge(Layer.succeed(SocketConnector, connector), Layer.succeed(HttpClient.HttpClient, client)),
    points,
    skips,
    next,
    answersPlain: true,
    reject: () => undefined,
    fault: () => undefined,
    refuseSocket: undefined,
    refuseHttp: undefined,
    sockets: { tried: 0, opened: 0 },
    posts: 0,
    restore: (stream, to) => {
      if (to >= (next.get(stream) ?? 0)) return
      next.set(stream, to)
      rejected.set(stream, (rejected.get(stream) ?? []).filter(([offset]) => offset < to))
      points.splice(0, points.length, ...points.filter((point) => point.stream !== stream || point.offset < to))
      for (const skipped of skips.splice(0)) {
        if (skipped.stream !== stream || skipped.to <= to) skips.push(skipped)
        else if (skipped.from < to) skips.push({ ...skipped, to })
      }
    },
    cut: (code = 1006) => {
      for (const end of open) end(code)
    }
  }
  return server
}
