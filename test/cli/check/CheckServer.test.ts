import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Either, Layer, Logger } from "effect"
import { serverSteps } from "../../../src/cli/check/CheckServer.js"
import { messageOf } from "../../../src/cli/CliFailure.js"
import { MetricsClient } from "../../../src/client/MetricsClient.js"
import { SocketConnector } from "../../../src/sender/delivery/SocketConnector.js"
import { MetricsServer } from "../../../src/server/MetricsServer.js"
import { MemoryMetricStore } from "../../../src/store/MemoryMetricStore.js"
import { MetricStore } from "../../../src/store/MetricStore.js"
import { parseEndpoint } from "../../../src/wire/Endpoint.js"
import { httpConnections } from "../../../src/wire/HttpConnections.js"

/** The clock of a server that is `millis` ahead. */
const ahead = (millis: number): Effect.Effect<Clock.Clock> =>
  Effect.map(Effect.clock, (clock) => ({
    ...clock,
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    sleep: (duration) => clock.sleep(duration),
    currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + millis),
    currentTimeNanos: clock.currentTimeNanos,
    unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + millis,
    unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos()
  }))

/** What each step says of a server whose clock is `millis` ahead. */
const stepsFor = (millis: number) =>
  Effect.gen(function*() {
    const server = Context.get(
      yield* Effect.withClock(Layer.build(MetricsServer.layer({ port: 0 })), yield* ahead(millis)),
      MetricsServer
    )
    const endpoint = yield* parseEndpoint(server.url)
    const network = Layer.mergeAll(
      MetricsClient.layer({ serverUrl: endpoint.serverUrl }),
      SocketConnector.layer,
      httpConnections()
    )
    const found = new Map<string, string>()
    for (const step of serverSteps(endpoint, undefined)) {
      const result = yield* Effect.either(Effect.provide(step.try, network))
      found.set(
        step.name,
        Either.match(result, { onLeft: (error) => `FAIL ${messageOf(error)}`, onRight: ({ says }) => says })
      )
    }
    return found
  })

const provided = Effect.provide(Layer.merge(MemoryMetricStore.layer, Logger.remove(Logger.defaultLogger)))

describe("the check of a server", () => {
  it.scopedLive("finds clocks that are apart, and says which is ahead", () =>
    Effect.gen(function*() {
      assert.match((yield* stepsFor(0)).get("clock") ?? "", /^\d+ ms apart$/)
      assert.match((yield* stepsFor(60_000)).get("clock") ?? "", /^FAIL the server's clock is \d+ ms ahead of ours/)
      assert.match((yield* stepsFor(-60_000)).get("clock") ?? "", /^FAIL the server's clock is \d+ ms behind ours/)
    }).pipe(provided))

  it.scopedLive("tries both ways as a sender would, and leaves nothing in the store", () =>
    Effect.gen(function*() {
      const found = yield* stepsFor(0)
      assert.match(found.get("socket") ?? "", /^takes batches at ws:/)
      assert.match(found.get("http") ?? "", /^takes batches at http:/)
      const store = yield* MetricStore
      assert.deepStrictEqual(yield* store.streams, [])
      assert.deepStrictEqual(yield* store.losses(9), [])
    }).pipe(provided))
})
