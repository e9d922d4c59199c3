import { Effect, type Scope } from "effect"
import { storeClosed, storeError } from "../GroupCommit.js"
import type { StoreError } from "../MetricStore.js"
import { nextTurn } from "../../domain/nextTurn.js"
import { judgePatterns } from "./PatternJudge.js"
import type { QueryRunner } from "./QueryRunner.js"
import { type Scan, ScannedFile } from "./Scan.js"

/** Works in this thread, in slices between which sockets have their turn. */
export const makeLocalRunner = (path: string): Effect.Effect<QueryRunner, never, Scope.Scope> =>
  Effect.gen(function*() {
    const file = new ScannedFile(path)
    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        file.close()
      })
    )
    const attempt = <A>(run: () => A): Effect.Effect<A, StoreError> =>
      Effect.suspend(() => closed ? storeClosed() : Effect.try({ try: run, catch: storeError }))

    const read = (scan: Scan) =>
      Effect.gen(function*() {
        while (!(yield* attempt(() => scan.step()))) yield* nextTurn
        return { answer: yield* scan.answer(), damaged: scan.damaged }
      })

    return {
      scan: (request) =>
        Effect.acquireUseRelease(
          Effect.flatten(attempt(() => file.begin(request))),
          read,
          (scan) => Effect.sync(() => scan.end())
        ),
      judge: (questions) => Effect.suspend(() => judgePatterns(questions))
    }
  })
