import { Effect, type Scope } from "effect"
import { Worker } from "node:worker_threads"
import { nextTurn } from "../../domain/nextTurn.js"
import { storeClosed } from "../log/GroupCommit.js"
import { QueryError, StoreError } from "../MetricStore.js"
import { transferOf } from "./PackedPoints.js"
import type { QueryRunner, ScanResult } from "./QueryRunner.js"
import type { ScanRequest } from "./Scan.js"
import { AnswerJoiner, type AnswerPiece, type FromWorker, packRequest, type ToWorker } from "./WorkerMessages.js"

/** How long a worker may take to let go of a job before it counts as hung. */
const patience = "5 seconds"

/** How long a worker may take to end by itself. */
const grace = "2 seconds"

// A query that needs more costs its thread, not the process.
const heapMegabytes = 1_024

type Reply = Effect.Effect<FromWorker, StoreError>

const lost = (why: string): StoreError =>
  new StoreError({
    reason: "Unavailable",
    message: `the thread that reads for queries ended (${why}); the next query gets a new one`
  })

/** One worker, and who waits for which of its answers. */
class ReadingThread {
  private readonly worker: Worker
  private readonly waiting = new Map<number, (reply: Reply) => void>()
  private problem: string | undefined
  private gone: StoreError | undefined
  private onGone: ReadonlyArray<() => void>

  constructor(script: URL, path: string, forget: () => void) {
    this.onGone = [forget]
    this.worker = new Worker(script, {
      workerData: path,
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes }
    })
    // Only while somebody waits for it may it keep the process alive.
    this.worker.unref()
    this.worker.on("message", (message: FromWorker) => this.settle(message.id, Effect.succeed(message)))
    this.worker.on("error", (error: unknown) => {
      this.problem = error instanceof Error ? error.message : String(error)
    })
    this.worker.on("exit", (code) => {
      const gone = lost(this.problem ?? `exit code ${code}`)
      this.gone = gone
      for (const id of Array.from(this.waiting.keys())) this.settle(id, Effect.fail(gone))
      for (const tell of this.onGone) tell()
    })
  }

  private settle(id: number, reply: Reply): void {
    const resume = this.waiting.get(id)
    this.forget(id)
    resume?.(reply)
  }

  private forget(id: number): void {
    this.waiting.delete(id)
    if (this.waiting.size === 0) this.worker.unref()
  }

  /** Gives memory of text back to it, where nobody took it away. */
  give(pieces: ReadonlyArray<Uint8Array<ArrayBuffer>>): void {
    const rooms = pieces.flatMap(({ buffer }) => buffer.byteLength === 0 ? [] : [buffer])
    if (rooms.length > 0 && this.gone === undefined) this.post({ type: "spent", rooms }, rooms)
  }

  post(message: ToWorker, transfer: ReadonlyArray<ArrayBuffer> = []): void {
    this.worker.postMessage(message, transfer)
  }

  /** Sends what is answered by one message. */
  ask(message: Extract<ToWorker, { readonly id: number }>): Reply {
    return Effect.async((resume) => {
      if (this.gone !== undefined) return resume(Effect.fail(this.gone))
      this.waiting.set(message.id, resume)
      this.worker.ref()
      this.post(message)
      return Effect.sync(() => this.forget(message.id))
    })
  }

  /** Waits for its end, and says why it came. */
  get ended(): Effect.Effect<StoreError> {
    return Effect.async((resume) => {
      const tell = (): void => resume(Effect.succeed(this.gone ?? lost("unknown")))
      if (this.gone !== undefined) return tell()
      this.onGone = [...this.onGone, tell]
    })
  }

  terminate(why: string): Effect.Effect<void> {
    return Effect.promise(() => {
      this.problem ??= why
      return this.worker.terminate()
    })
  }

  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.worker.ref()
      this.post({ type: "close" })
      return this.ended.pipe(
        Effect.interruptible,
        Effect.timeoutOption(grace),
        Effect.zipRight(this.terminate("closed"))
      )
    })
  }
}

const failOf = (message: FromWorker): Effect.Effect<never, StoreError | QueryError> => {
  switch (message.type) {
    case "refused":
      return Effect.fail(new QueryError({ reason: message.reason, message: message.message }))
    case "failed":
      return Effect.fail(new StoreError({ reason: message.reason, message: message.message }))
    default:
      return Effect.dieMessage(`a worker answered with "${message.type}"`)
  }
}

/**
 * Works in a thread of its own, whose program is `script`. It is started by the
 * first query. When it dies, what it worked on fails, that is logged once, and
 * the next query starts another; one that hangs is ended.
 */
export const makeWorkerRunner = (path: string, script: URL): Effect.Effect<QueryRunner, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    let running: ReadingThread | undefined
    let closed = false
    let jobs = 0
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        return running?.close ?? Effect.void
      })
    )

    const watch = (thread: ReadingThread): Effect.Effect<void> =>
      Effect.flatMap(thread.ended, ({ message }) => closed ? Effect.void : Effect.logError(`${path}: ${message}`))

    const thread: Effect.Effect<ReadingThread, StoreError> = Effect.suspend(() => {
      if (closed) return storeClosed()
      if (running !== undefined) return Effect.succeed(running)
      const own = new ReadingThread(script, path, () => {
        if (running === own) running = undefined
      })
      running = own
      return Effect.as(Effect.forkIn(Effect.interruptible(watch(own)), scope), own)
    })

    const letGo = (thread: ReadingThread, id: number): Effect.Effect<void> =>
      thread.ask({ type: "end", id }).pipe(
        Effect.ignore,
        Effect.timeoutOption(patience),
        Effect.flatMap((answered) => answered._tag === "None" ? thread.terminate("it hung") : Effect.void),
        Effect.interruptible,
        Effect.forkIn(scope),
        Effect.asVoid
      )

    /** A job of its own number, let go of when nobody wants its answer any more. */
    const job = <A>(
      work: (thread: ReadingThread, id: number) => Effect.Effect<A, StoreError | QueryError>
    ): Effect.Effect<A, StoreError | QueryError> =>
      Effect.flatMap(thread, (own) => {
        const id = jobs++
        return Effect.onInterrupt(work(own, id), () => letGo(own, id)).pipe(
          // Its thread ended because the store did: there is no next one.
          Effect.catchTag("StoreError", (error) => closed ? storeClosed() : error)
        )
      })

    /** Reads for a query; `take` puts the pieces together, and answers the whole with the last. */
    const read = <A>(
      { query, series }: ScanRequest,
      form: AnswerPiece["type"],
      take: (
        reply: FromWorker,
        thread: ReadingThread
      ) => Effect.Effect<ScanResult<A> | undefined, StoreError | QueryError>
    ): Effect.Effect<ScanResult<A>, StoreError | QueryError> =>
      job((thread, id) =>
        Effect.gen(function*() {
          for (const part of packRequest(query, series)) {
            thread.post({ type: "series", id, part }, transferOf(part.points))
            yield* nextTurn
          }
          let result = yield* take(yield* thread.ask({ type: "scan", id, query, form }), thread)
          while (result === undefined) {
            yield* nextTurn
            result = yield* take(yield* thread.ask({ type: "more", id }), thread)
          }
          return result
        })
      )

    return {
      scan: (request) =>
        Effect.suspend(() => {
          const joiner = new AnswerJoiner()
          return read(
            request,
            "part",
            (reply) => reply.type === "part" ? Effect.succeed(joiner.add(reply.part)) : failOf(reply)
          )
        }),
      scanText: (request) =>
        Effect.suspend(() => {
          const pieces: Array<Uint8Array<ArrayBuffer>> = []
          return read(request, "text", (reply, thread) => {
            if (reply.type !== "text") return failOf(reply)
            pieces.push(reply.bytes)
            return Effect.succeed(
              reply.end === undefined
                ? undefined
                : { answer: { pieces, giveBack: () => thread.give(pieces.splice(0)) }, damaged: reply.end.damaged }
            )
          })
        }),
      judge: (questions) =>
        job((thread, id) =>
          Effect.flatMap(
            thread.ask({ type: "judge", id, questions }),
            (reply) => reply.type === "judged" ? Effect.succeed(reply.verdicts) : failOf(reply)
          )
        )
    }
  })
