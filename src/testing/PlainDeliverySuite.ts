import { Effect, type Layer } from "effect"
import * as assert from "node:assert/strict"
import type { PlainFormat } from "../sender/GenericMetricsSender.js"
import type { Outbox, OutboxError } from "../sender/Outbox.js"
import {
  type DeliveryCheck,
  deliveryCheck,
  type DeliveryHarness,
  deliveryMetrics as metrics,
  sendInPieces,
  upTo,
  type Ways
} from "./DeliveryHarness.js"
import type { Fault } from "./FakeServer.js"

/** Everything arrived, nothing changed and nothing invented; what came twice is counted as unverified, and written down. */
const holdsAll = ({ ledger, server: { points }, status }: DeliveryHarness, count: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const first = new Map(points.map((point) => [point.value, point]))
    // A server that turns one frame away takes those that follow it.
    assert.deepEqual(Array.from(first.keys()).sort((a, b) => a - b), upTo(count))
    for (const [value, { metricType, tags, time }] of first) {
      assert.equal(metricType, value % 3 === 0 ? "third" : "other")
      assert.deepEqual(tags, { host: `web-${value % 5}` })
      assert.equal(time, 1_700_000_000_000 + value)
    }
    assert.equal(status.acknowledged, count)
    assert.equal(status.pending, 0)
    const once = new Set<number>()
    const again = new Set<number>()
    for (const { value } of points) (once.has(value) ? again : once).add(value)
    assert.ok(again.size <= status.unverified, `${again.size} came again, and ${status.unverified} are unverified`)
    const written = (yield* ledger.totals).find(({ reason }) => reason === "unverified")?.count ?? 0
    assert.ok(written <= status.unverified)
    for (const { count, from, reason, to } of yield* ledger.losses) {
      assert.equal(reason, "unverified")
      assert.ok(count !== "unknown" && count > 0 && to - from >= 0 && from >= 1_700_000_000_000)
    }
  })

/**
 * The checks that hold for a sender in plain mode over any outbox and any way:
 * each metric at least once, whatever network and server do to it, and never
 * twice without a word. `answers`: whether the server answers frames.
 */
export const plainDeliverySuite = (
  ways: Ways,
  outbox: Layer.Layer<Outbox, OutboxError>,
  answers: boolean,
  format: PlainFormat = "generic"
): ReadonlyArray<DeliveryCheck> => {
  const made = deliveryCheck(ways, outbox, format)
  const check = (name: string, body: (harness: DeliveryHarness) => Effect.Effect<void, unknown>): DeliveryCheck =>
    made(name, (harness) => {
      harness.server.answersPlain = answers
      return body(harness)
    })

  const throughFault = (fault: Fault, every: number): DeliveryCheck =>
    check(
      `each metric at least once, though every ${every}th frame meets: ${fault}`,
      (harness) =>
        Effect.gen(function*() {
          harness.server.fault = (count) => count % every === 0 ? fault : undefined
          yield* sendInPieces(harness, 5_000)
          yield* harness.sender.flush
          yield* holdsAll(harness, 5_000)
        })
    )

  return [
    check("each metric once and in order where nothing goes wrong", (harness) =>
      Effect.gen(function*() {
        const { sender, server, status } = harness
        yield* sendInPieces(harness, 5_000)
        yield* sender.flush
        yield* holdsAll(harness, 5_000)
        if (ways === "both") return
        assert.deepEqual(server.points.map(({ value }) => value), upTo(5_000))
        assert.deepEqual(new Set(server.points.map(({ way }) => way)), new Set([ways]))
        // A status of HTTP is an answer; a socket that says nothing proves nothing.
        assert.equal(status.unverified, answers || ways === "http" ? 0 : 5_000)
      })),
    throughFault("lose", 3),
    throughFault("lose-answer", 3),
    throughFault("fail", 3),
    throughFault("slow", 4),
    // A silent server cannot say that it did not take a frame.
    ...answers || ways === "http" ? [throughFault("busy", 4), throughFault("silent", 4)] : [],
    ...answers
      ? [
        check(
          "a rejected metric costs its neighbours nothing and is written down",
          (harness) =>
            Effect.gen(function*() {
              const { ledger, sender, server, status } = harness
              server.reject = (value) => value % 100 === 7 ? "value: not today" : undefined
              yield* sendInPieces(harness, 1_000)
              yield* sender.flush
              assert.deepEqual(
                server.points.map(({ value }) => value),
                upTo(1_000).filter((n) => n % 100 !== 7)
              )
              assert.equal(status.rejected, 10)
              assert.equal(status.acknowledged, 1_000)
              const rejected = (yield* ledger.totals).find(({ reason }) => reason === "server-rejected")
              assert.equal(rejected?.count, 10)
            })
        )
      ]
      : [],
    check("an outage of everything loses nothing", (harness) =>
      Effect.gen(function*() {
        const { sender, server, status } = harness
        yield* sender.sendMetrics(metrics(0, 500))
        yield* sender.flush
        server.fault = () => "lose"
        server.cut()
        yield* sender.sendMetrics(metrics(500, 3_000))
        yield* Effect.sleep("2 minutes")
        assert.equal(status.transport, "waiting")
        assert.equal(status.pending, 2_500)
        server.fault = () => undefined
        yield* sender.flush
        yield* holdsAll(harness, 3_000)
      })),
    check(
      "HTTP that lets nobody in stops delivery and keeps the data, until it does",
      (harness) =>
        Effect.gen(function*() {
          const { sender, server, status } = harness
          if (ways !== "http") return
          server.refuseHttp = { status: 413, body: "" }
          yield* sender.sendMetrics(metrics(0, 700))
          const error = yield* Effect.flip(sender.flush)
          assert.match(String(error), /HTTP 413/)
          assert.equal(status.transport, "stopped")
          assert.equal(status.pending, 700)
          server.refuseHttp = undefined
          yield* Effect.sleep("2 minutes")
          yield* sender.flush
          yield* holdsAll(harness, 700)
          assert.equal(status.unverified, 0)
        })
    )
  ]
}
