import { Context, type Effect, Layer, type Scope } from "effect"
import * as fs from "node:fs"
import { makeLocalRunner } from "./LocalRunner.js"
import type { QueryRunner } from "./QueryRunner.js"
import { makeWorkerRunner } from "./WorkerRunner.js"

/** How a store gets who does the work of its queries, over the file of this path. */
export interface OpenRunner {
  readonly open: (path: string) => Effect.Effect<QueryRunner, never, Scope.Scope>
}

const local: OpenRunner = { open: makeLocalRunner }

const worker = (script: URL): OpenRunner => ({ open: (path) => makeWorkerRunner(path, script) })

// Beside this module, or beside the folder of the pieces that a bundler made of it.
const found = (): OpenRunner => {
  const script = ["./ScanWorker.js", "../ScanWorker.js"]
    .map((name) => new URL(name, import.meta.url))
    .find((url) => url.protocol === "file:" && fs.existsSync(url))
  return script === undefined ? local : worker(script)
}

/**
 * The thread in which a store reads for queries: one of its own where the
 * program of that stands beside this one (`ScanWorker.js`), else that of the
 * program itself.
 */
export class QueryThread extends Context.Reference<QueryThread>()("metrics-collector/store/QueryThread", {
  defaultValue: found
}) {
  /** In the thread of the program, in slices. */
  static readonly local: Layer.Layer<never> = Layer.succeed(this, local)

  /** In a thread whose program is `script`. */
  static readonly worker = (script: URL): Layer.Layer<never> => Layer.succeed(this, worker(script))
}
