import type Sqlite from "better-sqlite3"
import { Clock, Effect, Either } from "effect"
import * as nodePath from "node:path"
import { decodeMetric } from "../../domain/decodeMetric.js"
import type { GenericMetric } from "../../domain/GenericMetric.js"
import { SqliteFile } from "../../sqlite/SqliteFile.js"
import { trySqliteFile } from "../../sqlite/SqliteFileError.js"
import { BatchBuilder } from "../batch/BatchBuilder.js"
import { SeriesDictionary } from "../batch/SeriesDictionary.js"
import type { OutboxError } from "../Outbox.js"
import { ofFileError, OUTBOX_FILE } from "../SqliteOutbox.js"
import { randomId, randomUuid } from "./Entropy.js"
import { OUTBOX_APPLICATION_ID, outboxMigrations } from "./OutboxSchema.js"
import { makeSqliteOutboxStorage, readOutboxState } from "./SqliteOutboxStorage.js"
import { bytesOf } from "./StoredOutbox.js"

/** Which dead letters are meant: those with these numbers, or all. */
export type DeadLetterChoice = ReadonlyArray<number> | "all"

/** What became of dead letters. */
export interface DeadLettersMoved {
  readonly moved: number
  /** Numbers that were asked for and are no dead letters. */
  readonly unknown: ReadonlyArray<number>
  /** Numbers of dead letters that hold no metric that could be sent again; they stay. */
  readonly unreadable: ReadonlyArray<number>
}

interface LetterRow {
  readonly seq: number
  readonly metric: string | null
}

const lettersOf = (db: Sqlite.Database, choice: DeadLetterChoice) => {
  const all = db.prepare<[], LetterRow>("SELECT seq, metric FROM dead_letters ORDER BY seq").all()
  const wanted = choice === "all" ? undefined : new Set(choice)
  const found = wanted === undefined ? all : all.filter(({ seq }) => wanted.has(seq))
  const known = new Set(found.map(({ seq }) => seq))
  return { found, unknown: choice === "all" ? [] : choice.filter((id) => !known.has(id)) }
}

const removeLetters = (db: Sqlite.Database, letters: ReadonlyArray<LetterRow>): void => {
  const remove = db.prepare("DELETE FROM dead_letters WHERE seq = ?")
  for (const { seq } of letters) remove.run(seq)
}

/** Works with the file alone: fails with `Locked` while a collector runs. */
const inOneTransaction = <A>(dataDir: string, work: (db: Sqlite.Database) => A): Effect.Effect<A, OutboxError> => {
  const path = nodePath.join(dataDir, OUTBOX_FILE)
  return SqliteFile.openDatabase({
    path,
    applicationId: OUTBOX_APPLICATION_ID,
    migrations: outboxMigrations,
    onDamaged: "fail"
  }).pipe(
    Effect.flatMap(({ db }) => trySqliteFile(path, () => db.transaction(() => work(db))())),
    Effect.mapError(ofFileError),
    Effect.scoped
  )
}

/** Deletes dead letters of the outbox in a folder. */
export const discardDeadLetters = (
  dataDir: string,
  choice: DeadLetterChoice
): Effect.Effect<DeadLettersMoved, OutboxError> =>
  inOneTransaction(dataDir, (db) => {
    const { found, unknown } = lettersOf(db, choice)
    removeLetters(db, found)
    return { moved: found.length, unknown, unreadable: [] }
  })

const readMetric = ({ metric }: LetterRow): GenericMetric | undefined => {
  if (metric === null) return undefined
  const json = Either.try((): unknown => JSON.parse(metric))
  return Either.getOrUndefined(Either.flatMap(json, decodeMetric))
}

/**
 * Makes dead letters of the outbox in a folder pending again, in a stream of
 * their own and with their old timestamps: one transaction, so that each is
 * either a dead letter or pending, whatever happens.
 */
export const retryDeadLetters = (
  dataDir: string,
  choice: DeadLetterChoice
): Effect.Effect<DeadLettersMoved, OutboxError> =>
  Effect.gen(function*() {
    const now = Math.floor(yield* Clock.currentTimeMillis)
    const stream = yield* randomId
    const name = yield* randomUuid
    return yield* inOneTransaction(dataDir, (db) => {
      const { found, unknown } = lettersOf(db, choice)
      const builder = new BatchBuilder(new SeriesDictionary())
      const readable: Array<LetterRow> = []
      const unreadable: Array<number> = []
      for (const letter of found) {
        const metric = readMetric(letter)
        if (metric === undefined) unreadable.push(letter.seq)
        else {
          builder.add(metric, now)
          readable.push(letter)
        }
      }
      if (readable.length === 0) return { moved: 0, unknown, unreadable }
      let next = 0
      const built = builder.finish()
      const batches = built.map((batch) => {
        const first = next
        next += batch.count
        return { ...batch, stream, first, bytes: bytesOf(batch) }
      })
      const { sender, unclosed } = readOutboxState(db)
      const storage = makeSqliteOutboxStorage(db, 0)
      // An unclean end keeps its date: nothing that was gathered is written down here.
      const upTo = unclosed?.committed ?? now
      storage.begin(sender ?? name, stream, upTo, [])
      storage.commit(
        {
          streams: [{
            stream,
            acked: 0,
            next,
            batches: batches.length,
            bytes: batches.reduce((sum, { bytes }) => sum + bytes, 0)
          }],
          batches,
          define: built.flatMap(({ define }) => define),
          durable: true
        },
        upTo
      )
      // What the process before left behind is for the next opening to tell.
      if (unclosed === undefined) storage.end()
      else db.prepare("UPDATE meta SET value = ? WHERE key = 'opened'").run(String(unclosed.opened))
      removeLetters(db, readable)
      return { moved: readable.length, unknown, unreadable }
    })
  })
