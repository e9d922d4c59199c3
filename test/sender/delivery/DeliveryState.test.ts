import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import {
  ATTEMPTS_BEFORE_HTTP,
  type DeliveryEvent,
  type DeliveryState,
  transition,
  transitions,
  transportOf
} from "../../../src/sender/delivery/DeliveryState.js"

const events: ReadonlyArray<DeliveryEvent> = [
  { _tag: "Welcomed" },
  { _tag: "Healthy" },
  { _tag: "PartDelivered" },
  { _tag: "SocketFailed" },
  { _tag: "HttpAnswered" },
  { _tag: "HttpFailed" },
  { _tag: "Refused", message: "no" },
  { _tag: "RetryDue" },
  { _tag: "RecheckDue" }
]

const beginning = (): DeliveryState => ({ _tag: "Connecting", failures: 0 })
const start = beginning()

const after = (...tags: ReadonlyArray<DeliveryEvent["_tag"]>): DeliveryState =>
  tags.reduce<DeliveryState>(
    (state, tag) => transition(state, events.find((event) => event._tag === tag) ?? events[0]),
    start
  )

const names = Object.keys(transitions)

describe("DeliveryState", () => {
  it("every row of the table is reached from the start", () => {
    const seen = new Map<string, DeliveryState>()
    const rows = new Set<string>()
    const visit = (state: DeliveryState): void => {
      const key = JSON.stringify(state)
      if (seen.has(key) || ("failures" in state && state.failures > ATTEMPTS_BEFORE_HTTP + 1)) return
      seen.set(key, state)
      for (const event of events) {
        if (Object.keys(transitions[state._tag]).includes(event._tag)) rows.add(`${state._tag} ${event._tag}`)
        visit(transition(state, event))
      }
    }
    visit(start)
    const all = Object.entries(transitions).flatMap(([state, row]) =>
      Object.keys(row).map((event) => `${state} ${event}`)
    )
    assert.deepStrictEqual(Array.from(rows).sort(), all.sort())
  })

  it("no sequence of events leads out of the table, and each state shows as one the status knows", () => {
    FastCheck.assert(FastCheck.property(FastCheck.array(FastCheck.constantFrom(...events)), (sequence) => {
      let state = start
      for (const event of sequence) {
        state = transition(state, event)
        assert.include(names, state._tag)
        assert.include(["connecting", "socket", "http", "waiting", "stopped"], transportOf(state))
      }
    }))
  })

  it("what a row does not name leaves the state as it is", () => {
    FastCheck.assert(FastCheck.property(FastCheck.array(FastCheck.constantFrom(...events)), (sequence) => {
      let state = start
      for (const event of sequence) {
        const next = transition(state, event)
        if (!Object.keys(transitions[state._tag]).includes(event._tag)) assert.strictEqual(next, state)
        state = next
      }
    }))
  })

  it("three failed attempts lead to HTTP, fewer to another attempt on the socket", () => {
    assert.deepStrictEqual(after("SocketFailed"), { _tag: "Waiting", failures: 1 })
    assert.deepStrictEqual(after("SocketFailed", "RetryDue", "SocketFailed"), { _tag: "Waiting", failures: 2 })
    const third = after("SocketFailed", "RetryDue", "SocketFailed", "RetryDue", "SocketFailed")
    assert.deepStrictEqual(third, { _tag: "HttpWaiting", failures: 3 })
    assert.strictEqual(transportOf(third), "waiting")
  })

  it("a socket that opens and fails again and again leads to HTTP too; only a healthy one begins anew", () => {
    const flapping = after("Welcomed", "SocketFailed", "RetryDue", "Welcomed", "SocketFailed", "RetryDue", "Welcomed")
    assert.deepStrictEqual(transition(flapping, { _tag: "SocketFailed" }), { _tag: "HttpWaiting", failures: 3 })
    const healthy = transition(transition(flapping, { _tag: "Healthy" }), { _tag: "SocketFailed" })
    assert.deepStrictEqual(healthy, { _tag: "Waiting", failures: 1 })
  })

  it("going on to the next hello is neither a failure nor a cure", () => {
    const flapping = after("Welcomed", "SocketFailed", "RetryDue", "Welcomed")
    assert.deepStrictEqual(transition(flapping, { _tag: "PartDelivered" }), { _tag: "Socket", failures: 1 })
  })

  it("HTTP delivers until the socket takes delivery back", () => {
    const http = after("SocketFailed", "RetryDue", "SocketFailed", "RetryDue", "SocketFailed", "HttpAnswered")
    assert.strictEqual(transportOf(http), "http")
    assert.strictEqual(transportOf(transition(http, { _tag: "HttpFailed" })), "waiting")
    assert.strictEqual(transportOf(transition(http, { _tag: "SocketFailed" })), "http")
    assert.strictEqual(transportOf(transition(http, { _tag: "Welcomed" })), "socket")
  })

  it("a refusal stops from wherever something is tried, and a recheck by either way cures it", () => {
    for (const state of names.filter((name) => name !== "Waiting" && name !== "Stopped")) {
      assert.include(Object.keys(Object.entries(transitions).find(([name]) => name === state)?.[1] ?? {}), "Refused")
    }
    const stopped = after("Refused")
    assert.deepStrictEqual(stopped, { _tag: "Stopped", message: "no" })
    const rechecking = transition(stopped, { _tag: "RecheckDue" })
    assert.strictEqual(transportOf(rechecking), "stopped")
    assert.strictEqual(transportOf(transition(rechecking, { _tag: "Welcomed" })), "socket")
    assert.strictEqual(transportOf(transition(rechecking, { _tag: "HttpAnswered" })), "http")
    assert.deepStrictEqual(transition(rechecking, { _tag: "HttpFailed" }), stopped)
  })
})
