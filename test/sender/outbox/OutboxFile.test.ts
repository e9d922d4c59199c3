import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Layer, type Scope, Stream } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { GenericMetric, toWire } from "../../../src/domain/GenericMetric.js"
import { BatchBuilder } from "../../../src/sender/batch/BatchBuilder.js"
import { SeriesDictionary } from "../../../src/sender/batch/SeriesDictionary.js"
import { Outbox, type OutboxError } from "../../../src/sender/Outbox.js"
import { discardDeadLetters, retryDeadLetters } from "../../../src/sender/outbox/DeadLetterFile.js"
import { openOutboxFile } from "../../../src/sender/outbox/OutboxFile.js"
import { OUTBOX_FILE, SqliteOutbox, type SqliteOutboxOptions } from "../../../src/sender/SqliteOutbox.js"
import { temporaryDirectory } from "../TemporaryDirectory.js"

const metricOf = (n: number): GenericMetric =>
  new GenericMetric({
    origin: "o",
    metricType: `m${n % 3}`,
    value: n,
    timestamp: 1_000 + n,
    metadata: { tag: "a", field: n }
  })

const jsonOf = (n: number): unknown => JSON.parse(JSON.stringify(toWire(metricOf(n))))

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** One life of an outbox, as a collector has it. */
const opened = <A, E>(
  options: SqliteOutboxOptions,
  body: (outbox: typeof Outbox.Service) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E | OutboxError> =>
  Effect.flatMap(Outbox, body).pipe(Effect.scoped, Effect.provide(Layer.fresh(SqliteOutbox.layer(options))))

const append = (outbox: typeof Outbox.Service, dictionary: SeriesDictionary, from: number, to: number) => {
  const builder = new BatchBuilder(dictionary)
  for (const n of numbers(from, to)) builder.add(metricOf(n), 0)
  return outbox.append(builder.finish(), () => builder.committed())
}

const reading = <A>(dataDir: string, of: (file: NonNullable<OpenedFile>) => Effect.Effect<A, OutboxError>) =>
  Effect.scoped(Effect.gen(function*() {
    const file = yield* openOutboxFile(dataDir)
    if (file === undefined) return yield* Effect.dieMessage("there is no outbox")
    return yield* of(file)
  }))

type OpenedFile = Effect.Effect.Success<ReturnType<typeof openOutboxFile>>

const pendingOf = (dataDir: string) =>
  Effect.map(
    reading(dataDir, (file) => Stream.runCollect(file.pending)),
    (all) =>
      Chunk.toReadonlyArray(all).map((entry): unknown =>
        entry._tag === "Metric" ? JSON.parse(entry.json) : `damaged ${entry.range.from}`
      )
  )

describe("an outbox's file", () => {
  it.scoped("tells the losses of a collector, whether the server knows of them, and counts none as a metric", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const dictionary = new SeriesDictionary()
      const loss = { source: "dice", reason: "missed-tick", count: 17, from: 1_000, to: 2_000 } as const
      yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          yield* append(outbox, dictionary, 0, 10)
          yield* outbox.declare([loss], () => {})
          yield* append(outbox, dictionary, 10, 20)
          yield* outbox.declare([{ ...loss, count: "unknown" }], () => {})
          yield* outbox.acknowledge(outbox.stream, 13, [])
        }))
      const { losses, streams } = yield* reading(dataDir, (file) => file.status)
      assert.deepStrictEqual(losses.map(({ delivered, loss, offset }) => [offset, delivered, loss]), [
        [10, true, loss],
        [21, false, { ...loss, count: "unknown" }]
      ])
      const [{ acked, declarations, held, next, pending, skipped }] = streams
      assert.deepStrictEqual({ acked, declarations, held, next, pending, skipped }, {
        acked: 13,
        declarations: [10, 21],
        held: [[11, 21]],
        next: 22,
        pending: 8,
        skipped: []
      })
      assert.deepStrictEqual(yield* pendingOf(dataDir), numbers(12, 20).map(jsonOf))
    }))

  it.scoped("tells what plain mode delivered, whose losses no server knows, also of a stream that is forgotten", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const loss = { source: "dice", reason: "missed-tick", count: 17, from: 1_000, to: 2_000 } as const
      const seen = Effect.map(reading(dataDir, (file) => file.status), ({ losses, streams }) => ({
        delivered: losses.map(({ delivered }) => delivered),
        plain: streams.map(({ plain }) => plain)
      }))
      const first = yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          yield* append(outbox, new SeriesDictionary(), 0, 10)
          yield* outbox.declare([loss], () => {})
          yield* outbox.acknowledge(outbox.stream, 11, [])
          yield* append(outbox, new SeriesDictionary(), 10, 20)
          yield* outbox.declare([loss], () => {})
          assert.strictEqual(yield* outbox.notePlain(outbox.stream, 21), 11)
          yield* outbox.acknowledge(outbox.stream, 22, [])
          yield* append(outbox, new SeriesDictionary(), 20, 30)
          assert.deepStrictEqual(yield* seen, { delivered: [true, false], plain: [{ from: 11, sent: 21 }] })
          return outbox.stream
        }))
      yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* outbox.notePlain(first, 32), 21)
          yield* outbox.acknowledge(first, 32, [])
          // The stream is over, and its loss records are still not told.
          assert.deepStrictEqual(yield* seen, { delivered: [true, false], plain: [undefined] })
        }))
    }))

  it.scoped("of an earlier run that sent batches counts as sent in all, when plain mode goes on with it", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const first = yield* opened(
        { dataDir },
        (outbox) => Effect.as(append(outbox, new SeriesDictionary(), 0, 10), outbox.stream)
      )
      yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* outbox.notePlain(first, 4), 10)
          assert.strictEqual(yield* outbox.notePlain(outbox.stream, 0), 0)
        }))
    }))

  it.scoped("is read while a collector works with it, as it stands at that moment", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      const dictionary = new SeriesDictionary()
      yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          yield* append(outbox, dictionary, 0, 10)
          yield* append(outbox, dictionary, 10, 20)
          yield* outbox.acknowledge(outbox.stream, 4, [])
          const status = yield* reading(dataDir, (file) => file.status)
          assert.strictEqual(status.sender, outbox.sender)
          assert.notStrictEqual(status.openedAt, undefined)
          const [{ acked, batches, held, next, oldest, pending, skipped, stream }] = status.streams
          assert.deepStrictEqual(
            { acked, batches, held, next, oldest, pending, skipped, stream },
            {
              acked: 4,
              batches: 2,
              held: [[0, 20]],
              next: 20,
              oldest: 1_000,
              pending: 16,
              skipped: [],
              stream: outbox.stream
            }
          )
          assert.deepStrictEqual(yield* pendingOf(dataDir), numbers(4, 20).map(jsonOf))
        }))
      const closed = yield* reading(dataDir, (file) => file.status)
      assert.strictEqual(closed.openedAt, undefined)
    }))

  it.scoped("gives the metrics of all streams, oldest first, without those that were dropped", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* opened({ dataDir }, (outbox) => append(outbox, new SeriesDictionary(), 0, 5))
      yield* opened({ dataDir, maxBytes: 900, overflow: "drop-oldest" }, (outbox) => {
        const dictionary = new SeriesDictionary()
        return Effect.forEach([10, 15, 20, 25], (n) => append(outbox, dictionary, n, n + 5))
      })
      const { streams } = yield* reading(dataDir, (file) => file.status)
      const lost = streams.flatMap(({ skipped }) => skipped)
      assert.isAbove(lost.length, 0)
      const pending = yield* pendingOf(dataDir)
      assert.strictEqual(pending.length, streams.reduce((sum, stream) => sum + stream.pending, 0))
      assert.deepStrictEqual(pending, [...numbers(0, 5), ...numbers(10, 30)].slice(-pending.length).map(jsonOf))
    }))

  it.scoped("is not made by looking for it", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      assert.strictEqual(yield* openOutboxFile(dataDir), undefined)
      assert.deepStrictEqual(fs.readdirSync(dataDir), [])
    }))

  it.scoped("of another program is refused", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      fs.writeFileSync(path.join(dataDir, OUTBOX_FILE), "a shopping list\n".repeat(100))
      const error = yield* Effect.flip(openOutboxFile(dataDir))
      assert.match(error.message, /not a SQLite database/)
    }))
})

describe("dead letters", () => {
  const withLetters = (dataDir: string) =>
    opened({ dataDir }, (outbox) =>
      Effect.gen(function*() {
        yield* append(outbox, new SeriesDictionary(), 0, 10)
        yield* outbox.acknowledge(outbox.stream, 10, [[2, "no"], [5, "never"], [7, "no"]])
      }))

  const letters = (dataDir: string) => reading(dataDir, (file) => file.deadLetters)

  it.scoped("that are tried again are pending with their own time, and no dead letters any more", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withLetters(dataDir)
      const [first, second, third] = yield* letters(dataDir)
      assert.deepStrictEqual([first.reason, first.offset, second.offset], ["no", 2, 5])
      const moved = yield* retryDeadLetters(dataDir, [first.id, third.id, 99])
      assert.deepStrictEqual(moved, { moved: 2, unknown: [99], unreadable: [] })
      assert.deepStrictEqual(yield* pendingOf(dataDir), [2, 7].map(jsonOf))
      assert.deepStrictEqual((yield* letters(dataDir)).map(({ offset }) => offset), [5])
      // The next collector delivers them as any other stream.
      yield* opened({ dataDir }, (outbox) =>
        Effect.gen(function*() {
          const [older] = yield* outbox.streams
          const entry = yield* outbox.entry(older.stream, 0)
          assert.strictEqual(entry?._tag, "Batch")
          assert.deepStrictEqual([older.acked, older.next], [0, 2])
        }))
    }))

  it.scoped("that are discarded are gone, the others stay", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withLetters(dataDir)
      const [first] = yield* letters(dataDir)
      assert.strictEqual((yield* discardDeadLetters(dataDir, [first.id])).moved, 1)
      assert.deepStrictEqual((yield* letters(dataDir)).map(({ offset }) => offset), [5, 7])
      assert.strictEqual((yield* discardDeadLetters(dataDir, "all")).moved, 2)
      assert.deepStrictEqual(yield* letters(dataDir), [])
      assert.deepStrictEqual(yield* pendingOf(dataDir), [])
    }))

  it.scoped("are left alone while a collector runs", () =>
    Effect.gen(function*() {
      const dataDir = yield* temporaryDirectory
      yield* withLetters(dataDir)
      yield* opened({ dataDir }, () =>
        Effect.gen(function*() {
          for (const change of [retryDeadLetters(dataDir, "all"), discardDeadLetters(dataDir, "all")]) {
            const exit = yield* Effect.exit(change)
            assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Fail" && exit.cause.error.reason === "Locked")
          }
          assert.strictEqual((yield* letters(dataDir)).length, 3)
        }))
    }))
})
