import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import * as path from "node:path"
import { MostOffered } from "../../src/sender/delivery/MostOffered.js"
import { SqliteMetricStore } from "../../src/store/SqliteMetricStore.js"
import { directory } from "../e2e/Program.js"
import { connectBatch, hello, startServer } from "../server/TestServer.js"
import { readWriteAheadLog } from "./WriteAheadLog.js"

describe("what a hello costs", () => {
  it.scopedLive("as many new streams as a sender names are one commit of the store, and known ones another", () =>
    Effect.gen(function*() {
      const dataDir = yield* directory
      const streams = Array.from({ length: yield* MostOffered }, (_, i) => ({ stream: `s${i}`, acked: 0, next: 1 }))
      const work = Effect.gen(function*() {
        const server = yield* startServer()
        const peer = yield* connectBatch(server)
        for (let again = 0; again < 2; again++) {
          const before = readWriteAheadLog(path.join(dataDir, "store.db"))
          peer.send({ ...hello(""), streams })
          expect(yield* peer.next).toMatchObject({
            type: "welcome",
            streams: streams.map(({ stream }) => ({ stream, next: 0 }))
          })
          const after = readWriteAheadLog(path.join(dataDir, "store.db"))
          expect(after.salt).toBe(before.salt)
          expect(after.commits - before.commits).toBe(1)
        }
      })
      yield* Effect.provide(work, SqliteMetricStore.layer({ dataDir }))
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))
})
