import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, TestClock } from "effect"
import { MemoryOutbox } from "../../../src/sender/MemoryOutbox.js"
import { makePlainDelivery } from "../../../src/sender/plain/PlainDelivery.js"
import { deliverPlainOverSocket, openPlainSocket } from "../../../src/sender/plain/PlainSocket.js"
import { LONGEST_SILENCE } from "../../../src/sender/SocketTransport.js"
import { LossLedger } from "../../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../../src/telemetry/PipelineStatus.js"
import { makeFakeServer } from "../../../src/testing/FakeServer.js"
import { waitingDisk } from "../waitingDisk.js"

describe("a socket whose server answers plain frames", () => {
  it.scoped("is not given up while what was answered waits for the disk of the outbox", () =>
    Effect.gen(function*() {
      const server = makeFakeServer()
      const { disk, ledger, options } = yield* waitingDisk(server)
      const { outbox, positions, status } = options
      const plain = makePlainDelivery({ outbox, positions, status, ledger, format: "generic" })
      const connection = yield* openPlainSocket(options)
      const delivering = yield* Effect.fork(
        deliverPlainOverSocket(options, plain, { answers: false, isCalledSilent: false }, connection)
      )
      yield* TestClock.adjust(Duration.times(LONGEST_SILENCE, 3))
      assert.strictEqual((yield* Fiber.poll(delivering))._tag, "None")
      assert.strictEqual(status.acknowledged, 0)
      yield* disk.open
      yield* TestClock.adjust("1 second")
      assert.strictEqual(status.acknowledged, 10)
      assert.strictEqual(server.points.length, 10)
      yield* Fiber.interrupt(delivering)
    }).pipe(Effect.provide(Layer.mergeAll(MemoryOutbox.layer(), LossLedger.Default, PipelineStatus.Default))))
})
