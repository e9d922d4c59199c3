import { Effect, Queue, type Scope } from "effect"
import { fork } from "node:child_process"
import type { Measured } from "./Talk.js"

/** A process that is measured, as seen by the one that started it. */
export interface Child {
  /** What it tells next. */
  readonly next: Effect.Effect<Measured>
  /** Says a word, and waits for what it tells. */
  readonly ask: (word: string) => Effect.Effect<Measured>
  /** Waits until it has ended. */
  readonly end: Effect.Effect<void>
}

const isMeasured = (value: unknown): value is Measured => typeof value === "object" && value !== null

/** Starts a file with words for its command line. It ends with the scope at the latest; its failure is a defect. */
export const startChild = (file: string, ...words: ReadonlyArray<string>): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.gen(function*() {
    const messages = yield* Queue.unbounded<Effect.Effect<Measured>>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(file, words, { stdio: ["ignore", "inherit", "inherit", "ipc"] })),
      (started) => Effect.sync(() => started.kill("SIGKILL"))
    )
    child.on("message", (message) => {
      if (isMeasured(message)) messages.unsafeOffer(Effect.succeed(message))
    })
    const ended = new Promise<void>((resolve) => {
      child.on("exit", (code) => {
        messages.unsafeOffer(Effect.dieMessage(`${file} ended with ${code}`))
        resolve()
      })
    })
    const next = Effect.flatten(Queue.take(messages))
    const say = (word: string) => Effect.sync(() => child.send(word))
    return {
      next,
      ask: (word) => Effect.zipRight(say(word), next),
      end: Effect.zipRight(say("end"), Effect.promise(() => ended))
    }
  })
