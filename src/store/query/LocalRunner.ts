import { Effect, type Scope } from "effect"
import { nextTurn } from "../../domain/nextTurn.js"
import { storeClosed, storeError } from "../log/GroupCommit.js"
import type { StoreError } from "../MetricStore.js"
import { answerText } from "./AnswerText.js"
import { judgePatterns } from "./PatternJudge.js"
import type { QueryRunner } from "./QueryRunner.js"
import { type Scan, ScannedFile, type ScanRequest } from "./Scan.js"
import { TextMemory } from "./TextMemory.js"

/** Works in this thread, in slices between which sockets have their turn. */
export const makeLocalRunner = (path: string): Effect.Effect<QueryRunner, never, Scope.Scope> =>
  Effect.gen(function*() {
    const file = new ScannedFile(path)
    const memory = new TextMemory()
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
        let answer = yield* attempt(() => scan.step())
        while (answer === undefined) {
          yield* nextTurn
          answer = yield* attempt(() => scan.step())
        }
        return { answer: yield* answer, damaged: scan.damaged }
      })

    const scan = (request: ScanRequest) =>
      Effect.acquireUseRelease(
        Effect.flatten(attempt(() => file.begin(request))),
        read,
        (scan) => Effect.sync(() => scan.end())
      )

    return {
      scan,
      scanText: (request) =>
        Effect.flatMap(
          scan(request),
          ({ answer, damaged }) =>
            Effect.map(
              answerText(answer, request.query.fields !== false, memory),
              (text) => ({ answer: text, damaged })
            )
        ),
      judge: (questions) => Effect.suspend(() => judgePatterns(questions))
    }
  })
