import { Effect } from "effect"
import { SeriesDictionary } from "../../src/sender/batch/SeriesDictionary.js"
import { makePositions } from "../../src/sender/delivery/Positions.js"
import { SocketConnector } from "../../src/sender/delivery/SocketConnector.js"
import { Outbox } from "../../src/sender/Outbox.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import type { FakeServer } from "../../src/testing/FakeServer.js"
import { suiteBatch } from "../../src/testing/OutboxSuite.js"

/** Delivery of ten metrics to a server, from an outbox whose acknowledgements wait until `disk` is opened. */
export const waitingDisk = (server: FakeServer) =>
  Effect.gen(function*() {
    const outbox = yield* Outbox
    const ledger = yield* LossLedger
    const { sender: status } = yield* PipelineStatus
    yield* outbox.append([suiteBatch(new SeriesDictionary(), 0, 10)], () => {})
    const disk = yield* Effect.makeLatch(false)
    const full: typeof Outbox.Service = {
      ...outbox,
      acknowledge: (...given) => Effect.zipRight(Effect.interruptible(disk.await), outbox.acknowledge(...given))
    }
    const connector = yield* Effect.provide(SocketConnector, server.layer)
    const positions = makePositions(full, status, ledger)
    const options = { outbox: full, positions, connector, status, url: "ws://fake.test", headers: {} }
    return { disk, ledger, options }
  })
