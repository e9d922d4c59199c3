import { Context, Data, Effect } from "effect"
import * as fs from "node:fs"

/** Space of a filesystem, as statfs(2) tells it: sizes in blocks of `blockSize` bytes. */
export interface FilesystemSpace {
  readonly blockSize: number
  readonly blocks: number
  readonly blocksFree: number
  /** Free for an ordinary user. */
  readonly blocksAvailable: number
  /** 0 where the filesystem has no fixed number. */
  readonly inodes: number
  readonly inodesFree: number
}

/** A filesystem did not tell its space. */
export class StatFsError extends Data.TaggedError("StatFsError")<{
  readonly path: string
  readonly cause: unknown
}> {}

/**
 * Asks a filesystem for its space. It does not block the event loop, but on a
 * dead network filesystem it may never return, and until then it occupies one
 * of Node's few file-system threads. By default `fs.statfs` of Node.
 */
export class StatFs extends Context.Reference<StatFs>()("metrics-collector/generators/system/StatFs", {
  defaultValue: () => (path: string): Effect.Effect<FilesystemSpace, StatFsError> =>
    Effect.async((resume) => {
      fs.statfs(path, (cause, stats) =>
        resume(
          cause === null
            ? Effect.succeed({
              blockSize: stats.bsize,
              blocks: stats.blocks,
              blocksFree: stats.bfree,
              blocksAvailable: stats.bavail,
              inodes: stats.files,
              inodesFree: stats.ffree
            })
            : Effect.fail(new StatFsError({ path, cause }))
        ))
    })
}) {}
