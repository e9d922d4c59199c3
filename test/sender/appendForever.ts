/**
 * A process that appends to the outbox in the folder of its first argument
 * until it is killed, and says after each commit how many points are accepted.
 */
import { Effect } from "effect"
import * as fs from "node:fs"
import { SeriesDictionary } from "../../src/sender/batch/SeriesDictionary.js"
import { Outbox } from "../../src/sender/Outbox.js"
import { SqliteOutbox } from "../../src/sender/SqliteOutbox.js"
import { suiteBatch } from "../../src/testing/OutboxSuite.js"

const dataDir = process.argv[2] ?? ""
const perBatch = 100

await Effect.gen(function*() {
  const outbox = yield* Outbox
  const dictionary = new SeriesDictionary()
  let accepted = 0
  while (true) {
    const batch = suiteBatch(dictionary, accepted, accepted + perBatch)
    yield* outbox.append([batch], () => {
      accepted += perBatch
      fs.writeSync(1, `${outbox.stream} ${accepted}\n`)
    })
    yield* Effect.yieldNow()
  }
}).pipe(Effect.provide(SqliteOutbox.layer({ dataDir })), Effect.runPromise)
