import type { Effect } from "effect"
import type { QueryAnswer, QueryError, QueryText, StoreError } from "../MetricStore.js"
import type { PatternQuestion, PatternVerdicts } from "./PatternJudge.js"
import type { DamagedChunk, ScanRequest } from "./Scan.js"

/** An answer, and what could not be read for it. */
export interface ScanResult<A> {
  readonly answer: A
  readonly damaged: ReadonlyArray<DamagedChunk>
}

/**
 * Who does the work of queries over one store's file. Interrupting stops it
 * within about 5 ms of work.
 */
export interface QueryRunner {
  /** Reads points. The request must not be older than the last point that is to be found. */
  readonly scan: (request: ScanRequest) => Effect.Effect<ScanResult<QueryAnswer>, StoreError | QueryError>
  /** Reads points, and writes the answer as text. */
  readonly scanText: (request: ScanRequest) => Effect.Effect<ScanResult<QueryText>, StoreError | QueryError>
  /** Finds out what patterns of users say; fails when one takes too long. */
  readonly judge: (
    questions: ReadonlyArray<PatternQuestion>
  ) => Effect.Effect<PatternVerdicts, StoreError | QueryError>
}
