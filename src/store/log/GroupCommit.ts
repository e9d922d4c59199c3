import type Sqlite from "better-sqlite3"
import { type Context, Effect, type Scope } from "effect"
import { sqliteReason } from "../../sqlite/SqliteFileError.js"
import { StoreError } from "../MetricStore.js"
import type { StoreFaults } from "../StoreFaults.js"

/** One of the writes that share a transaction. */
export interface Write<A, B> {
  /** Runs inside the transaction, in one go. What it throws undoes this write and not its neighbours. */
  readonly run: () => A
  /**
   * Shows in memory what was written, and tells the answer: called after COMMIT and before anything else runs, in the
   * order of the writes.
   */
  readonly committed: (value: A) => B
}

/** The only way to write into a store's file. */
export interface GroupCommit {
  /**
   * Answers after COMMIT. All writes of one turn of the event loop share one transaction. Who is interrupted waits for
   * the answer.
   */
  readonly write: <A, B>(write: Write<A, B>) => Effect.Effect<B, StoreError>
  /** Writes at once, in a transaction of its own. */
  readonly writeNow: <A, B>(write: Write<A, B>) => Effect.Effect<B, StoreError>
  /** Whether the file takes writes, as the newest of them found it. */
  readonly health: () => WriteHealth
  /** Names who is told, at once, that the file began to refuse writes. */
  readonly onFailing: (tell: () => void) => void
}

/** How writes go. */
export interface WriteHealth {
  /** Why the newest write was refused; `undefined` when it was not. */
  readonly problem: StoreError | undefined
  /** How many writes were refused since the last one that was not. */
  readonly refused: number
}

interface Waiting {
  readonly run: () => void
  readonly succeed: () => void
  readonly fail: (error: StoreError) => void
}

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""

// What an operator can put right, or what passes by itself. An unreadable page is no such thing.
const isPassing = (code: string): boolean =>
  code === "SQLITE_CANTOPEN" || code === "SQLITE_NOMEM" || code === "SQLITE_PROTOCOL" ||
  (code.startsWith("SQLITE_IOERR") && !/_(?:READ|SHORT_READ|CORRUPTFS|DATA)$/.test(code))

/** Names what SQLite threw. */
export const storeError = (cause: unknown): StoreError => {
  const detail = cause instanceof Error ? cause.message : String(cause)
  const unavailable = () =>
    new StoreError({ reason: "Unavailable", message: `the store's file cannot be used now (${detail})`, cause })
  switch (sqliteReason(cause)) {
    case "Full":
      return new StoreError({ reason: "Full", message: `the disk is full (${detail})`, cause })
    case "Corrupt":
    case "NotADatabase":
      return new StoreError({ reason: "Corrupt", message: `the store's file is damaged (${detail})`, cause })
    case "Permission":
    case "Locked":
      return unavailable()
    default:
      if (isPassing(codeOf(cause))) return unavailable()
      return new StoreError({ reason: "Failed", message: `the store's file could not be used (${detail})`, cause })
  }
}

/** What a store answers after its scope ended. */
export const storeClosed = (): StoreError => new StoreError({ reason: "Closed", message: "the store is closed" })

/** Makes the {@link GroupCommit} of a connection. Writes that still wait when the scope ends are carried out then. */
export const makeGroupCommit = (
  db: Sqlite.Database,
  faults: Context.Tag.Service<StoreFaults>
): Effect.Effect<GroupCommit, StoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const [begin, commit, rollback, savepoint, undo, release] = yield* Effect.try({
      try: () =>
        ["BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "SAVEPOINT own", "ROLLBACK TO own", "RELEASE own"]
          .map((sql) => db.prepare(sql)),
      catch: storeError
    })
    let waiting: Array<Waiting> = []
    let closed = false
    let health: WriteHealth = { problem: undefined, refused: 0 }
    let tell = (): void => undefined

    const note = (errors: ReadonlyArray<StoreError>, written: number): void => {
      const refused = errors.filter(({ reason }) => reason === "Full" || reason === "Unavailable")
      const problem = refused.at(-1)
      if (problem !== undefined) {
        const wasWell = health.problem === undefined
        health = { problem, refused: health.refused + refused.length }
        if (wasWell) tell()
      } else if (written > 0) health = { problem: undefined, refused: 0 }
    }

    const abandon = (): void => {
      // SQLite ends a transaction by itself after some errors, a full disk among them.
      if (!db.inTransaction) return
      try {
        rollback.run()
      } catch {
        // The file fails here too. The next transaction tries again, and the writes were told why already.
      }
    }

    const runOne = (one: Waiting): StoreError | undefined => {
      savepoint.run()
      try {
        one.run()
        release.run()
        return undefined
      } catch (cause) {
        if (!db.inTransaction) throw cause
        undo.run()
        release.run()
        return storeError(cause)
      }
    }

    const carryOut = (group: ReadonlyArray<Waiting>): void => {
      const written: Array<Waiting> = []
      const failed: Array<() => void> = []
      const errors: Array<StoreError> = []
      try {
        abandon()
        begin.run()
        for (const one of group) {
          const error = runOne(one)
          if (error === undefined) written.push(one)
          else {
            errors.push(error)
            failed.push(() => one.fail(error))
          }
        }
        commit.run()
      } catch (cause) {
        abandon()
        const error = storeError(cause)
        note(group.map(() => error), 0)
        for (const one of group) one.fail(error)
        return
      }
      note(errors, written.length)
      faults.reach("committed")
      for (const one of written) one.succeed()
      for (const fail of failed) fail()
    }

    const turn = (): void => {
      const group = waiting
      waiting = []
      if (group.length > 0) carryOut(group)
    }

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        turn()
        closed = true
      })
    )

    const entry = <A, B>(
      { committed, run }: Write<A, B>,
      resume: (result: Effect.Effect<B, StoreError>) => void
    ): Waiting => {
      const result: Array<A> = []
      return {
        run: () => {
          result.push(run())
        },
        succeed: () => {
          for (const value of result) resume(Effect.succeed(committed(value)))
        },
        fail: (error) => resume(Effect.fail(error))
      }
    }

    return {
      write: <A, B>(write: Write<A, B>) =>
        // A turn is soon over: who is interrupted learns what became of the write.
        Effect.uninterruptible(Effect.async<B, StoreError>((resume) => {
          if (closed) return resume(storeClosed())
          waiting.push(entry(write, resume))
          if (waiting.length === 1) setImmediate(turn)
        })),
      writeNow: <A, B>(write: Write<A, B>) =>
        Effect.async<B, StoreError>((resume) => {
          if (closed) return resume(storeClosed())
          carryOut([entry(write, resume)])
        }),
      health: () => health,
      onFailing: (own) => {
        tell = own
      }
    }
  })
