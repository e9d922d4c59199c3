import type { Context } from "effect"
import type { ChunkTable } from "./chunk/ChunkTable.js"
import type { RollupQueue } from "./chunk/RollupQueue.js"
import type { GroupCommit } from "./log/GroupCommit.js"
import type { Head } from "./log/Head.js"
import type { SeriesIndex } from "./series/SeriesIndex.js"
import type { StoreFaults } from "./StoreFaults.js"
import type { StoreStatements } from "./StoreStatements.js"

/** When points of the log become chunks. */
export interface FlushLimits {
  /** Points of a full chunk: a series that has so many waiting is written. */
  readonly chunkPoints: number
  /** How long points may wait, whatever their number; ms. */
  readonly maxAge: number
  /** Most bytes of the log: they bound how much a start has to read, and the memory of what waits. */
  readonly logBytes: number
  /** Points by which a day of a series grows until its rollup is brought up to date. */
  readonly rollupPoints: number
}

/** What the parts of one open store share. */
export interface StoreParts {
  readonly path: string
  readonly statements: StoreStatements
  readonly commits: GroupCommit
  readonly chunks: ChunkTable
  readonly index: SeriesIndex
  readonly head: Head
  readonly rollups: RollupQueue
  readonly limits: FlushLimits
  readonly faults: Context.Tag.Service<StoreFaults>
}
