import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MetricStore, StoreError } from "../../../src/store/MetricStore.js"
import { type PipelineSnapshot, PipelineStatus } from "../../../src/telemetry/PipelineStatus.js"
import {
  batch,
  connect,
  connectBatch,
  hello,
  memoryStore,
  post,
  postBatch,
  request,
  startServer
} from "../TestServer.js"

describe("the state of the server", () => {
  it.scopedLive("shows what came, who is connected, and the collector beside it", () =>
    Effect.gen(function*() {
      const idle = yield* Effect.provide(
        Effect.flatMap(PipelineStatus, ({ snapshot }) => snapshot),
        PipelineStatus.Default
      )
      const pipeline: PipelineSnapshot = {
        generators: [],
        queue: { size: 1, capacity: 2, highWater: 1 },
        sender: { ...idle.sender, transport: "socket", accepted: 5, acknowledged: 5, batchesSent: 1 }
      }
      const server = yield* startServer({ version: "1.2.3", pipeline: Effect.succeed(pipeline) })
      yield* connect(server)
      const peer = yield* connectBatch(server)
      peer.send(hello("s2"))
      yield* peer.next
      yield* postBatch(server, { ...batch("s1", 0, [1, null, 3]), sender: "tester", acked: 0 })
      yield* postBatch(server, { ...batch("s1", 0, [1, null, 3]), sender: "tester", acked: 0 })
      yield* post(server, [{ origin: "a", metric_type: "n", value: 1 }, 5])
      expect((yield* request(server, "/api/status")).json).toMatchObject({
        version: "1.2.3",
        time: expect.any(Number),
        startedAt: expect.any(Number),
        uptimeSeconds: expect.any(Number),
        store: { id: expect.stringMatching(/./), series: 2, points: 3 },
        streamCount: 2,
        streams: expect.arrayContaining([
          expect.objectContaining({ stream: "s1", sender: "tester", next: 3, transport: "http" }),
          expect.objectContaining({ stream: "s2", sender: "tester", next: 0, transport: "socket" })
        ]),
        connections: { batch: 1, plain: 1, live: 0 },
        received: { batches: 2, plainRequests: 1, points: 3, rejected: 2, queries: 0, refused: 0, busy: 0 },
        commits: { count: 3, p50Millis: expect.any(Number), p99Millis: expect.any(Number) },
        process: { residentBytes: expect.any(Number), cpuSeconds: expect.any(Number) },
        limits: { maxBodyBytes: 8_388_608, maxFrameBytes: 1_048_576, maxInFlightBytes: 67_108_864, window: 8 },
        inFlightBytes: 0,
        pipeline: { queue: { size: 1 }, sender: { accepted: 5 } }
      })
      peer.socket.close()
      yield* request(server, "/api/status").pipe(
        Effect.repeat({ until: ({ text }) => /"stream":"s2"[^}]*"lastSeen":\d+\}/.test(text) })
      )
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("is text for Prometheus under /metrics", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ version: "1.\"2" })
      yield* post(server, { origin: "a", metric_type: "m", value: 1 })
      yield* request(server, "/api/query?metric_type=m")
      const { headers, text } = yield* request(server, "/metrics")
      expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8")
      expect(text).toContain("metrics_collector_points_stored_total 1\n")
      expect(text).toContain("metrics_collector_queries_total 1\n")
      expect(text).toContain("metrics_collector_commit_duration_seconds_bucket{le=\"+Inf\"} 1\n")
      expect(text).toContain("metrics_collector_commit_duration_seconds_count 1\n")
      expect(text).toContain("metrics_collector_connections{mode=\"batch\"} 0\n")
      expect(text).toContain("metrics_collector_build_info{version=\"1.\\\"2\"} 1\n")
      for (const line of text.trimEnd().split("\n")) {
        expect(line).toMatch(
          /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{[a-z]+="(?:[^"\\]|\\.)*"\})? -?\d+(?:\.\d+)?(?:e-?\d+)?(?: \d+)?)$/
        )
      }
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("is not ready while its store cannot be written", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      expect(yield* request(server, "/healthz")).toMatchObject({ status: 200 })
      const answer = yield* request(server, "/readyz")
      expect(answer).toMatchObject({ status: 503, json: { code: "not-ready" } })
      expect(answer.text).not.toContain("secret")
    }).pipe(Effect.provide(
      Layer.effect(
        MetricStore,
        Effect.map(MetricStore, (store) => ({
          ...store,
          ready: new StoreError({ reason: "Unavailable", message: "/secret/path" })
        }))
      ).pipe(Layer.provideMerge(memoryStore))
    )))

  it.scopedLive("is healthy and ready", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      expect(yield* request(server, "/healthz")).toMatchObject({ status: 200, json: { status: "ok" } })
      expect(yield* request(server, "/readyz")).toMatchObject({ status: 200, json: { status: "ready" } })
      expect(yield* request(server, "/healthz", { method: "HEAD" })).toMatchObject({ status: 200, text: "" })
    }).pipe(Effect.provide(memoryStore)))
})
