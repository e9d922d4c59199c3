import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import { nextOrder, TopModel } from "../../../src/cli/reading/TopModel.js"
import { renderTop } from "../../../src/cli/Top.js"
import type { LatestEntry, ServerStatus } from "../../../src/wire/Api.js"

const point = (metric_type: string, timestamp: number, tags: LatestEntry["tags"] = {}): LatestEntry => ({
  origin: "o",
  metric_type,
  tags,
  timestamp,
  value: timestamp / 3
})

const stream = (name: string, sender: string, next: number, transport?: "socket" | "http") => ({
  stream: name,
  sender,
  next,
  rejected: 1,
  firstSeen: 0,
  lastSeen: next,
  ...(transport === undefined ? {} : { transport })
})

const statusOf = (streams: ServerStatus["streams"]): ServerStatus => ({
  version: "1",
  time: 10_000,
  startedAt: 0,
  uptimeSeconds: 10,
  process: { residentBytes: 0, cpuSeconds: 0 },
  store: { id: "s", series: 3, points: 1_234_567, bytes: 0, batches: 0 },
  streamCount: streams.length,
  streams,
  connections: { batch: 0, plain: 0, live: 0 },
  received: { bytes: 0, batches: 0, plainRequests: 0, points: 0, rejected: 0, queries: 0, refused: 0, busy: 0 },
  commits: { count: 0, p50Millis: 0, p99Millis: 1.5 },
  inFlightBytes: 0,
  limits: { maxBodyBytes: 0, maxFrameBytes: 0, maxInFlightBytes: 0, window: 0 }
})

describe("top", () => {
  it("takes rates over the last ten seconds and shows the busiest first", () => {
    const model = new TopModel()
    for (let second = 0; second < 20; second++) {
      model.add([point("fast", second), point("fast", second), ...(second % 2 === 0 ? [point("slow", second)] : [])])
      model.tick(undefined)
    }
    assert.deepEqual(
      model.series("rate", 10).map(({ metricType, rate }) => [metricType, rate]),
      [["fast", 2], ["slow", 0.5]]
    )
    assert.equal(model.rate, 2.5)
    assert.deepEqual(model.series("rate", 1).length, 1)
  })

  it("sorts by rate, name and newest in turn", () => {
    const model = new TopModel()
    model.add([point("b", 1), point("a", 2), point("c", 9), point("b", 1)])
    const names = (order: "rate" | "name" | "newest") => model.series(order, 9).map(({ metricType }) => metricType)
    assert.deepEqual([names("rate"), names("name"), names("newest")], [["b", "a", "c"], ["a", "b", "c"], [
      "c",
      "a",
      "b"
    ]])
    assert.equal(nextOrder[nextOrder[nextOrder.rate]], "rate")
  })

  it("forgets a series that is silent for a minute", () => {
    const model = new TopModel()
    model.add([point("gone", 1)])
    for (let second = 0; second < 60; second++) model.tick(undefined)
    assert.equal(model.seriesCount, 1)
    for (let second = 0; second < 5; second++) model.tick(undefined)
    assert.equal(model.seriesCount, 0)
  })

  it("puts the streams of a sender together, the busiest sender first", () => {
    const model = new TopModel()
    for (let second = 0; second < 5; second++) {
      model.tick(statusOf([
        stream("1", "calm", 100),
        stream("2", "busy", 100 + 50 * second, "socket"),
        stream("3", "busy", 7)
      ]))
    }
    const [busy, calm] = model.senders(9)
    assert.deepEqual([busy.sender, busy.rate, busy.received, busy.rejected, busy.streams], ["busy", 50, 307, 2, 2])
    assert.deepEqual([busy.transport, calm.sender, calm.rate, calm.transport], ["socket", "calm", 0, ""])
  })

  it("fits any height, says what the server holds, and says so when it is away", () => {
    const model = new TopModel()
    model.add(Array.from({ length: 50 }, (_, i) => point(`m${i}`, i)))
    model.tick(statusOf([stream("1", "x".repeat(60), 5, "http")]))
    const state = { server: "http://s", order: "rate", problem: undefined } as const
    for (let height = 1; height < 60; height++) {
      assert.ok(renderTop(model, state, 80, height).length <= height)
    }
    const text = (problem: string | undefined) =>
      renderTop(model, { ...state, problem }, 60, 40).map((line) => line.text).join("\n")
    assert.match(text(undefined), /1\.23M points of 3 series/)
    assert.match(text(undefined), /x…  /)
    assert.match(text("no answer"), /not connected: no answer/)
  })
})
