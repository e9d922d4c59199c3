import { Effect } from "effect"
import { nextTurn } from "../../src/domain/nextTurn.js"
import type { Points } from "../../src/domain/Series.js"
import { BATCH, type BenchData } from "./BenchData.js"

/** Ms between two batches that are due. */
const every = 10

/** Ms that a turn lasts. */
const lasting = 4_000

type Commit = (points: Points) => Effect.Effect<void, unknown>

/**
 * Commits a batch every 10 ms for 4 s; answers how late each was acknowledged,
 * in ms, counted from when it was due. One that is not done by the end is as
 * late as it is then. The next batch is made before it is due, while there is
 * time for that.
 */
const paced = (commit: Commit, data: BenchData): Effect.Effect<ReadonlyArray<number>, unknown> =>
  Effect.gen(function*() {
    const late: Array<number> = []
    const begin = performance.now()
    for (let due = begin; due < begin + lasting; due += every) {
      const points = data.more(BATCH)
      const wait = due - performance.now()
      if (wait > 0) yield* Effect.sleep(wait)
      if (performance.now() < begin + lasting) yield* commit(points)
      late.push(performance.now() - due)
    }
    return late
  })

/** How late batches were, ms, alone and while something was scanned over and over without a pause. */
export interface Lateness {
  readonly alone: ReadonlyArray<number>
  readonly scanned: ReadonlyArray<number>
  /** Scans that were ended meanwhile, a second. */
  readonly scansPerSecond: number
}

/** Measures {@link Lateness} in turns of 4 s, alone and beside `scan`, after one of each that does not count. */
export const lateness = (
  commit: Commit,
  data: BenchData,
  scan: Effect.Effect<void, unknown>,
  turns: number
): Effect.Effect<Lateness, unknown> =>
  Effect.gen(function*() {
    let scans = 0
    const scanning = scan.pipe(
      Effect.tap(() => {
        scans++
      }),
      Effect.zipRight(nextTurn),
      Effect.forever
    )
    const alone: Array<number> = []
    const scanned: Array<number> = []
    // Code that never ran before is slower than anything else here.
    for (let turn = -1; turn < turns; turn++) {
      if (turn === 0) scans = 0
      const one = yield* paced(commit, data)
      const other = yield* Effect.raceFirst(paced(commit, data), scanning)
      if (turn < 0) continue
      for (const late of one) alone.push(late)
      for (const late of other) scanned.push(late)
    }
    return { alone, scanned, scansPerSecond: scans / (turns * lasting / 1_000) }
  })
