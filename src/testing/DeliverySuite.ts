import { Effect, type Layer } from "effect"
import * as assert from "node:assert/strict"
import type { Outbox, OutboxError } from "../sender/Outbox.js"
import {
  type DeliveryCheck,
  deliveryCheck,
  deliveryMetrics as metrics,
  sendInPieces,
  until,
  upTo,
  type Ways
} from "./DeliveryHarness.js"
import type { FakeServer, Fault } from "./FakeServer.js"

export type { DeliveryCheck, Ways } from "./DeliveryHarness.js"

/** Everything arrived once, in order, with nothing changed. */
const holdsExactly = ({ points }: FakeServer, count: number): void => {
  assert.deepEqual(points.map(({ value }) => value), upTo(count))
  for (const { metricType, tags, time, value } of points) {
    assert.equal(metricType, value % 3 === 0 ? "third" : "other")
    assert.deepEqual(tags, { host: `web-${value % 5}` })
    assert.equal(time, 1_700_000_000_000 + value)
  }
}

/**
 * The checks that hold for a sender over any outbox and any way: each metric
 * exactly once and in order, whatever network and server do to it.
 */
export const deliverySuite = (
  ways: Ways,
  outbox: Layer.Layer<Outbox, OutboxError>
): ReadonlyArray<DeliveryCheck> => {
  const check = deliveryCheck(ways, outbox)

  const throughFault = (fault: Fault, every: number): DeliveryCheck =>
    check(
      `each metric once and in order, though every ${every}th frame meets: ${fault}`,
      (harness) =>
        Effect.gen(function*() {
          harness.server.fault = (count) => count % every === 0 ? fault : undefined
          yield* sendInPieces(harness, 5_000)
          yield* harness.sender.flush
          holdsExactly(harness.server, 5_000)
          assert.equal(harness.status.acknowledged, 5_000)
          assert.equal(harness.status.pending, 0)
          assert.deepEqual(yield* harness.ledger.losses, [])
        })
    )

  return [
    check("each metric once and in order", (harness) =>
      Effect.gen(function*() {
        yield* sendInPieces(harness, 5_000)
        yield* harness.sender.flush
        holdsExactly(harness.server, 5_000)
        assert.equal(harness.status.accepted, 5_000)
        assert.equal(harness.status.acknowledged, 5_000)
        if (ways !== "both") assert.deepEqual(new Set(harness.server.points.map(({ way }) => way)), new Set([ways]))
      })),
    throughFault("lose", 3),
    throughFault("lose-answer", 3),
    throughFault("twice", 2),
    throughFault("gap", 4),
    throughFault("busy", 4),
    throughFault("fail", 3),
    check("1,000 concurrent calls, each accepted once", (harness) =>
      Effect.gen(function*() {
        yield* Effect.forEach(metrics(0, 1_000), harness.sender.sendMetric, { concurrency: "unbounded", discard: true })
        yield* harness.sender.flush
        holdsExactly(harness.server, 1_000)
      })),
    check("a rejected metric costs its neighbours nothing and is written down", (harness) =>
      Effect.gen(function*() {
        harness.server.reject = (value) => value % 100 === 7 ? "value: not today" : undefined
        yield* sendInPieces(harness, 1_000)
        yield* harness.sender.flush
        assert.deepEqual(harness.server.points.map(({ value }) => value), upTo(1_000).filter((n) => n % 100 !== 7))
        assert.equal(harness.status.rejected, 10)
        assert.equal(harness.status.acknowledged, 1_000)
        const losses = yield* harness.ledger.losses
        assert.deepEqual(losses.map(({ count, reason }) => [reason, count]), [["server-rejected", 10]])
      })),
    check("an outage of everything loses nothing", (harness) =>
      Effect.gen(function*() {
        const { sender, server } = harness
        yield* sender.sendMetrics(metrics(0, 500))
        yield* sender.flush
        server.fault = () => "lose"
        server.cut()
        yield* sender.sendMetrics(metrics(500, 3_000))
        yield* Effect.sleep("2 minutes")
        assert.equal(harness.status.transport, "waiting")
        assert.equal(server.points.length, 500)
        server.fault = () => undefined
        yield* sender.flush
        holdsExactly(server, 3_000)
      })),
    check(
      "a server that went back: the range is written down and skipped, all later ones arrive",
      (harness) =>
        Effect.gen(function*() {
          const { sender, server } = harness
          yield* sender.sendMetrics(metrics(0, 500))
          yield* sender.flush
          const [stream] = [...server.next.keys()]
          server.next.set(stream, 200)
          server.cut()
          yield* sender.sendMetrics(metrics(500, 700))
          yield* sender.flush
          yield* until(() => server.points.length >= 700)
          holdsExactly(server, 700)
          assert.deepEqual(server.skips.map(({ from, to }) => [from, to]), [[200, 500]])
          const losses = yield* harness.ledger.losses
          assert.deepEqual(losses.map(({ count, reason }) => [reason, count]), [["server-rollback", 300]])
        })
    )
  ]
}
