import { Effect, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { Worker } from "node:worker_threads"
import type { BenchData } from "./BenchData.js"
import { type Lateness, lateness } from "./Pace.js"

/** Work of a batch as the store does it, and every so many batches that of the chunks: ms busy, bytes written. */
const ofBatch = { millis: 0.4, bytes: 16 * 1024 }
const ofChunks = { millis: 4, bytes: 256 * 1024 }
const batchesOfChunks = 13

/**
 * The same pace without any store: a plain program that is busy, writes and
 * waits for the disk about as long as the store, alone and beside a thread
 * that does nothing but keep a processor busy. What it is later then is the
 * doing of the machine.
 */
export const floor = (dataDir: string, data: BenchData, turns: number): Effect.Effect<Lateness, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const file = yield* Effect.acquireRelease(
      Effect.sync(() => fs.openSync(path.join(dataDir, "floor"), "w")),
      (own) => Effect.sync(() => fs.closeSync(own))
    )
    const thread = yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(new URL("./BusyThread.mjs", import.meta.url))),
      (own) => Effect.promise(() => own.terminate())
    )
    const bytes = Buffer.alloc(ofChunks.bytes, 1)
    const spread = 4 * 1024 * 1024
    let place = 0
    const write = (work: typeof ofBatch): void => {
      const end = performance.now() + work.millis
      while (performance.now() < end);
      // Over and over the same bytes of the file, as a write-ahead log does.
      if (place + work.bytes > spread) place = 0
      fs.writeSync(file, bytes, 0, work.bytes, place)
      place += work.bytes
      fs.fdatasyncSync(file)
    }
    let batches = 0
    return yield* lateness(
      () =>
        Effect.sync(() => {
          write(ofBatch)
          if (++batches % batchesOfChunks === 0) write(ofChunks)
        }),
      data,
      Effect.async<never>(() => {
        thread.postMessage(true, [])
        return Effect.sync(() => thread.postMessage(false, []))
      }),
      turns
    )
  })
